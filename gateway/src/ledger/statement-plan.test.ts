import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { END_OF_TIME, START_OF_TIME } from './statement-position.ts'
import * as store from './statement-store.ts'
import { createStatements } from './statements.ts'
import type { LedgerPool } from './store.ts'

const JOURNALS = 100_000
const PAGE = 100

let scene: LedgerScene
/** Half of all lines are this buyer's. */
let heavy: { organisationId: string; payer: bigint }
/** One line in fifty is this buyer's. */
let light: typeof heavy

beforeAll(async () => {
  scene = await createLedgerScene()
  heavy = await scene.buyer(0n)
  light = await scene.buyer(0n)
  const other = await scene.buyer(0n)
  const funds = await scene.ledger.accountId({ code: 'goodwill_expense' })
  await fill(other.payer, funds)
}, 120_000)

afterAll(() => scene.close())

/** 100,000 credits from twenty days before this month until now. */
async function fill(other: bigint, funds: bigint): Promise<void> {
  await scene.admin.query(`
    CREATE TEMPORARY TABLE line AS
    SELECT i, at, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(i::text), 1, 3)
      || '8' || substr(md5(i::text), 4, 15))::uuid AS id,
      CASE WHEN i % 2 = 0 THEN ${heavy.payer} WHEN i % 50 = 1 THEN ${light.payer} ELSE ${other} END AS account
    FROM (
      SELECT i, begun + (i - 1) * (now() - begun) / ${JOURNALS} AS at
      FROM generate_series(1, ${JOURNALS}) i, (SELECT ledger.month_start(now()) - interval '20 days' AS begun)
    )`)
  await scene.admin.query(`
    INSERT INTO ledger.journal (id, code, source, source_id, created_at)
    SELECT id, 'play_credit', 'play_credit', i::text, at FROM line`)
  await scene.admin.query(`
    INSERT INTO ledger.entry (journal_id, seq, account_id, amount, created_at)
    SELECT id, 1, account, -i, at FROM line UNION ALL SELECT id, 2, ${funds}, i, at FROM line`)
  await scene.admin.query(`
    UPDATE ledger.account a SET debits = e.debits, credits = e.credits
    FROM (SELECT account_id, sum(greatest(amount, 0)) AS debits, sum(greatest(-amount, 0)) AS credits
      FROM ledger.entry GROUP BY account_id) e WHERE e.account_id = a.id`)
  await scene.admin.query('VACUUM ANALYZE ledger.entry')
  await scene.admin.query('VACUUM ANALYZE ledger.journal')
}

interface Plan {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  Plans?: Plan[]
}

/** The rows that each way of reading took from the big tables. */
async function rowsRead(run: (pool: LedgerPool) => Promise<unknown>): Promise<Record<string, number>> {
  const read: Record<string, number> = {}
  const visit = (plan: Plan) => {
    const table = /^(entry|journal)_\d/.exec(plan['Relation Name'] ?? '')?.[1]
    const rows = plan['Actual Rows'] * plan['Actual Loops']
    const name = `${plan['Node Type'].includes('Seq') ? 'scanned' : 'looked up'} ${table}`
    // A month without rows is scanned for nothing.
    if (table && rows > 0) read[name] = (read[name] ?? 0) + rows
    plan.Plans?.forEach(visit)
  }
  const explain = async ({ text, values }: { text: string; values: unknown[] }) => {
    const { rows } = await scene.admin.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, values)
    visit(rows[0]['QUERY PLAN'][0].Plan)
    return { rows: [] }
  }
  await run({ query: explain } as unknown as LedgerPool)
  return read
}

/** The place of the n-th line of a buyer. */
async function placeOf({ payer }: typeof heavy, n: number): Promise<store.Position> {
  const { rows } = await scene.admin.query(
    `SELECT journal_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at
     FROM ledger.entry WHERE account_id = $1 ORDER BY created_at LIMIT 1 OFFSET $2`,
    [payer, n],
  )
  return { createdAt: rows[0].at, journalId: rows[0].journal_id, seq: 1 }
}

