import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'

let scene: LedgerScene

beforeAll(async () => {
  scene = await createLedgerScene()
})

afterAll(async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
  await scene.close()
})

async function one<Row>(sql: string, values: unknown[] = []): Promise<Row> {
  const { rows } = await scene.admin.query(sql, values)
  expect(rows).toHaveLength(1)
  return rows[0] as Row
}

/** Lets the time of a payer's holds run out. */
const runOut = (payer: bigint) =>
  scene.admin.query(
    `UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE state = 'open' AND payer = $1`,
    [payer],
  )

test('of 500 requests at once on a balance for 7, exactly 7 are admitted', async () => {
  const { payer, organisationId } = await scene.buyer(75n)
  const outcomes = await Promise.all(
    Array.from({ length: 500 }, () => scene.ledger.hold({ id: uuidv7(), payer, amountNanos: 10n })),
  )
  expect(outcomes.filter(({ status }) => status === 'held')).toHaveLength(7)
  expect(outcomes.at(-1)).toEqual({ status: 'insufficient', availableNanos: 5n, heldNanos: 70n })
  expect(await scene.ledger.balanceOf(organisationId)).toEqual({
    balanceNanos: 75n,
    availableNanos: 5n,
    heldNanos: 70n,
  })
})

test('two gateways that hold and settle for the same buyers at once never deadlock or lose a nano', async () => {
  const buyers = await Promise.all(Array.from({ length: 6 }, () => scene.buyer(1_000_000n)))
  const other = scene.open({ nodeId: 'node-b' })
  const work = async (ledger: typeof other, order: typeof buyers) => {
    for (let round = 0; round < 15; round += 1) {
      await Promise.all(
        order.map(async ({ payer }) => {
          const id = uuidv7()
          await ledger.hold({ id, payer, amountNanos: 100n })
          await ledger.settle(await scene.settlement(id, 60n, 3n))
        }),
      )
    }
  }
  await Promise.all([work(scene.ledger, buyers), work(other, buyers.toReversed())])
  await other.close()
  for (const { organisationId } of buyers) {
    expect(await scene.ledger.balanceOf(organisationId)).toEqual({
      balanceNanos: 1_000_000n - 30n * 60n,
      availableNanos: 1_000_000n - 30n * 60n,
      heldNanos: 0n,
    })
  }
  expect(scene.logged).toEqual([])
})

test('a poor buyer does not sink the neighbours in his batch, and gets what he can pay for', async () => {
  const [poor, rich] = [await scene.buyer(50n), await scene.buyer(500n)]
  const amounts: [typeof poor, bigint][] = [
    [poor, 40n],
    [rich, 300n],
    [poor, 20n],
    [poor, 10n],
    [rich, 200n],
    [poor, 1n],
  ]
  const outcomes = await Promise.all(
    amounts.map(([{ payer }, amountNanos]) => scene.ledger.hold({ id: uuidv7(), payer, amountNanos })),
  )
  expect(outcomes.map(({ status }) => status)).toEqual([
    'held',
    'held',
    'insufficient',
    'held',
    'held',
    'insufficient',
  ])
})

test('a hold asked for twice, at once and later, is held once; a refusal stays a refusal', async () => {
  const { payer, organisationId } = await scene.buyer(100n)
  const hold = { id: uuidv7(), payer, amountNanos: 60n }
  const refused = { id: uuidv7(), payer, amountNanos: 70n }
  await Promise.all([scene.ledger.hold(hold), scene.ledger.hold(hold), scene.ledger.hold(hold)])
  const refusal = await scene.ledger.hold(refused)
  expect(refusal).toEqual({ status: 'insufficient', availableNanos: 40n, heldNanos: 60n })
  expect((await scene.ledger.balanceOf(organisationId)).heldNanos).toBe(60n)
  await scene.ledger.void(hold.id, 'no answer')
  expect(await scene.ledger.hold(refused)).toEqual(refusal)
  expect(await scene.ledger.hold(hold)).toEqual({ status: 'held', availableNanos: 100n })
  await expect(scene.ledger.hold({ ...hold, amountNanos: 61n })).rejects.toThrow('could not be booked')
})

test('everybody who asks first for a new account gets the same one', async () => {
  const owner = uuidv7()
  const other = scene.open({ pool: scene.testDatabase.database.pool })
  const asked = [scene.ledger, other].flatMap((ledger) =>
    Array.from({ length: 10 }, () => ledger.accountId({ code: 'seller_pending', owner })),
  )
  expect(new Set(await Promise.all(asked)).size).toBe(1)
  const refused = { cause: { message: expect.stringContaining('no account can be opened') } }
  await expect(scene.ledger.accountId({ code: 'bank', owner })).rejects.toMatchObject(refused)
  await expect(scene.ledger.accountId({ code: 'buyer_cash' })).rejects.toMatchObject(refused)
  await expect(scene.ledger.accountId({ code: 'buyer_cash', owner: "x'; --" })).rejects.toThrow()
  await other.close()
})

