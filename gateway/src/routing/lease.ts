import type { OutcomeClass } from '../providers/outcome.ts'

/** What an attempt has taken. Whoever holds it ends it exactly when the attempt is over. */
export interface Lease {
  /** Gives back what was taken, corrects it to what was used, and tells how it went. Only the first call counts. */
  end(outcome: OutcomeClass, used?: LeaseUse): void
  /** Nothing was sent: everything comes back at once, as if it had not been taken. */
  undo(): void
  /** The attempt still runs. A lease that is neither ended nor renewed for two minutes gives its place up as lost. */
  renew(): void
}

/** What an attempt came to use, as far as it is known. */
export interface LeaseUse {
  tokens?: number
  /** What the buyer is billed. */
  costNanos?: bigint
  retryAfterMs?: number
  /** From the attempt's start to its first content. */
  ttftMs?: number
  /** From the attempt's start to its end. */
  durationMs?: number
  /** Completion tokens. */
  outputTokens?: number
}
