/** What each function answers, stores and refuses, beyond the figures that histories compare. */
import assert from 'node:assert/strict'
import { chart } from '../../src/ledger/accounts.ts'
import type { SettleOperation } from '../../src/ledger/operations.ts'
import * as store from '../../src/ledger/store.ts'
import type { UsageProof } from '../../src/ledger/usage-record.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { usageRecord } from './ledger-history.ts'
import { attempt, goodwill, hold, INVALID, type Lab, NODE, row, undone } from './ledger-lab.ts'

const DAY_MS = 86_400_000

/** Accounts are opened as the chart says, once, and for owners that cannot be mistaken for anything else. */
export async function accounts(lab: Lab): Promise<void> {
  await undone(lab.admin, async () => {
    for (const [code, entry] of Object.entries(chart)) {
      const owner = entry.owned ? 'a-1_B' : undefined
      const id = await store.openAccount(lab.admin, code, owner)
      assert.equal(await store.openAccount(lab.admin, code, owner), id)
      const account = await row(
        lab,
        'SELECT key, code, class, normal_side, floored, owner FROM ledger.account WHERE id = $1',
        [id],
      )
      assert.deepEqual(account, {
        key: owner ? `${code}:${owner}` : code,
        code,
        class: entry.class,
        normal_side: entry.normalSide,
        floored: entry.floored,
        owner: owner ?? null,
      })
    }
  })
  await undone(lab.admin, async () => {
    const asked = ['z', 'a', 'z', 'm'].map((owner) => ({ code: 'seller_pending', owner }))
    const alone: bigint[] = []
    const ids = await store.openAccounts(lab.admin, asked)
    for (const { code, owner } of asked) alone.push(await store.openAccount(lab.admin, code, owner))
    assert.deepEqual(ids, alone)
    assert.equal(new Set(ids).size, 3)
  })
  const wrong: [code: string, owner: string | undefined][] = [
    ['nothing', 'a'],
    ['bank', 'a'],
    ['buyer_cash', undefined],
    ['buyer_cash', ''],
    ['buyer_cash', 'a b'],
    ['buyer_cash', 'a:b'],
    ['buyer_cash', 'a'.repeat(65)],
  ]
  for (const [code, owner] of wrong) {
    assert.equal(await attempt(lab.admin, () => store.openAccount(lab.admin, code, owner)), INVALID)
  }
}

/** A hold lasts 90 seconds, belongs to its gateway, and is refused whole where it could not be settled. */
export async function holds(lab: Lab): Promise<void> {
  const payer = await lab.account('buyer_cash', 100n)
  const node = { node_id: NODE.nodeId, node_epoch: String(NODE.nodeEpoch) }
  const budget = uuidv7()
  await store.setBudget(lab.admin, budget, { limitNanos: 90n, period: 'month' })
  const told = `SELECT payer, amount, budget_id, state, node_id, node_epoch, reason, concluded_at IS NOT NULL AS concluded,
    extract(epoch FROM expires_at - now())::int AS seconds FROM ledger.hold WHERE id = $1`
  await undone(lab.admin, async () => {
    const one = await hold(lab.admin, payer, 60n, budget)
    const open = {
      payer: `${payer}`,
      amount: '60',
      budget_id: budget,
      state: 'open',
      ...node,
      reason: null,
      concluded: false,
      seconds: 90,
    }
    assert.deepEqual(await row(lab, told, [one.id]), open)
    await lab.admin.query('UPDATE ledger.hold SET expires_at = now() WHERE id = $1', [one.id])
    assert.equal(await store.renewBatch(lab.admin, [one.id, one.id]), 1)
    assert.deepEqual(await row(lab, told, [one.id]), open)
    const poor = await hold(lab.admin, payer, 41n)
    const over = await hold(lab.admin, payer, 31n, budget)
    assert.deepEqual(
      [poor.outcome, over.outcome].map((outcome) => (outcome as { status: string }).status),
      ['insufficient', 'budget_exceeded'],
    )
    const refused = { ...open, state: 'rejected', concluded: true }
    assert.deepEqual(await row(lab, told, [poor.id]), { ...refused, amount: '41', budget_id: null })
    assert.deepEqual(await row(lab, told, [over.id]), { ...refused, amount: '31' })
    await store.voidBatch(lab.admin, [
      { id: one.id, reason: 'first' },
      { id: one.id, reason: 'second' },
    ])
    assert.deepEqual(await row(lab, told, [one.id]), {
      ...open,
      state: 'voided',
      reason: 'first',
      concluded: true,
    })
  })
  const refused = async (operation: Partial<store.Posting> & { payer?: bigint; amountNanos?: bigint }) => {
    const full = { id: uuidv7(), payer, amountNanos: 1n, ...operation }
    return attempt(lab.admin, () => store.holdBatch(lab.admin, [full], NODE))
  }
  assert.equal(await refused({}), 'done')
  assert.equal(await refused({ amountNanos: -1n }), INVALID)
  assert.equal(await refused({ payer: 9_999_999n }), INVALID)
  assert.equal(await refused({ payer: await goodwill(lab.admin) }), INVALID)
  assert.equal(await refused({ payer: await lab.account('receivable_buyer') }), INVALID)
  assert.equal(await refused({ payer: lab.stage.accounts.get('fee')?.id as bigint }), INVALID)
  assert.equal(await refused({ id: uuidv7(Date.now() - DAY_MS - 60_000) }), INVALID)
  assert.equal(await refused({ id: uuidv7(Date.now() + DAY_MS + 60_000) }), INVALID)
  assert.equal(await refused({ id: uuidv7(Date.now() - DAY_MS + 60_000) }), 'done')
  assert.equal(await refused({ id: uuidv7(Date.now() + DAY_MS - 60_000) }), 'done')
}

