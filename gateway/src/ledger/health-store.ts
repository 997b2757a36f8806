/** One statement that says how the ledger is; it reads accounts and open holds, not entries. */
import type { LedgerPool } from './store.ts'

export interface HealthRow {
  offNanos: string
  heldOffNanos: string
  deadLetters: number
  overdueHolds: number
  unsealedSeconds: number
}

/** `overdueMs`: how long a hold may be open after its time. */
export async function readHealth(pool: LedgerPool, overdueMs: number): Promise<HealthRow> {
  const { rows } = await pool.query<HealthRow>({
    name: 'ledger-health',
    text: `WITH head AS (SELECT epoch, to_xid FROM ledger.seal ORDER BY seq DESC LIMIT 1), newest AS (
        SELECT coalesce((SELECT epoch FROM head), 0) AS epoch, coalesce((SELECT to_xid FROM head), '0'::xid8) AS xid
      ), holds AS (
        SELECT coalesce(sum(amount), 0) AS amount,
          count(*) FILTER (WHERE expires_at < clock_timestamp() - make_interval(secs => $1)) AS overdue
        FROM ledger.hold WHERE state = 'open'
      ), accounts AS (
        SELECT coalesce(sum(debits) - sum(credits), 0) AS off, coalesce(sum(held), 0) AS held FROM ledger.account
      )
      SELECT a.off AS "offNanos", a.held - h.amount AS "heldOffNanos", h.overdue::integer AS "overdueHolds",
        (SELECT count(*)::integer FROM ledger.dead_letter WHERE resolved_at IS NULL) AS "deadLetters",
        coalesce(extract(epoch FROM clock_timestamp() - least(
          (SELECT j.created_at FROM ledger.journal j WHERE (j.epoch, j.xid) > (n.epoch, n.xid) ORDER BY j.epoch, j.xid LIMIT 1),
          (SELECT u.settled_at FROM ledger.usage_record u WHERE (u.epoch, u.xid) > (n.epoch, n.xid) ORDER BY u.epoch, u.xid LIMIT 1)
        )), 0)::float8 AS "unsealedSeconds"
      FROM accounts a, holds h, newest n`,
    values: [overdueMs / 1000],
  })
  return rows[0] as HealthRow
}
