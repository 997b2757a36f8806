import { Router } from 'express'
import type { Door } from '../http/serve-operation.ts'
import { createAccountRoutes } from './account-routes.ts'
import { createSessionRoutes } from './session-routes.ts'
import { createSignInRoutes } from './sign-in-routes.ts'
import { createStatementRoutes } from './statement-routes.ts'
import type { Users } from './users.ts'
import { createWalletRoutes } from './wallet-routes.ts'

export interface UserRoutesDeps {
  users: Users
  door: Door
  version: string
}

/**
 * Everything about people under `/api`. Each route names its own guard, so where it is mounted changes nothing;
 * `/login` and `/token` must not stand behind a guard, since they are called with a token that has run out.
 */
export function createUserRoutes(deps: UserRoutesDeps): Router {
  const router = Router()
  router.use(createSignInRoutes(deps))
  router.use(createSessionRoutes(deps))
  router.use(createAccountRoutes(deps))
  router.use(createWalletRoutes(deps))
  router.use(createStatementRoutes(deps))
  return router
}
