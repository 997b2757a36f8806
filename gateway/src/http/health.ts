/** Probes for people, balancers and LiteLLM's users; none of them calls a model or needs a key. */
import { Router } from 'express'

export interface HealthChecks {
  /** Resolves when the database answers; bounded by the pool's own time-outs. */
  database(): Promise<void>
  /** Whether the disk takes what must be written before a request is served. */
  spool(): boolean
  draining(): boolean
  version: string
  mode: 'play' | 'live'
}

export function createHealthRoutes({ database, spool, draining, version, mode }: HealthChecks): Router {
  const router = Router()
  const databaseIsUp = () =>
    database().then(
      () => true,
      () => false,
    )

  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok', version, mode })
  })
  router.get('/readyz', async (_request, response) => {
    const up = await databaseIsUp()
    const writable = spool()
    const ready = up && writable && !draining()
    response.status(ready ? 200 : 503).json({
      status: ready ? 'ready' : 'not_ready',
      checks: { database: up ? 'ok' : 'down', spool: writable ? 'ok' : 'full', draining: draining() },
    })
  })
  // LiteLLM's spellings, both of them. Also while draining: who is taken for dead is killed in the middle of it.
  router.get(['/health/liveliness', '/health/liveness'], (_request, response) => {
    response.json("I'm alive!")
  })
  router.get('/health/readiness', async (_request, response) => {
    const up = await databaseIsUp()
    response.status(up && spool() && !draining() ? 200 : 503).json({
      status: up && spool() && !draining() ? 'connected' : 'unhealthy',
      db: up ? 'connected' : 'disconnected',
    })
  })
  return router
}
