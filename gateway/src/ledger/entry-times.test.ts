import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createEmptyDatabase } from '../../test/support/database.ts'
import { createLedgerScene } from '../../test/support/ledger-scene.ts'
import { migrationsDir } from '../../test/support/postgres.ts'
import { connectClient, type DatabaseClient } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import { createLogger } from '../platform/logger.ts'
import { migrate } from '../platform/migrate.ts'
import { createStatements } from './statements.ts'

const BEFORE = '20261122000300'

/** Journals whose entries, or usage record, have another time than they. */
async function apart(client: DatabaseClient): Promise<unknown[]> {
  const { rows } = await client.query(
    `SELECT j.code, j.created_at, e.created_at AS entry, u.settled_at FROM ledger.journal j
     JOIN ledger.entry e ON e.journal_id = j.id LEFT JOIN ledger.usage_record u ON u.id = j.id
     WHERE e.created_at <> j.created_at OR u.settled_at <> j.created_at`,
  )
  return rows
}

test('a database with a history gets the time of each entry from its journal, and keeps its guards', async () => {
  const empty = await createEmptyDatabase()
  const folder = mkdtempSync(join(tmpdir(), 'bourse-migrations-'))
  const logger = createLogger({ level: 'error' })
  const client = await connectClient(empty.adminUrl)
  try {
    for (const name of readdirSync(migrationsDir).filter((each) => each < BEFORE)) {
      cpSync(join(migrationsDir, name), join(folder, name), { recursive: true })
    }
    await migrate({ url: empty.adminUrl, migrationsDir: folder, logger })
    const buyer = await client.query(`SELECT ledger.open_account('buyer_cash', 'b') AS id`)
    const funds = await client.query(`SELECT ledger.open_account('goodwill_expense', NULL) AS id`)
    for (const amount of [5, 7]) {
      await client.query(
        `SELECT ledger.post($1, 'play_credit', 'play_credit', $2, $3, $4, NULL, NULL, true)`,
        [uuidv7(), String(amount), [funds.rows[0].id, buyer.rows[0].id], [amount, -amount]],
      )
    }
    await migrate({ url: empty.adminUrl, migrationsDir, logger })
    expect(await apart(client)).toEqual([])
    const statements = createStatements({ pool: client as never, logger })
    const { lines, closing } = await statements.page({ organisationId: 'b', side: 'buyer', limit: 10 })
    expect([lines.map(({ balanceNanos }) => balanceNanos), closing.totalNanos]).toEqual([[12n, 5n], 12n])
    expect((await client.query('SELECT * FROM ledger.check_invariants()')).rows).toEqual([])
    await expect(client.query('UPDATE ledger.entry SET created_at = now()')).rejects.toMatchObject({
      code: '23001',
    })
  } finally {
    await client.end()
    await empty.drop()
    rmSync(folder, { recursive: true })
  }
})

test('what is booked together has one time, taken when its accounts were locked', async () => {
  const scene = await createLedgerScene()
  const writer = await connectClient(scene.testDatabase.adminUrl)
  try {
    const { payer, organisationId } = await scene.buyer(100n)
    const [first, second] = [uuidv7(), uuidv7()]
    for (const id of [first, second]) await scene.ledger.hold({ id, payer, amountNanos: 40n })
    // The first is over its hold and beyond what is left, so it leaves a debt, too.
    const overrun = await scene.settlement(first, 200n, 10n)
    await writer.query('BEGIN')
    await writer.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [payer])
    const settled = scene.ledger.settle(overrun)
    await untilSomebodyWaits(scene.admin, 'settle_batch')
    const credit = { organisationId, amountNanos: 5n, reason: 'more', idempotencyKey: 'more' }
    const credited = scene.ledger.creditPlayMoney(credit)
    await untilSomebodyWaits(scene.admin, 'ledger.post')
    const { rows } = await writer.query<{ now: Date }>('SELECT clock_timestamp() AS now')
    await writer.query('COMMIT')
    await Promise.all([settled, credited])
    const written = { id: second, sellerOrganisationId: uuidv7(), sellerNanos: 9n, memo: 'crash' }
    expect(await scene.ledger.writeOff(written)).toBe('written_off')
    expect(await apart(scene.admin)).toEqual([])
    const statements = createStatements({
      pool: scene.testDatabase.database.pool,
      logger: { error: () => undefined },
    })
    const { lines } = await statements.page({ organisationId, side: 'buyer', limit: 3 })
    // The credit pays a part of the debt.
    expect(lines.map(({ account }) => account)).toEqual([
      'receivable_buyer',
      'receivable_buyer',
      'buyer_cash',
    ])
    // Not when they were asked for: they had waited for somebody whose booking was to come first.
    for (const { createdAt } of lines)
      expect(createdAt.getTime()).toBeGreaterThanOrEqual(rows[0]?.now.getTime() ?? 0)
    expect(await scene.ledger.checkInvariants()).toEqual([])
  } finally {
    await writer.end()
    await scene.close()
  }
})

async function untilSomebodyWaits(admin: DatabaseClient, statement: string): Promise<void> {
  for (;;) {
    const { rows } = await admin.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
      [`%${statement}%`],
    )
    if (rows.length > 0) return
  }
}
