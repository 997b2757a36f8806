import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { organisationAsked } from './organisation-asked.ts'
import type { Users } from './users.ts'
import { getBalance } from './wallet-api.ts'
import { showBalance } from './wallets.ts'

/** What is in a wallet: for users, and for API keys with the scope `read`. Paths relative to `/api`. */
export function createWalletRoutes({ users, door }: { users: Users; door: Door }): Router {
  const { wallets, mode } = users
  const router = Router()
  serveOperation(router, door, getBalance, async ({ query, response }) => {
    const balance = await wallets.balanceOf(organisationAsked(response, query.organisation))
    return { ...showBalance(balance), mode }
  })
  return router
}