/** The end of a hold says why: what time, restart and write-off leave behind. */
export async function endings(lab: Lab): Promise<void> {
  const payer = await lab.account('buyer_cash', 100n)
  const loss = lab.stage.accounts.get('loss')?.id as bigint
  const seller = lab.stage.accounts.get('pending 0')?.id as bigint
  const writeOff = (id: string, more: { seller?: bigint; nanos?: bigint; loss?: bigint } = {}) =>
    lab.admin.query('SELECT outcome FROM ledger.write_off_batch($1, $2, $3, $4, $5, $6)', [
      [id],
      [uuidv7()],
      [more.seller ?? seller],
      [more.nanos ?? 3n],
      ['broke'],
      more.loss ?? loss,
    ])
  await undone(lab.admin, async () => {
    const ids: string[] = []
    for (const nanos of [1n, 1n, 1n, 1n]) ids.push((await hold(lab.admin, payer, nanos)).id)
    await lab.admin.query(`UPDATE ledger.hold SET expires_at = now() - interval '1 s' WHERE id = ANY ($1)`, [
      [ids[0], ids[3]],
    ])
    assert.equal(await store.expireHolds(lab.admin, 10), 2)
    assert.deepEqual((await writeOff(ids[3] as string)).rows, [{ outcome: 'written_off' }])
    assert.deepEqual((await writeOff(ids[2] as string)).rows, [{ outcome: 'written_off' }])
    assert.equal(await store.releaseDead(lab.admin, { ...NODE, nodeEpoch: 8 }), 1)
    const { rows } = await lab.admin.query<{ end: string }>(
      `SELECT h.state || ', ' || h.reason || coalesce(', ' || j.memo, '') AS end FROM unnest($1::uuid[]) WITH ORDINALITY a (id, ord)
       JOIN ledger.hold h ON h.id = a.id LEFT JOIN ledger.journal j ON j.source = 'unbilled' AND j.source_id = h.id::text ORDER BY a.ord`,
      [ids],
    )
    assert.deepEqual(
      rows.map(({ end }) => end),
      [
        'expired, not renewed',
        'expired, its node ended',
        'voided, served, not billed, broke',
        'voided, served, not billed, broke',
      ],
    )
  })
  for (const wrong of [{ nanos: -1n }, { seller: payer }, { loss: seller }]) {
    assert.equal(await attempt(lab.admin, () => writeOff(uuidv7(), wrong)), INVALID)
  }
  await undone(lab.admin, async () => {
    await lab.admin.query(`SELECT ledger.park('settle', 'op-1', '{"a":1}', '22P05', 'why')`)
    const letter =
      'SELECT queue, operation_id, payload, sqlstate, message, resolved_at FROM ledger.dead_letter'
    assert.deepEqual(await row(lab, letter), {
      queue: 'settle',
      operation_id: 'op-1',
      payload: { a: 1 },
      sqlstate: '22P05',
      message: 'why',
      resolved_at: null,
    })
  })
}

