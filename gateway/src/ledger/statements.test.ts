import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { connectClient } from '../platform/database.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import { earningMatured, payoutRequested } from './payout-postings.ts'
import { requestRefunded } from './request-postings.ts'
import { createStatements, type StatementEntry, type StatementQuery, type Statements } from './statements.ts'
import { topupSucceeded } from './topup-postings.ts'

const CENT = 10_000_000n

let scene: LedgerScene
let statements: Statements
const logged: string[] = []

beforeAll(async () => {
  scene = await createLedgerScene()
  const logger = { error: (_: unknown, message?: string) => void logged.push(message ?? '') }
  statements = createStatements({ pool: scene.testDatabase.database.pool, logger })
})

afterAll(() => scene.close())

/** Holds and settles, with an id as old as `agedMs`. */
async function spend(
  buyer: { payer: bigint },
  sellerId: string,
  { held = 0n, costNanos, agedMs = 0 }: { held?: bigint; costNanos: bigint; agedMs?: number },
): Promise<string> {
  const id = uuidv7(Date.now() - agedMs)
  await scene.ledger.hold({ id, payer: buyer.payer, amountNanos: held })
  await scene.ledger.settle({
    ...(await scene.settlement(id, costNanos, costNanos / 10n)),
    sellerAccount: await scene.ledger.accountId({ code: 'seller_pending', owner: sellerId }),
  })
  return id
}

async function whole(query: StatementQuery) {
  const { pages, ...head } = await statements.file(query)
  const lines: StatementEntry[] = []
  for await (const page of pages) lines.push(...page)
  return { ...head, lines }
}

/** The same by JSON pages, put in order of booking. */
async function paged(query: StatementQuery, limit: number): Promise<StatementEntry[]> {
  const lines: StatementEntry[] = []
  for (let before: string | undefined; ; before = lines.at(-1)?.id) {
    const page = await statements.page({ ...query, limit, ...(before === undefined ? {} : { before }) })
    lines.push(...page.lines)
    if (!page.hasMore) return lines.reverse()
  }
}

const sum = (lines: readonly StatementEntry[], account?: string) =>
  lines
    .filter((line) => account === undefined || line.account === account)
    .reduce((total, { amountNanos }) => total + amountNanos, 0n)

/** A buyer and a seller with a history of every kind of line; a booking takes a moment, so there are moments between. */
async function history(steps: readonly number[]) {
  const buyer = await scene.buyer(100n * CENT)
  const sellerId = uuidv7()
  for (const [index, step] of steps.entries()) {
    const costNanos = BigInt(step + 1) * CENT
    const id = await spend(buyer, sellerId, { costNanos })
    if (step % 3 === 0) {
      const paymentIntentId = `pi_${id}`
      const credit = { creditNanos: costNanos * 2n, feeNanos: 1n, taxNanos: 0n }
      await scene.ledger.post(
        topupSucceeded({ paymentIntentId, organisationId: buyer.organisationId, ...credit }),
      )
    }
    if (step % 4 === 1) {
      const maturedNanos = (costNanos * 9n) / 10n
      const day = `2026-11-${String(10 + index)}`
      await scene.ledger.post(
        earningMatured({ organisationId: sellerId, day, maturedNanos, reserveBps: 500 }),
      )
      const payout = { payoutId: id, attempt: 1, organisationId: sellerId, payoutNanos: CENT / 2n }
      if (step > 4) await scene.ledger.post(payoutRequested({ ...payout, payoutNanos: CENT }))
    }
  }
  return { organisationId: buyer.organisationId, sellerId }
}

test('statements of adjoining periods are the statement of the whole, for buyer and seller, by file and by page', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(9), { minLength: 2, maxLength: 8 }),
      fc.array(fc.nat(40), { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 7 }),
      async (steps, cuts, limit) => {
        const { organisationId, sellerId } = await history(steps)
        for (const query of [
          { organisationId, side: 'buyer' },
          { organisationId: sellerId, side: 'seller' },
        ] as const) {
          await addsUp(query, cuts, limit)
        }
      },
    ),
    { numRuns: 25 },
  )
}, 120_000)

async function addsUp(query: StatementQuery, cuts: readonly number[], limit: number): Promise<void> {
  const all = await whole(query)
  expect(all.opening.totalNanos).toBe(0n)
  expect(all.lines.length).toBeGreaterThan(0)
  for (const [account, closing] of Object.entries(all.closing.accounts)) {
    expect([account, sum(all.lines, account)]).toEqual([account, closing])
    expect([account, await counters(`${account}:${query.organisationId}`)]).toEqual([account, closing])
  }
  expect(await paged({ ...query, to: all.to }, limit)).toEqual(all.lines)
  // Cut where something was booked, and after the end.
  const moments = [...new Set(all.lines.map(({ createdAt }) => createdAt.getTime())), all.to.getTime()]
  const [a, b, c] = cuts.map((cut) => moments[cut % moments.length] as number).sort((x, y) => x - y) as [
    number,
    number,
    number,
  ]
  if (a === b || b === c) return
  const between = (from: number, to: number) => whole({ ...query, from: new Date(from), to: new Date(to) })
  const [ac, ab, bc] = [await between(a, c), await between(a, b), await between(b, c)]
  expect([...ab.lines, ...bc.lines]).toEqual(ac.lines)
  expect([ab.opening, ab.closing, bc.closing]).toEqual([ac.opening, bc.opening, ac.closing])
  expect(ac.closing.totalNanos - ac.opening.totalNanos).toBe(sum(ac.lines))
  expect(await paged({ ...query, from: new Date(a), to: new Date(c) }, limit)).toEqual(ac.lines)
  expect(ac.lines.every(({ createdAt }) => createdAt.getTime() >= a && createdAt.getTime() < c)).toBe(true)
}

