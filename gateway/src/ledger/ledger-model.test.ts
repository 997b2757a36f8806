import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { history, play, stories } from '../../test/support/ledger-history.ts'
import { connectClient, type DatabaseClient } from '../platform/database.ts'

const MIGRATION = new URL('../../../prisma/migrations/20261122000100_ledger/migration.sql', import.meta.url)

let testDatabase: TestDatabase
let client: DatabaseClient

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  client = await connectClient(testDatabase.adminUrl)
})

afterAll(async () => {
  await client.end()
  await testDatabase.drop()
})

test('after any history of credits, holds, settlements, voids and expiries the books are what arithmetic says', async () => {
  await fc.assert(
    fc.asyncProperty(history, (one) => play(client, one)),
    { numRuns: 60, examples: stories.map((story): [typeof story] => [story]) },
  )
}, 120_000)

const mutants: { fault: string; of: string; from: string; to: string }[] = [
  {
    fault: 'a repeated hold is held again',
    of: 'hold_batch',
    from: 'WHERE NOT EXISTS (SELECT FROM hold h WHERE h.id = a.id)',
    to: '',
  },
  {
    fault: 'what an expired hold served is forgiven',
    of: 'settle_batch',
    from: "h.state IN ('open', 'expired')\n    JOIN",
    to: "h.state = 'open'\n    JOIN",
  },
  {
    fault: 'a settled hold stays held',
    of: 'book_settlements',
    from: 'held = a.held - m.released',
    to: 'held = a.held',
  },
  {
    fault: "the seller gets the fee and the platform the seller's share",
    of: 'book_settlements',
    from: '(3, s.seller, -s.seller_nanos), (4, s.fee, -s.fee_nanos)',
    to: '(3, s.seller, -s.fee_nanos), (4, s.fee, -s.seller_nanos)',
  },
  {
    fault: 'a batch admits each hold on the whole balance',
    of: 'hold_batch',
    from: 'sum(a.amount) OVER (PARTITION BY a.payer) <=',
    to: 'a.amount <=',
  },
  {
    fault: 'a budget is not asked',
    of: 'hold_one',
    from: 'p_amount > v_budget.limit_nanos - v_budget.spent - v_budget.held',
    to: 'false',
  },
  {
    fault: 'what a request costs above its hold and balance is dropped',
    of: 'book_settlements',
    from: '(d.account, s.shortfall, 0, 0)',
    to: '(d.account, 0, 0, 0)',
  },
  {
    fault: 'two settlements in a batch spend the same free balance',
    of: 'settle_batch',
    from: `- coalesce(sum(w.cost) FILTER (WHERE NOT w.covered) OVER (
            PARTITION BY w.payer ORDER BY w.ord ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS free`,
    to: 'AS free',
  },
  {
    fault: 'a void does not give the budget back',
    of: 'release_holds',
    from: 'UPDATE budget b SET held = b.held - m.amount',
    to: 'UPDATE budget b SET held = b.held',
  },
  {
    fault: 'a credit does not pay debt first',
    of: 'book_entries',
    from: 'least(-e.amount, d.debits - d.credits)',
    to: '0',
  },
]

test.each(mutants)(
  'the model notices when $fault',
  async ({ of, from, to }) => {
    const found = await fc.check(
      fc.asyncProperty(history, (one) => play(client, one, mutated(of, from, to))),
      {
        numRuns: 100,
        endOnFailure: true,
        seed: 20_261_122,
        examples: stories.map((story): [typeof story] => [story]),
      },
    )
    expect(found.failed, 'no history told the mutant from the original').toBe(true)
  },
  120_000,
)

/** The migration's definition of a function with one place changed. */
function mutated(name: string, from: string, to: string): string {
  const sql = readFileSync(MIGRATION, 'utf8')
  const definition = new RegExp(`CREATE (FUNCTION ledger\\.${name}\\([\\s\\S]*?\\n\\$\\$;)`).exec(sql)?.[1]
  expect(definition?.split(from).length, `${from} stands once in ${name}`).toBe(2)
  return `CREATE OR REPLACE ${definition?.replace(from, () => to)}`
}
