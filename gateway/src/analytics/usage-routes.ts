/** `GET /api/usage`: sums, as JSON or as a file. */
import { Router } from 'express'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import type { Clock } from '../platform/clock.ts'
import { getUsage } from './api.ts'
import { usageCsv } from './csv.ts'
import type { Files } from './send-file.ts'
import type { Usage } from './usage.ts'
import { usageQuestion } from './usage-question.ts'

export interface UsageRoutesDeps {
  usage: Usage
  files: Files
  clock: Pick<Clock, 'nowMs'>
  door: Door
}

export function createUsageRoutes({ usage, files, clock, door }: UsageRoutesDeps): Router {
  const router = Router()
  serveOperation(router, door, getUsage, async ({ query, principal, response }) => {
    const answer = await usage.ask(usageQuestion(query, principal, clock.nowMs()))
    if (query.format === 'json') return answer
    const { organisationId } = principal
    const name = `usage-by-${query.groupBy}-${answer.from.slice(0, 10)}-to-${answer.to.slice(0, 10)}.csv`
    await files.send(response, { organisationId, name, text: usageCsv(answer) })
    return sent
  })
  return router
}