async function counters(key: string): Promise<bigint> {
  const { rows } = await scene.admin.query(
    'SELECT credits - debits AS nanos FROM ledger.account WHERE key = $1',
    [key],
  )
  return BigInt(rows[0]?.nanos ?? 0)
}

test('a period that was stated never changes: what is settled late stands where it was booked', async () => {
  const buyer = await scene.buyer(10n)
  const query = { organisationId: buyer.organisationId, side: 'buyer' } as const
  const stated = await whole(query)
  // Made hours ago by its id, before everything that is stated.
  const id = await spend(buyer, uuidv7(), { costNanos: 4n, agedMs: 5 * 3_600_000 })
  expect(await whole({ ...query, to: stated.to })).toEqual(stated)
  const { opening, lines } = await whole({ ...query, from: stated.to })
  expect([opening.totalNanos, lines.map(({ requestId }) => requestId)]).toEqual([10n, [formatId('gen-', id)]])
})

test('a statement waits for what is being booked, so that it does not turn up in a period that was stated', async () => {
  const buyer = await scene.buyer(10n)
  const writer = await connectClient(scene.testDatabase.adminUrl)
  try {
    await writer.query('BEGIN')
    const funds = await scene.ledger.accountId({ code: 'goodwill_expense' })
    await writer.query(
      `SELECT ledger.post('${uuidv7()}', 'play_credit', 'test', '${uuidv7()}', '{${funds}, ${buyer.payer}}', '{5, -5}',
        NULL, NULL, false)`,
    )
    const asked = statements.page({ organisationId: buyer.organisationId, side: 'buyer', limit: 10 })
    await untilSomebodyWaits()
    await writer.query('COMMIT')
    const { lines, closing } = await asked
    expect([closing.totalNanos, lines.map(({ amountNanos }) => amountNanos)]).toEqual([15n, [5n, 10n]])
  } finally {
    await writer.end()
  }
})

async function untilSomebodyWaits(): Promise<void> {
  for (;;) {
    const { rows } = await scene.admin.query(
      `SELECT 1 FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%statement_horizon%'`,
    )
    if (rows.length > 0) return
  }
}

test('what a buyer owes and what was refunded to him stand on his statement, each with its request', async () => {
  const buyer = await scene.buyer(10n)
  const sellerId = uuidv7()
  const id = await spend(buyer, sellerId, { costNanos: 30n })
  await scene.ledger.post(
    requestRefunded({
      requestId: id,
      n: 1,
      refundNanos: 25n,
      refundedNanos: 0n,
      drawn: [{ account: { code: 'buyer_cash', owner: buyer.organisationId }, nanos: 30n }],
      memo: 'cut off',
      sellerNanos: 27n,
      seller: { organisationId: sellerId, pendingNanos: 20n, availableNanos: 0n, reserveNanos: 0n },
      fee: { code: 'platform_fee', owner: '0' },
    }),
  )
  const bought = await whole({ organisationId: buyer.organisationId, side: 'buyer' })
  const request = formatId('gen-', id)
  expect(
    bought.lines.map((line) => [line.account, line.amountNanos, line.balanceNanos, line.requestId]),
  ).toEqual([
    ['buyer_cash', 10n, 10n, undefined],
    ['buyer_cash', -10n, 0n, request],
    ['receivable_buyer', -20n, -20n, request],
    // 20 of the 25 pay what he owed.
    ['buyer_cash', 5n, -15n, request],
    ['receivable_buyer', 20n, 5n, request],
  ])
  expect(bought.lines[2]).toMatchObject({ id: `${request}.2`, journalId: request, keyId: expect.any(String) })
  const sold = await whole({ organisationId: sellerId, side: 'seller' })
  expect(sold.lines).toMatchObject([
    { account: 'seller_pending', amountNanos: 27n, model: 'openai/gpt-4o-mini', keyId: undefined },
    { account: 'seller_pending', amountNanos: -20n, description: 'cut off', accountBalanceNanos: 7n },
    { account: 'receivable_seller', amountNanos: -2n, accountBalanceNanos: -2n, balanceNanos: 5n },
  ])
})

test('who never had anything has an empty statement, and a period must have begun', async () => {
  const nobody = { organisationId: uuidv7(), side: 'seller' } as const
  const { lines, opening, closing } = await whole(nobody)
  expect([lines, opening, closing]).toEqual([[], opening, opening])
  expect(Object.values(opening.accounts)).toEqual([0n, 0n, 0n, 0n, 0n])
  const from = new Date(Date.now() + 3_600_000)
  await expect(statements.page({ ...nobody, from, limit: 1 })).rejects.toMatchObject({
    code: 'invalid_value',
    details: { param: 'from' },
  })
  for (const before of ['', 'gen-nonsense', `${formatId('jrn-', uuidv7())}.1`, 'x'.repeat(300)]) {
    await expect(statements.page({ ...nobody, limit: 1, before })).rejects.toMatchObject({
      code: 'invalid_value',
      details: { param: 'before' },
    })
  }
})

test('a file whose lines do not come to the account’s counters is broken off, and the log says so', async () => {
  const buyer = await scene.buyer(10n)
  const { pages } = await statements.file({ organisationId: buyer.organisationId, side: 'buyer' })
  for await (const _ of pages);
  await scene.admin.query('UPDATE ledger.account SET credits = credits + 1 WHERE id = $1', [buyer.payer])
  expect(logged).toEqual([])
  await expect(whole({ organisationId: buyer.organisationId, side: 'buyer' })).rejects.toThrow(
    'a statement comes to 10, its accounts to 11',
  )
  expect(logged).toEqual(['a statement was broken off'])
})
