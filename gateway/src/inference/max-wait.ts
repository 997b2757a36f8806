/** `max_wait_ms`: how long a request may wait for a place when every offer is full, by its caller's own word. */
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../platform/errors.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { MAX_WAIT_MS } from '../routing/waiting-room.ts'

const HEADER = 'x-gateway-max-wait'

/**
 * Milliseconds, 0 for a caller that does not wait. The body's `max_wait_ms` wins over the header, and either over
 * `service_tier: "flex"`, which allows the most. Throws `invalid_value` for anything but whole milliseconds up to that.
 */
export function maxWaitMs(request: ChatRequest, headers: IncomingHttpHeaders): number {
  const inBody = request.max_wait_ms ?? undefined
  const given = inBody ?? headers[HEADER]
  if (given === undefined) return request.service_tier === 'flex' ? MAX_WAIT_MS : 0
  const ms = typeof given === 'number' ? given : /^\d{1,9}$/.test(String(given)) ? Number(given) : Number.NaN
  if (Number.isInteger(ms) && ms >= 0 && ms <= MAX_WAIT_MS) return ms
  throw new GatewayError(
    'invalid_value',
    `max_wait_ms is a whole number of milliseconds from 0 to ${MAX_WAIT_MS}. Leave it out not to wait.`,
    { param: inBody === undefined ? HEADER : 'max_wait_ms' },
  )
}
