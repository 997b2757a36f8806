import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { GatewayError } from '../platform/errors.ts'
import { bearerOf } from './bearer.ts'
import type { Sessions } from './sessions.ts'

/** What is needed of a key's caller here; `keys/` stands above and fits it. */
export interface KeyHolder {
  keyId: string
  organisationId: string
  scopes: ReadonlySet<string>
}

export interface AuthenticateDeps {
  sessions: Pick<Sessions, 'principalOf'>
  /** Throws 401 for a key that is none, 503 when nobody can say. */
  verifyKey: (token: string) => KeyHolder | Promise<KeyHolder>
}

/**
 * Middleware of `/api`: leaves the principal behind `Authorization: Bearer` in `response.locals.principal`. A header
 * that proves nothing is refused; no header leaves no principal, which `principalOf` then refuses. Cookies count for
 * nothing here, so a foreign page can make a browser say nothing.
 */
export function createAuthenticate({ sessions, verifyKey }: AuthenticateDeps): RequestHandler {
  return async function authenticate(
    request: Request,
    response: Response,
    next: NextFunction,
  ): Promise<void> {
    // The same request may pass twice: at the app and at the route.
    if (response.locals.principal === undefined && request.headers.authorization !== undefined) {
      const token = bearerOf(request.headers.authorization)
      if (token === undefined)
        throw new GatewayError('not_signed_in', 'Send the token as Authorization: Bearer.')
      response.locals.principal = token.startsWith('sk-')
        ? await keyPrincipal(verifyKey, token)
        : await sessions.principalOf(token)
    }
    next()
  }
}

async function keyPrincipal(verifyKey: AuthenticateDeps['verifyKey'], token: string) {
  const { keyId, organisationId, scopes } = await verifyKey(token)
  if (!scopes.has('read')) {
    throw new GatewayError(
      'forbidden',
      "This API key lacks the scope 'read'. Create one that has it under Keys.",
    )
  }
  return { kind: 'key', keyId, organisationId } as const
}
