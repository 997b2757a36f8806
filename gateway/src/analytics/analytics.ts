/** What people look at: the log of requests, sums of usage, and alerts on spending. */
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import type { JobBoard } from '../platform/job-board.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import { type Alerts, type AlertsDeps, createAlerts } from './alerts.ts'
import { createRequestLog, type RequestLog } from './request-log.ts'
import { createRequests, type Requests } from './requests.ts'
import { createRollup, type Rollup } from './rollup.ts'
import { createTail, type Tail } from './tail.ts'
import { createUsage, type Usage } from './usage.ts'

export interface Analytics {
  requestLog: RequestLog
  requests: Requests
  rollup: Rollup
  usage: Usage
  tail: Tail
  alerts: Alerts
  close(): Promise<void>
}

export interface AnalyticsDeps extends AlertsDeps {
  database: Database
  catalog: Pick<Catalog, 'find'>
  clock: Clock
  logger: Logger
  metrics: Metrics
  jobs: JobBoard
  /** How long a request stays in the log. */
  keptDays: number
}

export function createAnalytics(deps: AnalyticsDeps): Analytics {
  const { database, logger, metrics } = deps
  const requests = createRequests({ database })
  const tail = createTail({ read: requests.written, logger })
  const requestLog = createRequestLog({ ...deps, onWritten: tail.ended })
  metrics.counter(
    'gateway_request_log_lost_total',
    'Requests that were not kept in the log as they ended, because too many waited for the database. What was billed comes back from the books.',
    requestLog.lost,
  )
  const alerts = createAlerts(deps)
  const rollup = createRollup({ ...deps, onCounted: alerts.check })
  return {
    requestLog,
    requests,
    rollup,
    usage: createUsage({ database }),
    tail,
    alerts,
    async close() {
      tail.close()
      await requestLog.close()
      await rollup.close()
    },
  }
}
