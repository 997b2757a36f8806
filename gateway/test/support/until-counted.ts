import { setTimeout as delay } from 'node:timers/promises'
import type { TestGateway } from './gateway.ts'

const LOOKS = 400
const LOOK_MS = 25

/**
 * Everything that ended is written and counted. A count goes as far as the oldest transaction of the cluster allows, and
 * that may be one of another test's database.
 */
export async function untilCounted(gateway: TestGateway): Promise<void> {
  const { analytics, database } = gateway.context
  await gateway.settleAndAudit()
  await analytics.requestLog.idle()
  for (let look = 0; look < LOOKS; look += 1) {
    await analytics.rollup.countNow()
    const { rows } = await database.pool.query<{ left: string }>(
      `SELECT (SELECT count(*) FROM ledger.usage_record) - (SELECT coalesce(sum(requests), 0) FROM usage_hour)
         + (SELECT count(*) FROM request_log WHERE uncounted) AS left`,
    )
    if (rows[0]?.left === '0') break
    await delay(LOOK_MS)
  }
  // What hangs on a count, such as alerts, has seen the last one.
  await analytics.rollup.countNow()
}
