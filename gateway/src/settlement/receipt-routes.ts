/** `GET /api/receipts/{id}` for who paid, and the public keys for everybody. */
import { type Request, Router } from 'express'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import type { Caller } from '../keys/verify.ts'
import { GatewayError } from '../platform/errors.ts'
import { bearerOf } from '../users/bearer.ts'
import type { Sessions } from '../users/sessions.ts'
import { getReceipt } from './api.ts'
import { compactJws, receiptJson } from './receipt.ts'
import { type Asker, keyAsker, type Receipts } from './receipts.ts'

export interface ReceiptRoutesDeps {
  door: Door
  receipts: Pick<Receipts, 'get'>
  sessions: Pick<Sessions, 'principalOf'>
  /** Throws 401 for a key that is none, 503 when nobody can say. */
  verifyKey: (token: string) => Caller | Promise<Caller>
}

export function createReceiptRoutes(deps: ReceiptRoutesDeps): Router {
  const router = Router()
  serveOperation(router, deps.door, getReceipt, async ({ query, params, request, response }) => {
    const receipt = await deps.receipts.get(String(params.id), await askerOf(deps, request))
    // It never changes, but it is the buyer's alone.
    response.setHeader('cache-control', 'private, max-age=31536000, immutable')
    response.vary('authorization')
    if (query.format === 'jws') response.type('application/jose').send(compactJws(receipt))
    else response.type('application/json').send(receiptJson(receipt))
    return sent
  })
  return router
}

/** `GET /.well-known/jwks.json`: the keys, current and former, that receipts verify under. */
export function createJwksRoutes({ receipts }: { receipts: Pick<Receipts, 'jwks'> }): Router {
  const router = Router()
  router.get('/.well-known/jwks.json', async (_request, response) => {
    const keys = await receipts.jwks()
    response.setHeader('cache-control', 'public, max-age=300')
    response.setHeader('access-control-allow-origin', '*')
    response.json({ keys })
  })
  return router
}

/** A signed-in user, a key that may read, or a key that may call models: that one sees its own requests only. */
async function askerOf({ sessions, verifyKey }: ReceiptRoutesDeps, request: Request): Promise<Asker> {
  const token = bearerOf(request.headers.authorization)
  if (token === undefined) {
    throw new GatewayError(
      'not_signed_in',
      'Send an API key, or the token of POST /api/login, as Authorization: Bearer.',
    )
  }
  if (token.startsWith('sk-')) return keyAsker(await verifyKey(token))
  const { organisationId } = await sessions.principalOf(token)
  return { organisationId }
}