test('a settlement books the cost, pays seller and platform, and releases the rest', async () => {
  const { payer, organisationId } = await scene.buyer(1_000n)
  const id = uuidv7()
  await scene.ledger.hold({ id, payer, amountNanos: 400n })
  const settlement = await scene.settlement(id, 250n, 13n)
  expect(await scene.ledger.settle(settlement)).toEqual({ availableNanos: 750n, shortfallNanos: 0n })
  // Again, and twice in one batch: the same answer, nothing booked.
  await Promise.all([scene.ledger.settle(settlement), scene.ledger.settle(settlement)])
  expect((await scene.ledger.balanceOf(organisationId)).balanceNanos).toBe(750n)
  const record = await one<Record<string, unknown>>('SELECT * FROM ledger.usage_record WHERE id = $1', [id])
  expect(record).toMatchObject({
    cost_nanos: '250',
    seller_nanos: '237',
    fee_nanos: '13',
    held_nanos: '400',
    shortfall_nanos: '0',
    uncached_input: '11',
    cache_read: '5',
    output: '7',
    reasoning: '2',
    usage_source: 'reported',
    finish_reason: 'stop',
    duration_ms: 812.5,
    price: { table: { base: { output: '600000' }, tiers: [] }, multiplierPpm: '1000000', feeBps: '500' },
  })
})

test('a request that cost nothing leaves a usage record and no journal', async () => {
  const { payer, organisationId } = await scene.buyer(10n)
  const id = uuidv7()
  await scene.ledger.hold({ id, payer, amountNanos: 0n })
  await scene.ledger.settle(await scene.settlement(id, 0n))
  await one('SELECT 1 FROM ledger.usage_record WHERE id = $1 AND cost_nanos = 0', [id])
  expect(await scene.ledger.statement(organisationId, { limit: 5 })).toHaveLength(1)
})

test('what a request costs above its hold and balance is owed, and the next credit pays it first', async () => {
  const { payer, organisationId } = await scene.buyer(100n)
  const id = uuidv7()
  await scene.ledger.hold({ id, payer, amountNanos: 60n })
  expect(await scene.ledger.settle(await scene.settlement(id, 130n, 10n))).toEqual({
    availableNanos: 0n,
    shortfallNanos: 30n,
  })
  const receivable = { code: 'receivable_buyer', owner: organisationId } as const
  const owed = async () =>
    (
      await one<{ owed: string }>('SELECT debits - credits AS owed FROM ledger.account WHERE id = $1', [
        await scene.ledger.accountId(receivable),
      ])
    ).owed
  expect(await owed()).toBe('30')
  const credit = { organisationId, amountNanos: 50n, reason: 'more', idempotencyKey: 'more' }
  expect(await scene.ledger.creditPlayMoney(credit)).toBe('booked')
  expect(await scene.ledger.creditPlayMoney(credit)).toBe('repeated')
  expect(await scene.ledger.creditPlayMoney({ ...credit, amountNanos: 51n })).toBe('mismatch')
  expect(await owed()).toBe('0')
  expect((await scene.ledger.balanceOf(organisationId)).availableNanos).toBe(20n)
  scene.logged.length = 0
})

test('an expired hold is released, and what was served after that is still charged', async () => {
  const { payer, organisationId } = await scene.buyer(100n)
  const [late, alive] = [uuidv7(), uuidv7()]
  await scene.ledger.hold({ id: late, payer, amountNanos: 60n })
  await scene.ledger.hold({ id: alive, payer, amountNanos: 10n })
  await runOut(payer)
  await scene.ledger.renew([alive, uuidv7()])
  expect(await scene.ledger.expireHolds()).toBe(1)
  expect((await scene.ledger.balanceOf(organisationId)).heldNanos).toBe(10n)
  await scene.ledger.renew([late])
  await scene.ledger.settle(await scene.settlement(late, 55n))
  expect(await scene.ledger.balanceOf(organisationId)).toEqual({
    balanceNanos: 45n,
    availableNanos: 35n,
    heldNanos: 10n,
  })
  await scene.ledger.void(alive, 'done')
})

