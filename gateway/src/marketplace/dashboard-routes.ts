import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { type DashboardDeps, dashboardOf } from './dashboard.ts'
import { listingIdOf } from './listing-id.ts'
import { getDashboard } from './listings-api.ts'

/** The seller's dashboard of one listing. */
export function createDashboardRoutes(deps: DashboardDeps & { door: Door }): Router {
  const router = Router()
  serveOperation(router, deps.door, getDashboard, ({ request, user }) =>
    dashboardOf(deps, listingIdOf(request), user),
  )
  return router
}
