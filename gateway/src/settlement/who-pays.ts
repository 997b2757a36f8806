/**
 * The disconnect contract: who pays for a request, whatever way it ended. One rule for streams and whole answers; the
 * words stand in gateway/ARCHITECTURE.md.
 */

/** How far the upstream had come: asked, answered with 2xx headers, delivering, or done with its usage told. */
export type Stage = 'asked' | 'answered' | 'delivering' | 'finished'

export type End =
  /** The whole answer is there. */
  | { by: 'upstream_finished'; empty: boolean }
  /** The client closed the connection, or a limit that depends on the client was reached. */
  | { by: 'client_gone' | 'slow_reader' | 'too_large' | 'too_long' | 'max_cost'; stage: Stage }
  | { by: 'upstream_broke' }
  /** The gateway stops, or has a fault. */
  | { by: 'we_broke'; stage: Stage }

export interface Verdict {
  /** `whole`: the usage; `delivered`: prompt and what was delivered, by our count, within the hold. */
  buyer: 'whole' | 'delivered' | 'nothing'
  seller: 'his_share' | 'his_share_from_us' | 'nothing'
  /** Whether it counts as answered, so that it has a usage record and a receipt. */
  recorded: boolean
}

const paid = (buyer: 'whole' | 'delivered'): Verdict => ({ buyer, seller: 'his_share', recorded: true })
const free: Verdict = { buyer: 'nothing', seller: 'nothing', recorded: false }

export function whoPays(end: End): Verdict {
  switch (end.by) {
    case 'upstream_finished':
      return end.empty ? { ...free, recorded: true } : paid('whole')
    case 'upstream_broke':
      return free
    case 'we_broke':
      return end.stage === 'asked' ? free : { ...free, seller: 'his_share_from_us' }
    default:
      return end.stage === 'asked' ? free : paid('delivered')
  }
}
