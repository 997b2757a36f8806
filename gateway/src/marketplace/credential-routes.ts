import { Router } from 'express'
import type { Audit } from '../audit/audit.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import type { Logger } from '../platform/logger.ts'
import { type CredentialStatus, getCredentials, rotateCredentials } from './operator-api.ts'
import type { CredentialRotation } from './rotate-credentials.ts'

export interface CredentialRoutesDeps {
  rotation: CredentialRotation
  audit: Pick<Audit, 'record'>
  door: Door
  logger: Logger
}

/** Which encryption keys are needed, and moving everything to the current one; for operators. */
export function createCredentialRoutes(deps: CredentialRoutesDeps): Router {
  const { rotation, audit, door, logger } = deps
  const router = Router()
  serveOperation(router, door, getCredentials, () => show(rotation))
  // 202: it may take longer than a request; GET tells how far it is.
  serveOperation(router, door, rotateCredentials, async ({ user }) => {
    await audit.record({ actor: user, action: 'credentials.rotated', subject: 'credentials', detail: {} })
    rotation.rotate().catch((error) => logger.error({ err: error }, 'credentials were not moved'))
    return show(rotation)
  })
  return router
}

async function show(rotation: CredentialRotation): Promise<CredentialStatus> {
  const keys = await rotation.keys()
  const { running, last } = rotation.state()
  return {
    keys: keys.map((key) => ({ ...key, mayBeDropped: key.is !== 'current' && key.credentials === 0 })),
    rotation: { state: running ? 'running' : 'idle', last: last ?? null },
  }
}
