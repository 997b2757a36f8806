/** `/api/spending-alerts`: one's own. */
import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import type { Alerts } from './alerts.ts'
import { changeAlert, createAlert, deleteAlert, listAlerts } from './api.ts'

export function createAlertRoutes({ alerts, door }: { alerts: Alerts; door: Door }): Router {
  const router = Router()
  serveOperation(router, door, listAlerts, async ({ user }) => ({ data: await alerts.list(user) }))
  serveOperation(router, door, createAlert, ({ user, body }) => alerts.create(user, body))
  serveOperation(router, door, changeAlert, ({ user, body, params }) =>
    alerts.change(user, String(params.id), body),
  )
  serveOperation(router, door, deleteAlert, async ({ user, params }) => {
    await alerts.remove(user, String(params.id))
    return undefined
  })
  return router
}
