// What may come between two pieces of content, an event of the largest size among it: heartbeats for minutes are a few
// kilobytes. Whoever sends more does not answer but keeps us busy.
const MAX_BYTES = 5 * 1024 * 1024
const MAX_EVENTS = 10_000

/** Notices an upstream that sends a great deal and says nothing. */
export class Chatter {
  #bytes = 0
  #events = 0

  received(bytes: number): void {
    this.#bytes += bytes
  }

  event({ isContent }: { isContent: boolean }): void {
    if (isContent) {
      this.#bytes = 0
      this.#events = 0
    } else this.#events += 1
  }

  get isTooMuch(): boolean {
    return this.#bytes > MAX_BYTES || this.#events > MAX_EVENTS
  }
}