test('a restart releases what its killed life held, and nothing of other gateways or of this life', async () => {
  const { payer, organisationId } = await scene.buyer(100n)
  const killed = scene.open({ nodeId: 'node-c', nodeEpoch: 4 })
  const restarted = scene.open({ nodeId: 'node-c', nodeEpoch: 5 })
  const elsewhere = scene.open({ nodeId: 'node-d', nodeEpoch: 1 })
  const served = uuidv7()
  await killed.hold({ id: served, payer, amountNanos: 30n })
  await killed.hold({ id: uuidv7(), payer, amountNanos: 20n })
  await restarted.hold({ id: uuidv7(), payer, amountNanos: 5n })
  await elsewhere.hold({ id: uuidv7(), payer, amountNanos: 3n })
  expect(await restarted.releaseDeadNode()).toBe(2)
  expect(await restarted.releaseDeadNode()).toBe(0)
  expect((await scene.ledger.balanceOf(organisationId)).heldNanos).toBe(8n)
  await restarted.settle(await scene.settlement(served, 12n))
  expect((await scene.ledger.balanceOf(organisationId)).balanceNanos).toBe(88n)
  await Promise.all([killed, restarted, elsewhere].map((ledger) => ledger.close()))
})

test('a settlement that contradicts what is booked is refused, parked and charges nothing', async () => {
  const { payer, organisationId } = await scene.buyer(1_000n)
  const [settled, voided] = [uuidv7(), uuidv7()]
  for (const id of [settled, voided]) await scene.ledger.hold({ id, payer, amountNanos: 100n })
  await scene.ledger.settle(await scene.settlement(settled, 40n))
  await scene.ledger.void(voided, 'nothing billable')
  await scene.ledger.void(voided, 'again')
  await scene.ledger.void(uuidv7(), 'never held')
  const unbalanced = { ...(await scene.settlement(uuidv7(), 40n)), feeNanos: 1n }
  await scene.ledger.hold({ id: unbalanced.id, payer, amountNanos: 100n })
  const wrongAccount = { ...(await scene.settlement(unbalanced.id, 40n)), sellerAccount: payer }
  for (const operation of [
    await scene.settlement(settled, 41n),
    await scene.settlement(voided, 40n),
    await scene.settlement(uuidv7(), 40n),
    unbalanced,
    wrongAccount,
  ]) {
    await expect(scene.ledger.settle(operation)).rejects.toThrow('could not be booked')
  }
  await expect(scene.ledger.void(settled, 'too late')).rejects.toThrow('could not be booked')
  expect(await scene.ledger.release(settled, 'too late')).toBe('settled')
  const { rows } = await scene.admin.query<{ message: string }>(
    `SELECT message FROM ledger.dead_letter WHERE queue = 'settle' ORDER BY id`,
  )
  expect(rows.map(({ message }) => message.replace(/.*: /, ''))).toEqual([
    'mismatch',
    'voided',
    'unknown',
    'invalid',
    'invalid',
  ])
  expect((await scene.ledger.balanceOf(organisationId)).balanceNanos).toBe(960n)
  await scene.ledger.void(unbalanced.id, 'cleared up')
  scene.logged.length = 0
})

test('a settlement and a void that race for one hold: exactly one wins', async () => {
  const { payer, organisationId } = await scene.buyer(10_000n)
  let charged = 0n
  for (let round = 0; round < 20; round += 1) {
    const id = uuidv7()
    await scene.ledger.hold({ id, payer, amountNanos: 100n })
    const other = scene.open()
    const [settled, voided] = await Promise.allSettled([
      scene.ledger.settle(await scene.settlement(id, 70n)),
      other.void(id, 'race'),
    ])
    expect([settled.status, voided.status].filter((status) => status === 'fulfilled')).toHaveLength(1)
    if (settled.status === 'fulfilled') charged += 70n
    await other.close()
  }
  expect(await scene.ledger.balanceOf(organisationId)).toMatchObject({
    balanceNanos: 10_000n - charged,
    heldNanos: 0n,
  })
  scene.logged.length = 0
})

test('amounts at the end of the scale are refused without harm to their neighbours', async () => {
  const { payer } = await scene.buyer(100n)
  const huge = 9_223_372_036_854_775_807n
  const hold = (amountNanos: bigint, id = uuidv7()) => scene.ledger.hold({ id, payer, amountNanos })
  const outcomes = await Promise.allSettled([
    hold(huge),
    hold(huge),
    hold(1n),
    hold(huge + 1n),
    hold(-1n),
    hold(1n, '018f0000-0000-7000-8000-000000000009'),
    scene.ledger.hold({ id: uuidv7(), payer: 9_999_999n, amountNanos: 1n }),
    hold(2n),
  ])
  expect(
    outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value.status : 'refused')),
  ).toEqual(['insufficient', 'insufficient', 'held', 'refused', 'refused', 'refused', 'refused', 'held'])
  const { count } = await one<{ count: string }>(
    `SELECT count(*) FROM ledger.dead_letter WHERE queue = 'hold'`,
  )
  expect(count).toBe('4')
  scene.logged.length = 0
})

