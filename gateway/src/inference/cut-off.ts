import { GatewayError } from '../platform/errors.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'
import type { Lease } from '../routing/lease.ts'

/** How a running request is reached from outside: to end it, and to keep what it has taken. */
export interface CutOff {
  /** Set while there is something to end. */
  stop: ((failure: UpstreamFailure) => void) | undefined
  /** Set once the request was ended: nothing is tried for it any more, and this is what its client hears. */
  reason: GatewayError | undefined
  /** The attempt that runs; nobody's is kept for longer than two minutes after its client has gone. */
  lease?: Pick<Lease, 'renew'>
}

/** What a client hears that comes, or is still waiting, when the gateway stops. */
export function shuttingDown(
  message = 'This gateway is shutting down; send the request again.',
): GatewayError {
  return new GatewayError('shutting_down', message, { retryAfterMs: 1_000 })
}

/** Whether the request was ended by a fault of ours, and not because its hold was refused. */
export function isOurs({ reason }: CutOff): boolean {
  return reason !== undefined && reason.status >= 500
}
