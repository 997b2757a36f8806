/** Whose requests somebody looks at, and how much of them he sees. */
import type { Principal } from '../http/principal.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'

/**
 * `buyer`: an organisation's own, whole; `seller`: what its listings served, without who bought it; `market`: everybody's,
 * whole, for operators.
 */
export type View =
  | { side: 'buyer'; organisationId: string }
  | { side: 'seller'; organisationId: string }
  | { side: 'market' }

export function isOperator(principal: Principal): boolean {
  return principal.kind === 'user' && principal.roles.includes('operator')
}

/**
 * `organisation` is `org-…`, one's own unless told, or `all`; others than one's own are for operators. An API key sees what
 * its organisation bought. Throws `forbidden`.
 */
export function viewOf(
  principal: Principal,
  { side, organisation }: { side: 'buyer' | 'seller'; organisation?: string | undefined },
): View {
  if (organisation === 'all' && isOperator(principal)) return { side: 'market' }
  const id = organisation === undefined ? principal.organisationId : parseId('org-', organisation)
  if (id === undefined || (id !== principal.organisationId && !isOperator(principal)))
    throw new GatewayError('forbidden', 'You can see your own organisation only.', { param: 'organisation' })
  if (side === 'seller' && principal.kind === 'key')
    throw new GatewayError('forbidden', 'An API key cannot see sales; sign in as a user.', { param: 'side' })
  return { side, organisationId: id }
}