test('a reversal undoes a whole journal, once, whoever asks', async () => {
  const { organisationId } = await scene.buyer(0n)
  const cash = { code: 'buyer_cash', owner: organisationId } as const
  const gift = {
    code: 'gift',
    source: 'ticket',
    sourceId: organisationId,
    entries: [
      { account: { code: 'goodwill_expense' } as const, amountNanos: 90n },
      { account: cash, amountNanos: -90n },
    ],
  }
  const { journalId } = await scene.ledger.post(gift)
  const undo = (nanos: bigint) => ({
    code: 'reversal',
    source: 'reversal',
    sourceId: journalId,
    reversesId: journalId,
    memo: 'given to the wrong one',
    entries: [
      { account: { code: 'goodwill_expense' } as const, amountNanos: -nanos },
      { account: cash, amountNanos: nanos },
    ],
  })
  await expect(scene.ledger.post(undo(89n))).rejects.toThrow('does not undo')
  const other = scene.open()
  const outcomes = await Promise.all([scene.ledger.post(undo(90n)), other.post(undo(90n))])
  expect(outcomes.filter(({ fresh }) => fresh)).toHaveLength(1)
  expect((await scene.ledger.balanceOf(organisationId)).balanceNanos).toBe(0n)
  await other.close()
})

test('a journal is refused when it does not balance, repeats an account, or takes a wallet below what is held', async () => {
  const { payer, organisationId } = await scene.buyer(100n)
  const id = uuidv7()
  await scene.ledger.hold({ id, payer, amountNanos: 80n })
  const cash = { code: 'buyer_cash', owner: organisationId } as const
  const post = (...entries: [bigint, bigint]) =>
    scene.ledger.post({
      code: 'correction',
      source: 'ticket',
      sourceId: uuidv7(),
      entries: [
        { account: cash, amountNanos: entries[0] },
        { account: { code: 'goodwill_expense' }, amountNanos: entries[1] },
      ],
    })
  await expect(post(21n, -21n)).rejects.toMatchObject({ code: 'conflict' })
  await expect(post(20n, -19n)).rejects.toThrow('does not balance')
  await expect(post(0n, 0n)).rejects.toThrow('none of them zero')
  await expect(
    scene.ledger.post({
      code: 'correction',
      source: 'ticket',
      sourceId: uuidv7(),
      entries: [5n, -5n].map((amountNanos) => ({ account: cash, amountNanos })),
    }),
  ).rejects.toThrow('each on its own account')
  await expect(
    scene.ledger.post({ code: 'request_settled', source: 'ticket', sourceId: 'x', entries: [] }),
  ).rejects.toThrow('cannot be posted')
  await post(20n, -20n)
  expect((await scene.ledger.balanceOf(organisationId)).availableNanos).toBe(0n)
  await scene.ledger.void(id, 'done')
})

test('a statement goes back line by line, newest first, and a page ends where the next begins', async () => {
  const { payer, organisationId } = await scene.buyer(1_000n)
  const ids: string[] = []
  for (const costNanos of [10n, 20n, 30n]) {
    const id = uuidv7()
    ids.push(formatId('gen-', id))
    await scene.ledger.hold({ id, payer, amountNanos: 100n })
    await scene.ledger.settle(await scene.settlement(id, costNanos))
  }
  const first = await scene.ledger.statement(organisationId, { limit: 2 })
  expect(first.map(({ id, amountNanos }) => [id, amountNanos])).toEqual([
    [ids[2], '-30'],
    [ids[1], '-20'],
  ])
  const second = await scene.ledger.statement(organisationId, { limit: 2, before: ids[1] as string })
  expect(second).toMatchObject([
    { id: ids[0], code: 'request_settled', amountNanos: '-10', model: 'openai/gpt-4o-mini' },
    { code: 'play_credit', description: 'a start', amountNanos: '1000' },
  ])
  const last = await scene.ledger.statement(organisationId, { limit: 2, before: second[1]?.id as string })
  expect(last).toEqual([])
  await expect(
    scene.ledger.statement(organisationId, { limit: 2, before: 'gen-nonsense' }),
  ).rejects.toMatchObject({ code: 'invalid_value' })
})

test('an organisation nobody has paid for has nothing, and no lines', async () => {
  const nobody = uuidv7()
  expect(await scene.ledger.balanceOf(nobody)).toEqual({
    balanceNanos: 0n,
    availableNanos: 0n,
    heldNanos: 0n,
  })
  expect(await scene.ledger.statement(nobody, { limit: 10 })).toEqual([])
})
