import { type RequestHandler, Router } from 'express'
import { userOf } from '../http/principal.ts'
import { type DashboardDeps, dashboardOf } from './dashboard.ts'
import { listingIdOf } from './listing-id.ts'

/** The seller's dashboard of one listing. Paths relative to `/api`. */
export function createDashboardRoutes(deps: DashboardDeps & { authenticate: RequestHandler }): Router {
  const router = Router()
  router.get('/marketplace/listings/:id/dashboard', deps.authenticate, async (request, response) => {
    response.json(await dashboardOf(deps, listingIdOf(request), userOf(response)))
  })
  return router
}
