/** OpenRouter's questions about money: `/generation?id=`, `/credits` and `/key`, for API keys. */
import { type Request, type Response, Router } from 'express'
import { bearerToken } from '../keys/bearer-token.ts'
import type { Caller } from '../keys/verify.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { GatewayError } from '../platform/errors.ts'
import { creditsJson, generationJson, keyJson } from './receipt-generation.ts'
import { keyAsker, type Receipts } from './receipts.ts'

export interface WireRoutesDeps {
  receipts: Pick<Receipts, 'factsOf' | 'totalsOf' | 'spendingOf'>
  ledger: Pick<Ledger, 'budgetOf'>
  verifyKey: (token: string) => Caller | Promise<Caller>
}

/** Where the routes below answer, relative to `/v1`; `/auth/key` is what older clients ask. */
export const wirePaths = ['/generation', '/credits', '/key', '/auth/key']

/** Routes relative to `/v1`. */
export function createWireRoutes(deps: WireRoutesDeps): Router {
  const { receipts, ledger } = deps
  const router = Router()
  router.get('/generation', async (request, response) => {
    const { caller } = await callerOf(deps, request)
    const { id } = request.query
    if (typeof id !== 'string' || id === '') {
      throw new GatewayError('invalid_value', 'Say which generation: ?id=gen-…, the id of a chat answer.', {
        param: 'id',
      })
    }
    sendData(response, generationJson(await receipts.factsOf(id, keyAsker(caller))))
  })
  router.get('/credits', async (request, response) => {
    const { caller } = await callerOf(deps, request)
    if (!caller.scopes.has('read')) {
      throw new GatewayError(
        'forbidden',
        "This API key lacks the scope 'read'. Create one that has it under Keys.",
      )
    }
    sendData(response, creditsJson(await receipts.totalsOf(caller.organisationId)))
  })
  router.get(['/key', '/auth/key'], async (request, response) => {
    const { caller, label } = await callerOf(deps, request)
    const [budget, spending] = await Promise.all([
      ledger.budgetOf(caller.keyId),
      receipts.spendingOf(caller.keyId),
    ])
    const { expiresAtMs, requestsPerMinute } = caller
    sendData(response, keyJson({ label, expiresAtMs, requestsPerMinute, budget, spending }))
  })
  return router
}

function sendData(response: Response, body: string): void {
  response.setHeader('cache-control', 'no-store')
  response.type('application/json').send(body)
}

// `sk-brs-` and the public id; what comes after it is the secret.
const PUBLIC_LENGTH = 19

async function callerOf(
  { verifyKey }: WireRoutesDeps,
  request: Request,
): Promise<{ caller: Caller; label: string }> {
  const token = bearerToken(request.headers)
  if (token === undefined) {
    throw new GatewayError('invalid_api_key', 'No API key was sent. Send Authorization: Bearer sk-brs-…')
  }
  const caller = await verifyKey(token)
  return { caller, label: `${token.slice(0, PUBLIC_LENGTH)}…${token.slice(-4)}` }
}