test.each(['before', 'after'])(
  'a page %s a place in the middle of 50,000 lines reads that page',
  async (side) => {
    const keys = [`buyer_cash:${heavy.organisationId}`]
    const place = await placeOf(heavy, 25_000)
    const read = await rowsRead((pool) =>
      side === 'before'
        ? store.readEntriesBefore(pool, { keys, limit: PAGE, from: START_OF_TIME, top: place })
        : store.readEntriesAfter(pool, { keys, limit: PAGE, after: place, to: 'infinity' }),
    )
    expect(Object.keys(read).sort()).toEqual(['looked up entry', 'looked up journal'])
    // One entry of each month waits to be merged.
    expect(read['looked up entry']).toBeLessThanOrEqual(PAGE + 5)
    expect(read['looked up journal']).toBe(PAGE)
  },
)

test('balances are reckoned from the entries since the period began, and read nothing of other accounts', async () => {
  const keys = [`buyer_cash:${light.organisationId}`]
  const begin = await placeOf(light, 1_500)
  const balances = (from: string | undefined, top: store.Position) =>
    rowsRead((pool) => store.readBalances(pool, { keys, from, top, to: 'infinity' }))
  expect(await balances(begin.createdAt, END_OF_TIME)).toEqual({ 'looked up entry': 500 })
  expect(await balances(undefined, END_OF_TIME)).toEqual({})
  const count = await rowsRead((pool) =>
    store.countEntries(pool, { keys, from: begin.createdAt, to: 'infinity', max: 400 }),
  )
  expect(count).toEqual({ 'looked up entry': 400 })
})

test('a file of 50,000 lines is read page by page, as fast as its reader, and comes to the closing balance', async () => {
  let queries = 0
  const { pool } = scene.testDatabase.database
  const counting = {
    query: (...query: Parameters<typeof pool.query>) => {
      queries += 1
      return pool.query(...query)
    },
  } as unknown as LedgerPool
  const logged: unknown[] = []
  const statements = createStatements({
    pool: counting,
    logger: { error: (fault: unknown) => void logged.push(fault) },
  })
  const { pages, opening, closing } = await statements.file({ ...heavy, side: 'buyer' })
  const opened = queries
  let lines = 0
  let balance = opening.totalNanos
  for await (const page of pages) {
    expect(page.length).toBeLessThanOrEqual(1_000)
    lines += page.length
    // One query for each page that was asked for, and none ahead.
    expect(queries - opened).toBe(lines / 1_000)
    for (const line of page) {
      balance += line.amountNanos
      expect(line.balanceNanos).toBe(balance)
    }
  }
  expect([lines, balance, logged]).toEqual([JOURNALS / 2, closing.totalNanos, []])
  expect(closing.accounts.buyer_cash).toBe(BigInt(JOURNALS / 2) * BigInt(JOURNALS / 2 + 1))
})

test('what was booked at the very instant where two periods meet belongs to the later one, and only to it', async () => {
  const { rows } = await scene.admin.query(`SELECT ledger.month_start(now()) - interval '20 days' AS begun`)
  const instant: Date = rows[0].begun
  const statements = createStatements({
    pool: scene.testDatabase.database.pool,
    logger: { error: () => undefined },
  })
  const query = { organisationId: light.organisationId, side: 'buyer' } as const
  const until = await statements.file({ ...query, to: instant })
  for await (const _ of until.pages) throw new Error('a line of the later period')
  expect(until.closing.totalNanos).toBe(0n)
  expect((await statements.page({ ...query, to: instant, limit: 1 })).lines).toEqual([])
  const to = new Date(instant.getTime() + 1)
  const since = await statements.page({ ...query, from: instant, to, limit: 9 })
  expect(since.lines.map(({ createdAt, amountNanos }) => [createdAt, amountNanos])).toEqual([[instant, 1n]])
  expect([since.opening.totalNanos, since.closing.totalNanos]).toEqual([0n, 1n])
})

test('a period with more lines than a file may have is refused before the file begins', async () => {
  const { pool } = scene.testDatabase.database
  const half = JOURNALS / 2
  const file = (fileLinesMax: number) =>
    createStatements({ pool, logger: { error: () => undefined }, fileLinesMax }).file({
      ...heavy,
      side: 'buyer',
    })
  expect((await file(half)).closing.totalNanos).toBeGreaterThan(0n)
  await expect(file(half - 1)).rejects.toMatchObject({ code: 'invalid_value', details: { param: 'from' } })
})
