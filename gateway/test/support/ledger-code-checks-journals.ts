/** What posts journals, and what they book, small enough to be run against each mutant of it. */
import assert from 'node:assert/strict'
import type * as PostJournalModule from '../../src/ledger/post-journal.ts'
import type * as PostingsModule from '../../src/ledger/postings.ts'
import { hastyClock, scriptedPool, sqlError, stillClock } from './ledger-code-checks.ts'
import type { Load } from './ledger-code-lab.ts'

/** A journal is sent again while its error passes, and every refusal is told as what it is. */
async function journalCode(load: Load): Promise<void> {
  const { postJournal, creditPlayMoney } = await load<typeof PostJournalModule>('ledger/post-journal.ts')
  const journal = {
    code: 'gift',
    source: 'ticket',
    sourceId: 't1',
    entries: [
      { account: { code: 'goodwill_expense' as const }, amountNanos: 5n },
      { account: { code: 'buyer_cash' as const, owner: 'b' }, amountNanos: -5n },
    ],
    recoverDebt: true,
    reversesId: 'j0',
    memo: 'why',
  }
  const accountId = async ({ code }: { code: string }) => (code === 'buyer_cash' ? 7n : 8n)
  const post = async (errors: unknown[], given: Partial<typeof journal> = {}) => {
    const { pool, asked } = scriptedPool(() => {
      const error = errors.shift()
      if (error) throw error
      return [{ journal_id: 'j1', fresh: true }]
    })
    const logger = { warn: () => undefined } as never
    const outcome = await postJournal(
      { ...journal, ...given },
      { pool, clock: hastyClock(), logger },
      accountId,
    ).catch((error: { code?: string }) => error.code)
    return { outcome, asked }
  }
  const { outcome, asked } = await post([])
  assert.deepEqual(outcome, { journalId: 'j1', fresh: true })
  const [, ...sent] = asked[0]?.values ?? []
  assert.deepEqual(sent, ['gift', 'ticket', 't1', [8n, 7n], [5n, -5n], 'why', 'j0', true])
  const again = await post([sqlError('40P01')])
  assert.equal(again.asked.length, 2)
  assert.equal(again.asked[0]?.values[0], again.asked[1]?.values[0])
  const outcomes = [
    [sqlError('BL001'), 'idempotency_mismatch'],
    [sqlError('23514', { constraint: 'account_floor' }), 'conflict'],
    [sqlError('23514', { constraint: 'entry_amount_check' }), '23514'],
    [sqlError('23001'), '23001'],
  ] as const
  for (const [error, code] of outcomes) assert.equal((await post([error])).outcome, code)
  assert.equal((await post(Array.from({ length: 9 }, () => sqlError('57P01')))).outcome, 'unavailable')
  const { recoverDebt, ...plain } = journal
  assert.equal(recoverDebt, true)
  const { pool, asked: bare } = scriptedPool(() => [{ journal_id: 'j1', fresh: true }])
  await postJournal(plain, { pool, clock: stillClock, logger: { warn: () => undefined } as never }, accountId)
  assert.equal(bare[0]?.values.at(-1), false)
  await playMoney(load, creditPlayMoney)
}

async function playMoney(
  load: Load,
  creditPlayMoney: typeof PostJournalModule.creditPlayMoney,
): Promise<void> {
  const { GatewayError } = await load<typeof import('../../src/platform/errors.ts')>('platform/errors.ts')
  const credit = { organisationId: 'o', amountNanos: 5n, reason: 'r', idempotencyKey: 'k' }
  const answers: [answer: () => Promise<{ fresh: boolean }>, outcome: string][] = [
    [async () => ({ fresh: true }), 'booked'],
    [async () => ({ fresh: false }), 'repeated'],
    [async () => Promise.reject(new GatewayError('idempotency_mismatch', 'x')), 'mismatch'],
    [async () => Promise.reject(new GatewayError('unavailable', 'x')), 'unavailable'],
  ]
  const ids: string[] = []
  for (const [answer, outcome] of answers) {
    const told = await creditPlayMoney(credit, (journal) => {
      ids.push(journal.sourceId)
      return answer()
    }).catch((error: { code: string }) => error.code)
    assert.equal(told, outcome)
  }
  assert.deepEqual(new Set(ids), new Set(['o:k']))
}

/** What a request, a gift and their opposite book. */
async function postings(load: Load): Promise<void> {
  const { requestSettled, playCredit, reversal } = await load<typeof PostingsModule>('ledger/postings.ts')
  const payer = { code: 'buyer_cash', owner: 'b' } as const
  const receivable = { code: 'receivable_buyer', owner: 'b' } as const
  const seller = { code: 'seller_pending', owner: 's' } as const
  const fee = { code: 'platform_fee', owner: '0' } as const
  const told = (entries: readonly PostingsModule.Entry[]) =>
    entries.map(({ account, amountNanos }) => `${account.code} ${amountNanos}`)
  const settled = {
    payer,
    receivable,
    seller,
    fee,
    costNanos: 10n,
    shortfallNanos: 4n,
    sellerNanos: 7n,
    feeNanos: 3n,
  }
  assert.deepEqual(told(requestSettled(settled)), [
    'buyer_cash 6',
    'receivable_buyer 4',
    'seller_pending -7',
    'platform_fee -3',
  ])
  assert.deepEqual(told(requestSettled({ ...settled, shortfallNanos: 0n, sellerNanos: 10n, feeNanos: 0n })), [
    'buyer_cash 10',
    'seller_pending -10',
  ])
  assert.throws(() => requestSettled({ ...settled, feeNanos: 4n }), /balance/)
  assert.throws(() => requestSettled({ ...settled, receivable: payer }), /account once/)
  const gift = playCredit({ creditId: 'c1', organisationId: 'b', amountNanos: 5n, memo: 'm' })
  assert.deepEqual(
    { ...gift, entries: told(gift.entries) },
    {
      ...{ code: 'play_credit', source: 'play_credit', sourceId: 'c1', memo: 'm', recoverDebt: true },
      entries: ['goodwill_expense 5', 'buyer_cash -5'],
    },
  )
  for (const amountNanos of [0n, -1n])
    assert.throws(() => playCredit({ creditId: 'c', organisationId: 'b', amountNanos }))
  const undone = reversal({ id: 'j1', entries: gift.entries, memo: 'x' })
  assert.deepEqual(
    { ...undone, entries: told(undone.entries) },
    {
      ...{ code: 'reversal', source: 'reversal', sourceId: 'j1', reversesId: 'j1', memo: 'x' },
      entries: ['goodwill_expense -5', 'buyer_cash 5'],
    },
  )
}

export const journalChecks = { journalCode, postings }
