import { Router } from 'express'
import { failedChecks, type HealthCheck, type LedgerHealthReader } from './health.ts'

const CHECKS: readonly HealthCheck[] = [
  'sums_to_zero',
  'held_is_open',
  'letters_answered',
  'holds_end',
  'sealed',
]

/** `GET /healthz/ledger`: 200 when the ledger is in order, 503 when not. Names the checks and no amounts. */
export function createLedgerHealthRoutes({ health }: { health: LedgerHealthReader }): Router {
  const router = Router()
  router.get('/healthz/ledger', async (_request, response) => {
    const seen = await health.read()
    const failed = new Set(failedChecks(seen))
    response.status(failed.size === 0 ? 200 : 503).json({
      status: failed.size === 0 ? 'ok' : 'failed',
      checks: Object.fromEntries(CHECKS.map((check) => [check, failed.has(check) ? 'failed' : 'ok'])),
      checked_at: new Date(seen.checkedAtMs).toISOString(),
    })
  })
  return router
}