/** A settlement keeps every figure of its usage record, and is nobody's without one or with wrong accounts. */
export async function records(lab: Lab): Promise<void> {
  const payer = await lab.account('buyer_cash', 100n)
  const account = (name: string) => lab.stage.accounts.get(name)?.id as bigint
  const hash = (digit: string) => digit.repeat(64)
  const record = {
    ...usageRecord(uuidv7(), uuidv7()),
    usage: {
      uncachedInput: 1,
      cacheRead: 2,
      cacheWrite5m: 3,
      cacheWrite1h: 4,
      audioInput: 5,
      output: 6,
      audioOutput: 7,
      reasoning: 8,
    },
    billed: 'delivered' as const,
    proof: { keyFingerprint: 'print', requestHash: hash('a'), responseHash: hash('b') },
  }
  const settlement = (id: string, more: object = {}) => ({
    ...{ id, costNanos: 50n, sellerAccount: account('pending 0'), sellerNanos: 45n },
    ...{ feeAccount: account('fee'), feeNanos: 5n, record },
    ...more,
  })
  await undone(lab.admin, async () => {
    const { id } = await hold(lab.admin, payer, 70n)
    await store.settleBatch(lab.admin, [settlement(id)])
    await repetitions(lab, settlement(id))
    assert.deepEqual(
      await row(
        lab,
        `SELECT organisation_id, key_id, listing_id, seller_organisation_id, model, provider, uncached_input, cache_read,
           cache_write_5m, cache_write_1h, audio_input, output, audio_output, reasoning, usage_source, stream, finish_reason,
           started_at, duration_ms, ttft_ms, held_nanos, cost_nanos, seller_nanos, fee_nanos, shortfall_nanos, billed,
           key_fingerprint, encode(request_hash, 'hex') AS request, encode(response_hash, 'hex') AS response
         FROM ledger.usage_record`,
      ),
      {
        organisation_id: record.organisationId,
        key_id: record.keyId,
        listing_id: record.listingId,
        seller_organisation_id: record.sellerOrganisationId,
        model: record.model,
        provider: record.provider,
        ...{
          uncached_input: '1',
          cache_read: '2',
          cache_write_5m: '3',
          cache_write_1h: '4',
          audio_input: '5',
        },
        ...{ output: '6', audio_output: '7', reasoning: '8', usage_source: 'reported', stream: true },
        ...{ finish_reason: 'stop', started_at: record.startedAt, duration_ms: 812.5, ttft_ms: 120.25 },
        ...{ held_nanos: '70', cost_nanos: '50', seller_nanos: '45', fee_nanos: '5', shortfall_nanos: '0' },
        ...{ billed: 'delivered', key_fingerprint: 'print', request: hash('a'), response: hash('b') },
      },
    )
  })
  await undone(lab.admin, async () => {
    const { id } = await hold(lab.admin, payer, 70n)
    const wrong = [
      { sellerAccount: payer },
      { feeAccount: payer },
      { sellerNanos: 46n },
      { sellerNanos: 60n, feeNanos: -10n },
      { sellerNanos: -10n, feeNanos: 60n },
    ]
    for (const one of wrong)
      assert.deepEqual(await store.settleBatch(lab.admin, [settlement(id, one)]), ['invalid'])
    const settle = `SELECT * FROM ledger.settle_batch($1, '{50}', $2, '{45}', $3, '{5}', '[]')`
    const values = [[id], [account('pending 0')], [account('fee')]]
    await assert.rejects(lab.admin.query(settle, values), { code: INVALID })
  })
}

/** The same again is settled; with anything else in it, it is not the same. */
async function repetitions(lab: Lab, settled: SettleOperation): Promise<void> {
  const { record } = settled
  const [otherFee, proof] = [await lab.account('platform_fee'), record.proof as UsageProof]
  const others: Partial<SettleOperation>[] = [
    { feeAccount: otherFee },
    { costNanos: 51n, sellerNanos: 46n },
    { record: { ...record, organisationId: uuidv7() } },
    { record: { ...record, usage: { ...record.usage, output: 9 } } },
    { record: { ...record, price: { other: 1n } } },
    { record: { ...record, billed: 'whole' } },
    { record: { ...record, proof: { ...proof, requestHash: proof.responseHash } } },
    { record: { ...record, proof: { ...proof, responseHash: proof.requestHash } } },
  ]
  for (const other of others) {
    assert.deepEqual(await store.settleBatch(lab.admin, [{ ...settled, ...other }]), ['mismatch'])
  }
  const [again] = await store.settleBatch(lab.admin, [{ ...settled, record: { ...record, durationMs: 1 } }])
  assert.deepEqual(again, { availableNanos: 50n, shortfallNanos: 0n })
}
