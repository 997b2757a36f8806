import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import type { Grounds } from './grounds.ts'
import { decideGrounds, listGrounds } from './operator-api.ts'

/** On which grounds capacity may be sold: everyone may read it, the operator decides. */
export function createGroundRoutes({
  grounds,
  door,
}: {
  grounds: Pick<Grounds, 'list' | 'decide'>
  door: Door
}): Router {
  const router = Router()
  serveOperation(router, door, listGrounds, async () => ({ data: await grounds.list() }))
  serveOperation(router, door, decideGrounds, ({ body, user }) => grounds.decide(body, user))
  return router
}
