import { type RequestHandler, type Response, Router } from 'express'
import { principalOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import { balanceQuery, statementQuery } from './schema.ts'
import type { Users } from './users.ts'
import { showBalance } from './wallets.ts'

/** What is in a wallet and how it came there: for users, and for API keys with the scope `read`. Paths relative to `/api`. */
export function createWalletRoutes({
  users,
  authenticate,
}: {
  users: Users
  authenticate: RequestHandler
}): Router {
  const { wallets, mode } = users
  const router = Router()

  router.get('/balance', authenticate, async (request, response) => {
    const { organisation } = validate(balanceQuery, request.query)
    const balance = await wallets.balanceOf(organisationOf(response, organisation))
    response.json({ ...showBalance(balance), mode })
  })
  router.get('/statements', authenticate, async (request, response) => {
    const { limit, cursor, organisation } = validate(statementQuery, request.query)
    response.json(await wallets.statement(organisationOf(response, organisation), { limit, cursor }))
  })
  return router
}

/** The caller's own organisation; another one only for operators. */
function organisationOf(response: Response, asked: string | undefined): string {
  const principal = principalOf(response)
  if (asked === undefined) return principal.organisationId
  const id = parseId('org-', asked)
  const isOwn = id === principal.organisationId
  const mayAll = principal.kind === 'user' && principal.roles.includes('operator')
  if (id && (isOwn || mayAll)) return id
  throw new GatewayError('forbidden', 'You can see your own organisation only.', { param: 'organisation' })
}
