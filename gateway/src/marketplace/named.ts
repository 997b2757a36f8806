/** Names in queries: of models by any of their names, of listings and organisations by their outside ids. */
import type { Catalog } from '../catalog/catalog.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'

/** A filter by alias finds what is offered under the id; an unknown name finds nothing. */
export function publicModelId(name: string, catalog: Pick<Catalog, 'find'>): string {
  try {
    return catalog.find(name).id
  } catch {
    return name
  }
}

/** The UUID of a listing that a query names. Throws `invalid_value`. */
export function listingFilter(named: string | undefined): string | undefined {
  if (named === undefined) return undefined
  const id = parseId('lst-', named)
  if (id) return id
  throw new GatewayError('invalid_value', 'listing: use an id such as lst-….', { param: 'listing' })
}
