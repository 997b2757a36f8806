/** A vendor that counts for itself: requests and tokens in any 60 seconds and requests at once, each to the last one. */
export interface StrictLimits {
  requestsPerMinute?: number
  tokensPerMinute?: number
  concurrency?: number
}

export interface Visit {
  atMs: number
  tokens: number
}

const WINDOW_MS = 60_000

/** Times are milliseconds of one clock and never go back. */
export class StrictUpstream {
  readonly #limits: StrictLimits
  /** Everything that was let in, in order of arrival. */
  readonly log: Visit[] = []
  /** What was in the way, one entry for each refusal. */
  readonly refused: (keyof StrictLimits)[] = []
  mostAtOnce = 0
  /** Milliseconds of all requests together. */
  busyMs = 0
  #running = 0
  #first = 0
  #tokens = 0

  constructor(limits: StrictLimits) {
    this.#limits = limits
  }

  /** Counts the request with all that it may use, or refuses it; a refused one counts for nothing. */
  arrive(atMs: number, tokens: number): Visit | undefined {
    this.#forget(atMs)
    const { requestsPerMinute = Infinity, tokensPerMinute = Infinity, concurrency = Infinity } = this.#limits
    if (this.log.length - this.#first + 1 > requestsPerMinute) return this.#refuse('requestsPerMinute')
    if (this.#tokens + tokens > tokensPerMinute) return this.#refuse('tokensPerMinute')
    if (this.#running + 1 > concurrency) return this.#refuse('concurrency')
    const visit = { atMs, tokens }
    this.log.push(visit)
    this.#tokens += tokens
    this.#running += 1
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#running)
    return visit
  }

  /** It used fewer tokens than it might have. */
  leave(visit: Visit, atMs: number, usedTokens: number): void {
    this.#forget(atMs)
    this.#running -= 1
    this.busyMs += atMs - visit.atMs
    if (visit.atMs > atMs - WINDOW_MS) this.#tokens += usedTokens - visit.tokens
    visit.tokens = usedTokens
  }

  /** Requests and tokens that came between two times. */
  servedBetween(fromMs: number, toMs: number): { requests: number; tokens: number } {
    const visits = this.log.filter(({ atMs }) => atMs >= fromMs && atMs < toMs)
    return { requests: visits.length, tokens: visits.reduce((sum, { tokens }) => sum + tokens, 0) }
  }

  #refuse(kind: keyof StrictLimits): undefined {
    this.refused.push(kind)
    return undefined
  }

  #forget(atMs: number): void {
    for (
      let visit = this.log[this.#first];
      visit && visit.atMs <= atMs - WINDOW_MS;
      visit = this.log[this.#first]
    ) {
      this.#tokens -= visit.tokens
      this.#first += 1
    }
  }
}
