/** Who asks about the market or a request: a key that may read, or a signed-in user. */
import type { Request } from 'express'
import type { Caller } from '../keys/verify.ts'
import { GatewayError } from '../platform/errors.ts'
import { bearerOf } from '../users/bearer.ts'
import type { Sessions } from '../users/sessions.ts'

export interface ReaderDeps {
  sessions: Pick<Sessions, 'principalOf'>
  /** Throws 401 for a key that is none, 503 when nobody can say. */
  verifyKey: (token: string) => Caller | Promise<Caller>
}

export interface Reader {
  organisationId: string
  /** An operator sees everybody's. */
  all: boolean
  /** The key that asks, whose limits count; a signed-in user asks about the whole market. */
  caller?: Caller
}

/** Throws `not_signed_in`, or `forbidden` for a key without the scope `read`. */
export async function readerOf({ sessions, verifyKey }: ReaderDeps, request: Request): Promise<Reader> {
  const token = bearerOf(request.headers.authorization)
  if (token === undefined) {
    throw new GatewayError(
      'not_signed_in',
      'Send an API key, or the token of POST /api/login, as Authorization: Bearer.',
    )
  }
  if (!token.startsWith('sk-')) {
    const { organisationId, roles } = await sessions.principalOf(token)
    return { organisationId, all: roles.includes('operator') }
  }
  const caller = await verifyKey(token)
  if (caller.scopes.has('read')) return { organisationId: caller.organisationId, all: false, caller }
  throw new GatewayError(
    'forbidden',
    "This API key lacks the scope 'read'. Create one that has it under Keys.",
  )
}
