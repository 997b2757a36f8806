import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createPaymentsScene, type PaymentsScene, type User } from '../../test/support/payments-scene.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'

const usd = (dollars: number) => BigInt(Math.round(dollars * 100)) * 10_000_000n

let scene: PaymentsScene
let operator: User
let second: User
beforeAll(async () => {
  scene = await createPaymentsScene()
  operator = await scene.person(['operator'], 'Olga')
  second = await scene.person(['operator'], 'Otto')
})
afterEach(async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
})
afterAll(() => scene.close())

const sellerWith = async (dollars: number) => {
  const seller = await scene.person(['seller'], 'Sam')
  await scene.earn(seller, usd(dollars))
  return seller
}
const of = (seller: User, code: string) => scene.balance(code, seller.organisationId)

test('a seller earns, asks, is approved and paid; the bank has paid exactly that', async () => {
  const { payouts } = scene.payments
  const seller = await sellerWith(12.34)
  const bank = await scene.balance('bank')
  const asked = await payouts.request({}, seller)
  expect(asked).toMatchObject({ state: 'requested', amountNanos: usd(12.34), unbooked: null, attempt: 1 })
  expect([await of(seller, 'seller_available'), await of(seller, 'seller_payout_inflight')]).toEqual([
    0n,
    usd(12.34),
  ])

  expect((await payouts.approve(asked.id, operator)).state).toBe('approved')
  const paid = await payouts.book(asked.id, { bankReference: 'SEPA 2026-1' }, second)
  expect(paid).toMatchObject({ state: 'paid', unbooked: null, bankReference: 'SEPA 2026-1' })
  expect([paid.approvedBy?.name, paid.concludedBy?.name]).toEqual(['Olga', 'Otto'])
  expect(await of(seller, 'seller_payout_inflight')).toBe(0n)
  expect((await scene.balance('bank')) - bank).toBe(-usd(12.34))
  expect((await payouts.journals(paid)).map(({ code }) => code)).toEqual([
    'payout_requested',
    'payout_paid_manually',
  ])
  expect(await payouts.standing(seller.organisationId)).toMatchObject({
    paidNanos: usd(12.34),
    availableNanos: 0n,
  })
})

test('a refused payout, a failed one and a cancelled one give the money back, once', async () => {
  const { payouts } = scene.payments
  const seller = await sellerWith(5)
  const refused = await payouts.request({}, seller)
  expect(await payouts.refuse(refused.id, 'the name differs', operator)).toMatchObject({
    state: 'refused',
    note: 'the name differs',
  })
  await expect(payouts.refuse(refused.id, 'again', operator)).rejects.toThrow(/was refused/)
  const failed = await payouts.request({}, seller)
  await payouts.approve(failed.id, operator)
  await payouts.fail(failed.id, 'account closed', operator)
  const cancelled = await payouts.request({}, seller)
  await payouts.cancel(cancelled.id, seller)
  expect([await of(seller, 'seller_available'), await of(seller, 'seller_payout_inflight')]).toEqual([
    usd(5),
    0n,
  ])
})

test('two operators who book at once book once; another reference or another payout does not pass', async () => {
  const { payouts } = scene.payments
  const seller = await sellerWith(3)
  const { id } = await payouts.request({}, seller)
  await expect(payouts.book(id, { bankReference: 'early' }, operator)).rejects.toThrow(
    /Only an approved payout/,
  )
  await payouts.approve(id, operator)
  const outcomes = await Promise.allSettled(
    [operator, second, operator, second].map((who) => payouts.book(id, { bankReference: 'SEPA 7' }, who)),
  )
  expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('fulfilled'))
  expect(await of(seller, 'seller_payout_inflight')).toBe(0n)
  expect(await events('payout.paid', id)).toBe(1)
  await expect(payouts.book(id, { bankReference: 'SEPA 8' }, second)).rejects.toThrow(/is paid/)
  await expect(payouts.fail(id, 'no', second)).rejects.toThrow(/is paid/)

  const other = await sellerWith(3)
  const next = await payouts.request({}, other)
  await payouts.approve(next.id, operator)
  await expect(payouts.book(next.id, { bankReference: 'sepa 7' }, operator)).rejects.toThrow(/Another payout/)
  expect((await payouts.get(next.id, operator)).state).toBe('approved')
})

test('a seller has one payout on its way, however often he clicks', async () => {
  const { payouts } = scene.payments
  const seller = await sellerWith(9)
  const clicks = await Promise.allSettled(
    Array.from({ length: 6 }, () => payouts.request({ amountNanos: usd(2) }, seller)),
  )
  const refused = clicks.filter((click) => click.status === 'rejected').map(({ reason }) => reason.code)
  expect(refused).toEqual(Array(5).fill('conflict'))
  expect([await of(seller, 'seller_available'), await of(seller, 'seller_payout_inflight')]).toEqual([
    usd(7),
    usd(2),
  ])
})

test.each([
  [{ amountNanos: 10_000_001n }, /whole cents/],
  [{ amountNanos: usd(0.5) }, /at least 1000000000/],
  [{ amountNanos: usd(4.01) }, /at most 4000000000/],
])('what cannot be paid out is refused with the reason: %o', async (wish, reason) => {
  await expect(scene.payments.payouts.request(wish, await sellerWith(4))).rejects.toThrow(reason)
})

