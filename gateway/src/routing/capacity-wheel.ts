/**
 * When leases run out: one wheel of slots for all of them instead of a timer each. Nobody turns it by the clock: whoever
 * asks for capacity does, so it costs nothing while nothing happens, and a simulated clock turns it as well as a real one.
 */

const TICK_MS = 250

/** A round of four minutes; what is due later is looked at once a round. */
const MAX_SLOTS = 1_024

export interface Timed {
  dueMs: number
  /** Neighbours in the slot; undefined outside of the wheel. */
  before: Timed | undefined
  after: Timed | undefined
}

/** Times are milliseconds of the monotonic clock. An entry is told up to a tick after it is due, never before. */
export class Wheel<Entry extends Timed> {
  /** Before this there is nothing to turn for. */
  nextMs: number
  readonly #slots: Timed[]
  #tick: number

  /** Most entries are due within `spanMs` after they are put in. */
  constructor(spanMs: number, nowMs: number) {
    const slots = Math.min(MAX_SLOTS, Math.ceil(spanMs / TICK_MS) + 2)
    this.#slots = Array.from({ length: slots }, emptySlot)
    this.#tick = Math.floor(nowMs / TICK_MS)
    this.nextMs = (this.#tick + 1) * TICK_MS
  }

  /** To put it off later, `dueMs` is simply set: it is looked at again when its turn comes. */
  add(entry: Entry, dueMs: number): void {
    entry.dueMs = dueMs
    this.#put(entry, dueMs)
  }

  /** Does nothing for an entry that is not in the wheel. */
  remove(entry: Entry): void {
    const { before, after } = entry
    if (!before || !after) return
    before.after = after
    after.before = before
    entry.before = undefined
    entry.after = undefined
  }

  /** Calls `due` for each entry whose time is over; it is out of the wheel then. Later ones find their new place. */
  turn(nowMs: number, due: (entry: Entry) => void): void {
    const last = Math.floor(nowMs / TICK_MS)
    // After a long pause every slot is passed once, and not more often.
    const first = Math.max(this.#tick, last - this.#slots.length)
    this.#tick = last
    this.nextMs = (last + 1) * TICK_MS
    for (let tick = first; tick < last; tick += 1) this.#empty(tick, nowMs, due)
  }

  #empty(tick: number, nowMs: number, due: (entry: Entry) => void): void {
    const slot = this.#slots[tick % this.#slots.length] as Timed
    if (slot.after === slot) return
    // Moved to a list of its own: what is put in meanwhile may belong to this very slot, a round later.
    const list = emptySlot()
    list.after = slot.after as Timed
    list.before = slot.before as Timed
    list.after.before = list
    list.before.after = list
    slot.after = slot
    slot.before = slot
    for (let entry = list.after; entry !== list; entry = list.after) {
      this.remove(entry as Entry)
      if (entry.dueMs <= nowMs) due(entry as Entry)
      else this.#put(entry, entry.dueMs)
    }
  }

  #put(entry: Timed, dueMs: number): void {
    const slot = this.#slots[Math.max(this.#tick, Math.floor(dueMs / TICK_MS)) % this.#slots.length] as Timed
    const last = slot.before as Timed
    entry.before = last
    entry.after = slot
    last.after = entry
    slot.before = entry
  }
}

function emptySlot(): Timed {
  const slot: Timed = { dueMs: Number.POSITIVE_INFINITY, before: undefined, after: undefined }
  slot.before = slot
  slot.after = slot
  return slot
}
