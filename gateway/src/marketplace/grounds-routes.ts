import { type RequestHandler, Router } from 'express'
import { z } from 'zod'
import { principalOf, userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import type { Grounds } from './grounds.ts'
import { grounds } from './schema.ts'

const decideBody = z.strictObject({
  provider: z.string().max(64),
  /** All that are accepted from now on; the others are not. */
  grounds: z.array(z.enum(grounds)).max(grounds.length),
})

/** On which grounds capacity may be sold: everyone may read it, the operator decides. Paths relative to `/api`. */
export function createGroundRoutes({
  grounds: decisions,
  authenticate,
}: {
  grounds: Pick<Grounds, 'list' | 'decide'>
  authenticate: RequestHandler
}): Router {
  const router = Router()
  router.get('/marketplace/grounds', authenticate, async (_request, response) => {
    principalOf(response)
    response.json({ data: await decisions.list() })
  })
  router.put('/marketplace/grounds', authenticate, async (request, response) => {
    const actor = userOf(response)
    response.json(await decisions.decide(validate(decideBody, request.body ?? {}), actor))
  })
  return router
}
