// How often what was delivered is noted, should this process die: about every 256 tokens, or every second.
const PROGRESS_MS = 1_000
const PROGRESS_CHARS = 1_024

/** Says when what a stream has delivered is to be noted again. */
export class Progress {
  #notedMs = 0
  #chars = 0

  begin(nowMs: number): void {
    this.#notedMs = nowMs
  }

  wrote(chars: number): void {
    this.#chars += chars
  }

  /** True at most once for the same progress. */
  isDue(nowMs: number): boolean {
    if (nowMs - this.#notedMs < PROGRESS_MS && this.#chars < PROGRESS_CHARS) return false
    this.#notedMs = nowMs
    this.#chars = 0
    return true
  }
}
