import type { NextFunction, Request, Response } from 'express'
import { GatewayError } from '../platform/errors.ts'

export type Role = 'owner' | 'buyer' | 'seller' | 'operator'

/** Who is behind a call to `/api`: a signed-in user, or an API key with the `read` scope. */
export type Principal =
  | {
      kind: 'user'
      userId: string
      sessionId: string
      /** The personal organisation: wallet, keys and listings of this user. */
      organisationId: string
      /** Roles in the personal organisation, plus `operator` for members of the platform organisation. */
      roles: readonly Role[]
    }
  | { kind: 'key'; keyId: string; organisationId: string }

/** The principal that the authenticating middleware of `users/` left on this request. Throws `not_signed_in`. */
export function principalOf(response: Response): Principal {
  const principal = response.locals.principal as Principal | undefined
  if (!principal)
    throw new GatewayError(
      'not_signed_in',
      'Sign in with POST /api/login and send the token as Authorization: Bearer.',
    )
  return principal
}

/** As `principalOf`, for routes that only people may use. Throws `forbidden` for API keys. */
export function userOf(response: Response): Extract<Principal, { kind: 'user' }> {
  const principal = principalOf(response)
  if (principal.kind !== 'user')
    throw new GatewayError('forbidden', 'An API key cannot do this; sign in as a user.')
  return principal
}

/** Middleware that lets only users with `role` pass. */
export function requireRole(role: Role) {
  return function checkRole(_request: Request, response: Response, next: NextFunction): void {
    if (!userOf(response).roles.includes(role)) {
      throw new GatewayError('forbidden', `This needs the role '${role}'. Ask an operator to grant it.`)
    }
    next()
  }
}
