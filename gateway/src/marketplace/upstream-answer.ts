/** One small call to an upstream as a promise: for verification, never for a buyer's request. */
import type { Egress, EgressCall, EgressTarget } from '../egress/egress.ts'
import type { Exchange, ExchangeFailure } from '../egress/exchange.ts'

// OpenRouter's list of models, the longest known, has half a megabyte.
const MAX_BYTES = 2 * 1024 * 1024
// Reasoning models think before their one token.
const TOTAL_MS = 30_000
const IDLE_MS = 10_000

/** The longest that `count` calls in a row take. */
export function longestMs(count: number): number {
  return count * TOTAL_MS
}

/** A status with the whole body, or what went wrong on the way. */
export type UpstreamAnswer =
  | { status: number; headers: Readonly<Record<string, string>>; body: Buffer }
  | { failure: ExchangeFailure['class'] | 'blocked' }

/** Never rejects; ends with `own_fault` when `signal` is given. */
export function askUpstream(
  egress: Pick<Egress, 'send'>,
  { target, call, signal }: { target: EgressTarget; call: EgressCall; signal: AbortSignal },
): Promise<UpstreamAnswer> {
  return new Promise((resolve) => {
    let exchange: Exchange | undefined
    let head: { status: number; headers: Readonly<Record<string, string>> } | undefined
    const chunks: Buffer[] = []
    const end = (answer: UpstreamAnswer) => {
      signal.removeEventListener('abort', abort)
      resolve(answer)
    }
    const abort = () => {
      exchange?.abort()
      end({ failure: 'own_fault' })
    }
    if (signal.aborted) return resolve({ failure: 'own_fault' })
    signal.addEventListener('abort', abort)
    const limits = { firstByteMs: TOTAL_MS, idleMs: IDLE_MS, totalMs: TOTAL_MS, maxBytes: MAX_BYTES }
    exchange = egress.send(target, call, limits, {
      onHeaders(status, headers) {
        head = { status, headers }
      },
      onData: (chunk) => void chunks.push(chunk),
      onEnd: () => end(head ? { ...head, body: Buffer.concat(chunks) } : { failure: 'malformed' }),
      onFailure: ({ class: failure, blocked }) => end({ failure: blocked ? 'blocked' : failure }),
    })
  })
}
