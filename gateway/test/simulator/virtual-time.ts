/**
 * Time as a simulation runs it: events in virtual milliseconds, one after the other, each with all that follows from it
 * before the next. The timers of the code under test run in it as well, so nothing ever waits.
 */
import type { Clock } from '../../src/platform/clock.ts'

const settleAll = setImmediate
const real = { setTimeout, clearTimeout, now: Date.now }

/** Nothing of a simulation is that far off; a breaker's own timer, which must never fire, is. */
const HORIZON_MS = 2 * 86_400_000

/** Where the monotonic clock begins; that it is not 0 shows up code which takes the one clock for the other. */
const MONOTONIC_START_MS = 1_000_000

export interface VirtualTime {
  clock: Clock
  /** Milliseconds since the beginning. */
  elapsedMs(): number
  /**
   * Calls `run` after `ms`; returns how to stop it. What happens in our process (`ours`) waits while it stalls, what
   * happens elsewhere does not.
   */
  after(ms: number, run: () => void, where?: 'ours' | 'theirs'): () => void
  sleep(ms: number): Promise<void>
  /** Our process does nothing from `fromMs` (elapsed) for `forMs`. */
  stall(fromMs: number, forMs: number): void
  /** Runs until `isOver` says so after an event, or nothing is left to happen. */
  run(isOver: () => boolean): Promise<void>
  /** Gives the code under test these timers instead of the machine's; returns how to take them back. */
  install(): () => void
}

interface Event {
  atMs: number
  order: number
  run: (() => void) | undefined
  ours: boolean
}

export function createVirtualTime(startMs: number): VirtualTime {
  const queue = createQueue()
  let nowMs = 0
  let order = 0
  let stalled = { fromMs: Number.POSITIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY }

  function after(ms: number, run: () => void, where: 'ours' | 'theirs' = 'ours'): () => void {
    order += 1
    const event: Event = { atMs: nowMs + Math.max(0, ms), order, run, ours: where === 'ours' }
    queue.push(event)
    return () => {
      event.run = undefined
    }
  }

  /** What comes while we stall is looked at when that is over, in the order in which it came. */
  function isPutOff(event: Event): boolean {
    if (!event.ours || event.atMs < stalled.fromMs || event.atMs >= stalled.untilMs) return false
    order += 1
    event.atMs = stalled.untilMs
    event.order = order
    queue.push(event)
    return true
  }

  async function run(isOver: () => boolean): Promise<void> {
    for (let event = queue.pop(); event; event = queue.pop()) {
      if (!event.run || isPutOff(event)) continue
      if (event.atMs > HORIZON_MS) return
      nowMs = event.atMs
      event.run()
      if (event.ours) await new Promise<void>((resolve) => settleAll(resolve))
      if (isOver()) return
    }
  }

  const clock = { nowMs: () => Math.floor(startMs + nowMs), monotonicMs: () => MONOTONIC_START_MS + nowMs }
  return {
    clock,
    elapsedMs: () => nowMs,
    after,
    sleep: (ms) => new Promise((resolve) => after(ms, resolve)),
    stall(fromMs, forMs) {
      stalled = { fromMs, untilMs: fromMs + forMs }
    },
    run,
    install() {
      globalThis.setTimeout = timerOf(after) as unknown as typeof setTimeout
      globalThis.clearTimeout = ((timer?: { stop?: () => void }) => timer?.stop?.()) as typeof clearTimeout
      Date.now = clock.nowMs
      return () => {
        globalThis.setTimeout = real.setTimeout
        globalThis.clearTimeout = real.clearTimeout
        Date.now = real.now
      }
    },
  }
}

/** What `setTimeout` of Node returns, as far as libraries use it. */
function timerOf(after: VirtualTime['after']) {
  return (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) => {
    const timer = {
      stop: after(ms, () => run(...given)),
      ref: () => timer,
      unref: () => timer,
      hasRef: () => true,
    }
    return timer
  }
}

/** A binary heap: the earliest first, of the same time the one that was put in first. */
function createQueue() {
  const heap: Event[] = []
  const isBefore = (a: Event, b: Event) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)

  function push(event: Event): void {
    let at = heap.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(heap[parent] as Event, event)) break
      heap[at] = heap[parent] as Event
      at = parent
    }
    heap[at] = event
  }

  function pop(): Event | undefined {
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = child + 1
      if (right < heap.length && isBefore(heap[right] as Event, heap[child] as Event)) child = right
      if (isBefore(last, heap[child] as Event)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
    return first
  }

  return { push, pop }
}