test('debt, an open case and too little each stand in the way, in words', async () => {
  const { payouts } = scene.payments
  const poor = await sellerWith(0.4)
  await expect(payouts.request({}, poor)).rejects.toThrow(
    'The least that is paid out is $1; $0.4 is available.',
  )
  // What is less than a cent is told as it is.
  const beginner = await scene.person(['seller'], 'Sam')
  await scene.earn(beginner, 2_548_660n)
  await expect(payouts.request({}, beginner)).rejects.toThrow(/; \$0\.00254866 is available/)

  const accused = await sellerWith(8)
  await accuse(accused)
  await expect(payouts.request({}, accused)).rejects.toThrow(/A case against one of your listings is open/)

  const debtor = await sellerWith(8)
  await owe(debtor, usd(30))
  // What matures pays the debt first.
  await expect(payouts.request({}, debtor)).rejects.toThrow('You owe the platform $22.')
  expect(await of(debtor, 'seller_available')).toBe(0n)
})

test('a seller who came to owe after asking is not approved; the operator can still refuse', async () => {
  const { payouts } = scene.payments
  const seller = await sellerWith(6)
  const { id } = await payouts.request({}, seller)
  await owe(seller, usd(1))
  await expect(payouts.approve(id, operator)).rejects.toThrow(/Not payable now/)
  await payouts.refuse(id, 'pay what you owe first', operator)
  // What comes back pays the debt.
  expect([await of(seller, 'seller_available'), await of(seller, 'receivable_seller')]).toEqual([usd(5), 0n])
})

test('another seller’s payout is not there, in the words of one that never was', async () => {
  const { payouts } = scene.payments
  const { id } = await payouts.request({}, await sellerWith(2))
  const stranger = await scene.person(['seller'])
  const words = async (work: Promise<unknown>) => ((await work.catch((error) => error)) as Error).message
  const nowhere = await words(payouts.get('00000000-0000-7000-8000-000000000000', stranger))
  expect([await words(payouts.get(id, stranger)), await words(payouts.cancel(id, stranger))]).toEqual([
    nowhere,
    nowhere,
  ])
  await expect(payouts.cancel(id, operator)).rejects.toThrow(/Refuse it instead/)
})

test.each(['set_aside', 'give_back', 'pay'] as const)(
  'a crash between the row and the journal is finished by the next round: %s',
  async (step) => {
    let down = false
    const dying = scene.open({
      ledger: {
        post(journal) {
          const dies = {
            set_aside: 'payout_requested',
            give_back: 'payout_failed',
            pay: 'payout_paid_manually',
          }
          if (down && journal.code === dies[step]) throw new GatewayError('unavailable', 'killed')
          return scene.ledger.post(journal)
        },
      },
    })
    const seller = await sellerWith(5)
    const settled = async () => [
      await of(seller, 'seller_available'),
      await of(seller, 'seller_payout_inflight'),
    ]
    down = step === 'set_aside'
    const asked = await dying.payouts.request({}, seller).catch(() => undefined)
    down = true
    const id =
      asked?.id ??
      (await scene.payments.payouts.list({ organisationId: seller.organisationId, limit: 1 }))[0]?.id
    if (id === undefined) throw new Error('the payout was not written down')
    if (step === 'give_back') await expect(dying.payouts.refuse(id, 'no', operator)).rejects.toThrow('killed')
    if (step === 'pay') {
      await dying.payouts.approve(id, operator)
      await expect(dying.payouts.book(id, { bankReference: `crash ${id}` }, operator)).rejects.toThrow(
        'killed',
      )
    }
    expect((await scene.payments.payouts.get(id, operator)).unbooked).toBe(step)
    await scene.payments.tidy()
    await scene.payments.tidy()
    expect((await scene.payments.payouts.get(id, operator)).unbooked).toBeNull()
    expect(await settled()).toEqual({ set_aside: [0n, usd(5)], give_back: [usd(5), 0n], pay: [0n, 0n] }[step])
  },
)

test('a payout whose money was taken before it was set aside fails, and blocks nothing', async () => {
  const seller = await sellerWith(5)
  const racing = scene.open({
    ledger: {
      async post(journal) {
        if (journal.code === 'payout_requested')
          await scene.ledger.post({
            code: 'goodwill_taken',
            source: 'test',
            sourceId: seller.organisationId,
            entries: [
              { account: { code: 'seller_available', owner: seller.organisationId }, amountNanos: usd(3) },
              { account: { code: 'equity' }, amountNanos: -usd(3) },
            ],
          })
        return scene.ledger.post(journal)
      },
    },
  })
  await expect(racing.payouts.request({}, seller)).rejects.toThrow(/Less is available by now/)
  const [row] = await racing.payouts.list({ organisationId: seller.organisationId, limit: 1 })
  expect(row).toMatchObject({ state: 'failed', unbooked: null })
  expect((await scene.payments.payouts.request({}, seller)).amountNanos).toBe(usd(2))
})

async function events(action: string, id: string): Promise<number> {
  const { rows } = await scene.testDatabase.database.pool.query<{ subject: string }>(
    'SELECT subject FROM audit_event WHERE action = $1',
    [action],
  )
  return rows.filter(({ subject }) => subject === formatId('pay-', id)).length
}

async function owe(seller: User, nanos: bigint): Promise<void> {
  await scene.ledger.post({
    code: 'debt_made',
    source: 'test',
    sourceId: `owes ${seller.organisationId}`,
    entries: [
      { account: { code: 'receivable_seller', owner: seller.organisationId }, amountNanos: nanos },
      { account: { code: 'equity' }, amountNanos: -nanos },
    ],
  })
}

async function accuse({ organisationId }: User): Promise<void> {
  await scene.testDatabase.database.prisma.trustCase.create({
    data: {
      id: organisationId,
      listingId: organisationId,
      organisationId,
      model: 'm',
      kind: 'integrity',
      state: 'open',
      quarantined: false,
      evidence: {},
    },
  })
}
