import { type RequestHandler, Router } from 'express'
import { z } from 'zod'
import type { Audit } from '../audit/audit.ts'
import { requireRole, userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import type { Logger } from '../platform/logger.ts'
import type { CredentialRotation } from './rotate-credentials.ts'

export interface CredentialRoutesDeps {
  rotation: CredentialRotation
  audit: Pick<Audit, 'record'>
  authenticate: RequestHandler
  logger: Logger
}

const nothing = z.strictObject({})

/** Which encryption keys are needed, and moving everything to the current one; for operators. Paths relative to `/api`. */
export function createCredentialRoutes(deps: CredentialRoutesDeps): Router {
  const { rotation, audit, authenticate, logger } = deps
  const router = Router()
  const operator = requireRole('operator')
  router.get('/admin/credentials', authenticate, operator, async (_request, response) => {
    response.json(await show(rotation))
  })
  // 202: it may take longer than a request; GET tells how far it is.
  router.post('/admin/credentials/rotate', authenticate, operator, async (request, response) => {
    validate(nothing, request.body ?? {})
    await audit.record({
      actor: userOf(response),
      action: 'credentials.rotated',
      subject: 'credentials',
      detail: {},
    })
    rotation.rotate().catch((error) => logger.error({ err: error }, 'credentials were not moved'))
    response.status(202).json(await show(rotation))
  })
  return router
}

async function show(rotation: CredentialRotation) {
  const keys = await rotation.keys()
  const { running, last } = rotation.state()
  return {
    keys: keys.map((key) => ({ ...key, mayBeDropped: key.is !== 'current' && key.credentials === 0 })),
    rotation: { state: running ? 'running' : 'idle', last: last ?? null },
  }
}
