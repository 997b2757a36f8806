import { type RequestHandler, Router } from 'express'
import { validate } from '../http/validate.ts'
import { organisationAsked } from './organisation-asked.ts'
import { balanceQuery } from './schema.ts'
import type { Users } from './users.ts'
import { showBalance } from './wallets.ts'

/** What is in a wallet: for users, and for API keys with the scope `read`. Paths relative to `/api`. */
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
    const balance = await wallets.balanceOf(organisationAsked(response, organisation))
    response.json({ ...showBalance(balance), mode })
  })
  return router
}
