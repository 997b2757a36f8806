import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'

/** The listing that a path names, as `lst-…`. Throws `not_found`. */
export function listingIdOf(request: { params: { id?: unknown } }): string {
  const id = parseId('lst-', String(request.params.id))
  if (id) return id
  throw new GatewayError('not_found', 'There is no such listing. GET /api/marketplace/listings lists yours.')
}
