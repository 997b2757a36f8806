/** Counts by name over the last hour, in twelve parts of five minutes each. */

const PARTS = 12
const PART_MS = 300_000

export class HourCounts {
  readonly #parts = new Map<string, Float64Array>()
  #partAt = Number.NEGATIVE_INFINITY

  add(name: string, amount: number, nowMs: number): void {
    this.#turn(nowMs)
    let parts = this.#parts.get(name)
    if (!parts) {
      parts = new Float64Array(PARTS)
      this.#parts.set(name, parts)
    }
    const at = this.#partAt % PARTS
    parts[at] = (parts[at] as number) + amount
  }

  /** Names without a count are left out. */
  sums(nowMs: number): Record<string, number> {
    this.#turn(nowMs)
    const sums: Record<string, number> = {}
    for (const [name, parts] of this.#parts) {
      const sum = parts.reduce((total, part) => total + part, 0)
      if (sum > 0) sums[name] = Math.round(sum)
    }
    return sums
  }

  /** Empties the parts that are older than an hour by now. */
  #turn(nowMs: number): void {
    const part = Math.floor(nowMs / PART_MS)
    if (part <= this.#partAt) return
    const passed = Math.min(PARTS, part - this.#partAt)
    for (const parts of this.#parts.values())
      for (let step = 0; step < passed; step += 1) parts[(part - step) % PARTS] = 0
    this.#partAt = part
  }
}
