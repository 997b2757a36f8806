/** `/api/requests`: the log, one request, and requests as they end. */
import { type Request, Router } from 'express'
import { cursorId } from '../audit/page.ts'
import { type Principal, principalOf } from '../http/principal.ts'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { getRequest, listRequests, tailRequests } from './api.ts'
import { requestsCsv } from './csv.ts'
import { filterOf, type Requests } from './requests.ts'
import type { Files } from './send-file.ts'
import type { Tail } from './tail.ts'
import { streamRequests } from './tail-stream.ts'
import { isOperator, viewOf } from './view.ts'

const TAILS_PER_ORGANISATION = 5

export interface RequestsRoutesDeps {
  requests: Requests
  tail: Tail
  files: Files
  door: Door
}

export function createRequestsRoutes({ requests, tail, files, door }: RequestsRoutesDeps): Router {
  const router = Router()
  const tails = new Map<string, number>()

  serveOperation(router, door, listRequests, async ({ query, principal, response }) => {
    const { limit, cursor, format, side: _side, organisation: _organisation, ...asked } = query
    const reader = { view: viewOf(principal, query), operator: isOperator(principal) }
    const beforeId = cursorId('gen-', cursor)
    if (format === 'json') return requests.page(reader, asked, { limit, ...(beforeId ? { beforeId } : {}) })
    const { organisationId } = principal
    const text = requestsCsv(requests.pages(reader, asked))
    await files.send(response, { organisationId, name: 'requests.csv', text })
    return sent
  })

  serveOperation(router, door, tailRequests, async (call): Promise<typeof sent> => {
    const { query, principal, request, response } = call
    const view = viewOf(principal, query)
    const filter = filterOf(view, query)
    if (!filter) throw new GatewayError('invalid_value', 'key, listing or seller is not an id of ours.')
    const { organisationId } = principal
    const own = tails.get(organisationId) ?? 0
    if (own >= TAILS_PER_ORGANISATION) throw tooMany(own)
    tails.set(organisationId, own + 1)
    try {
      const sight = { side: view.side, operator: isOperator(principal) }
      const requireStill = async () => {
        response.locals.principal = undefined
        await door.authenticate(request, response, () => undefined)
        const now = principalOf(response)
        viewOf(now, query)
        if (isOperator(now) !== sight.operator) throw new GatewayError('forbidden', 'Your role has changed.')
      }
      const following = { filter, sight, lastEventId: lastIdOf(request), requireStill }
      if (!(await streamRequests(response, tail, following)))
        throw new GatewayError('overloaded', 'Too many people follow requests; try again in a minute.', {
          retryAfterMs: 60_000,
        })
    } finally {
      const left = (tails.get(organisationId) ?? 1) - 1
      if (left > 0) tails.set(organisationId, left)
      else tails.delete(organisationId)
    }
    return sent
  })

  serveOperation(router, door, getRequest, async ({ params, principal }) =>
    requests.one(String(params.id), readerOf(principal)),
  )
  return router
}

function readerOf(principal: Principal) {
  return {
    organisationId: principal.organisationId,
    isPerson: principal.kind === 'user',
    operator: isOperator(principal),
  }
}

function lastIdOf(request: Request): string | undefined {
  const id = request.headers['last-event-id']
  return typeof id === 'string' && id.length < 64 ? id : undefined
}

function tooMany(own: number): GatewayError {
  return new GatewayError(
    'rate_limit_exceeded',
    `You follow requests ${own} times already; close one of these streams first.`,
    { retryAfterMs: 5_000 },
  )
}
