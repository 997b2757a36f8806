/** What journals are refused, what is kept of them, and where debts land. */
import assert from 'node:assert/strict'
import type * as store from '../../src/ledger/store.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { attempt, goodwill, hold, INVALID, type Lab, post, row, settle, undone } from './ledger-lab.ts'

/** A journal is refused unless it is what it says; a repetition is the first one. */
export async function journals(lab: Lab): Promise<void> {
  const [gift, payer] = [await goodwill(lab.admin), await lab.account('buyer_cash', 100n)]
  const id = uuidv7()
  const legs = [
    [gift, 5n],
    [payer, -5n],
  ] as const
  const tried = (given: Parameters<typeof post>[1], more: Partial<store.Posting> = {}) =>
    attempt(lab.admin, () => post(lab.admin, given, more))
  assert.equal(await tried(legs), 'done')
  const wrong: Partial<store.Posting>[] = [
    { source: 'request' },
    { code: 'request_settled' },
    { source: 'reversal' },
    { source: 'reversal', reversesId: id, sourceId: uuidv7() },
    { source: 'reversal', code: 'reversal', reversesId: id, sourceId: id },
    { sourceId: null as never },
  ]
  for (const more of wrong) assert.equal(await tried(legs, more), INVALID, JSON.stringify(more))
  assert.equal(
    await tried([
      [gift, 0n],
      [payer, 0n],
    ]),
    INVALID,
  )
  const twice = [
    [payer, 5n],
    [payer, -5n],
  ] as const
  await undone(lab.admin, () =>
    assert.rejects(post(lab.admin, twice), { code: INVALID, message: /each on its own account/ }),
  )
  assert.equal(
    await tried([
      [gift, 5n],
      [9_999_999n, -5n],
    ]),
    INVALID,
  )
  assert.equal(
    await tried([
      [gift, 5n],
      [payer, -4n],
    ]),
    '23001',
  )
  assert.equal(
    await tried([
      [payer, 101n],
      [gift, -101n],
    ]),
    '23514',
  )
  const uneven = `SELECT * FROM ledger.post('${uuidv7()}', 'test', 'test', 'x', '{${gift},${payer}}', '{5,-4,-1}', NULL, NULL, false)`
  assert.equal(await attempt(lab.admin, uneven), INVALID)
  const crowd: bigint[] = []
  for (let index = 0; index < 100; index += 1) crowd.push(await lab.account('seller_pending'))
  const spread = (count: number) => [
    [gift, BigInt(count)] as const,
    ...crowd.slice(0, count).map((one) => [one, -1n] as const),
  ]
  assert.equal(await tried(spread(99)), 'done')
  assert.equal(await tried(spread(100)), INVALID)
  await undone(lab.admin, async () => {
    const first = await post(lab.admin, legs, { id, sourceId: 's', memo: 'why' })
    const again = await post(lab.admin, [...legs].reverse(), { sourceId: 's' })
    assert.deepEqual(
      [first, again],
      [
        { journalId: id, fresh: true },
        { journalId: id, fresh: false },
      ],
    )
    const other = await post(lab.admin, legs, { sourceId: 's', code: 'another' })
    assert.equal(other.fresh, true)
    const turned = legs.map(([account, nanos]) => [account, -nanos] as const)
    const half: Partial<store.Posting>[] = [
      { source: 'test', code: 'test', sourceId: id, reversesId: id },
      { source: 'reversal', code: 'reversal', sourceId: id },
      { source: 'reversal', code: 'reversal', sourceId: uuidv7(), reversesId: id },
      { source: 'reversal', code: 'other', sourceId: id, reversesId: id },
    ]
    for (const more of half) {
      await lab.admin.query('SAVEPOINT half')
      await assert.rejects(post(lab.admin, turned, more), { code: INVALID }, JSON.stringify(more))
      await lab.admin.query('ROLLBACK TO half')
    }
    const undo = await post(
      lab.admin,
      [
        [payer, 5n],
        [gift, -5n],
      ],
      {
        source: 'reversal',
        code: 'reversal',
        sourceId: id,
        reversesId: id,
      },
    )
    const kept = 'SELECT code, source, source_id, reverses_id, memo FROM ledger.journal WHERE id = $1'
    assert.deepEqual(await row(lab, kept, [id]), {
      code: 'test',
      source: 'test',
      source_id: 's',
      reverses_id: null,
      memo: 'why',
    })
    assert.deepEqual(await row(lab, kept, [undo.journalId]), {
      ...{ code: 'reversal', source: 'reversal', source_id: id },
      ...{ reverses_id: id, memo: null },
    })
    await assert.rejects(
      post(
        lab.admin,
        [
          [gift, 6n],
          [payer, -6n],
        ],
        { sourceId: 's' },
      ),
      { code: 'BL001' },
    )
  })
}

/** Debts of two payers in one batch land on their own accounts. */
export async function debts(lab: Lab): Promise<void> {
  await undone(lab.admin, async () => {
    const payers = [await lab.account('buyer_cash', 10n), await lab.account('buyer_cash', 10n)]
    for (const [index, payer] of payers.entries()) {
      const { id } = await hold(lab.admin, payer, 0n)
      await settle(lab, lab.admin, id, 20n + BigInt(index))
    }
    const { rows } = await lab.admin.query(
      `SELECT d.debits - d.credits AS owed, d.key = 'receivable_buyer:' || c.owner AS own FROM ledger.account c
       JOIN ledger.account d ON d.owner = c.owner AND d.id <> c.id WHERE c.id = ANY ($1) ORDER BY c.id`,
      [payers],
    )
    assert.deepEqual(rows, [
      { owed: '10', own: true },
      { owed: '11', own: true },
    ])
  })
}
