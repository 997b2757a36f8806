/** For operators: how the market is, what runs here, and the way into the metrics. Paths under `/api`. */
import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import {
  getOverview,
  getSystem,
  issueMetricsTicket,
  listMetricsPlaces,
  type Overview,
  type System,
} from './api.ts'
import type { MetricsPlace } from './metrics-place.ts'
import { type MetricsTickets, TICKET_LIFE_S } from './metrics-ticket.ts'

export interface AdminRoutesDeps {
  door: Door
  overview: () => Promise<Overview>
  system: () => Promise<System>
  tickets: MetricsTickets
  places: readonly MetricsPlace[]
}

export function createAdminRoutes({ door, overview, system, tickets, places }: AdminRoutesDeps): Router {
  const router = Router()
  const shown = places.map(({ name, path, url }) => ({ name, path: url === undefined ? null : `${path}/` }))
  serveOperation(router, door, getOverview, () => overview())
  serveOperation(router, door, getSystem, () => system())
  serveOperation(router, door, listMetricsPlaces, () => ({ places: shown }))
  serveOperation(router, door, issueMetricsTicket, ({ user, response }) => {
    response.append('set-cookie', tickets.issue(user))
    return { places: shown, expiresInS: TICKET_LIFE_S }
  })
  return router
}
