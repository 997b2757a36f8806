import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createPaymentsScene, type PaymentsScene, type User } from '../../test/support/payments-scene.ts'
import { createTestClock } from '../../test/support/people-app.ts'
import { earningsReserved, earningsUnreserved } from '../ledger/payout-postings.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'

const DAY_MS = 86_400_000
let scene: PaymentsScene
beforeAll(async () => {
  scene = await createPaymentsScene({ holdDays: 7 })
})
afterEach(async () => {
  expect(await scene.ledger.checkInvariants()).toEqual([])
})
afterAll(() => scene.close())

const money = async ({ organisationId: owner }: User) =>
  Promise.all(['pending', 'available', 'reserve'].map((part) => scene.balance(`seller_${part}`, owner)))

test('a day’s earnings mature after seven full days, once, however often the job runs', async () => {
  const seller = await scene.person(['seller'])
  await scene.earn(seller, 700n)
  for (const days of [0, 1, 6]) {
    scene.clock.advance(days * DAY_MS)
    await scene.payments.tidy()
    expect(await money(seller)).toEqual([700n, 0n, 0n])
  }
  scene.clock.advance(DAY_MS)
  const rounds = await Promise.all(
    [scene.open(), scene.open(), scene.open()].map(({ maturing }) => maturing.all()),
  )
  // Three gateways at once book it once.
  expect(rounds.reduce((sum, booked) => sum + booked, 0)).toBe(1)
  expect(await money(seller)).toEqual([0n, 700n, 0n])
  scene.clock.advance(5 * DAY_MS)
  await scene.payments.tidy()
  expect(await money(seller)).toEqual([0n, 700n, 0n])
})

test('without a hold earnings mature as they come, several times a day', async () => {
  const now = scene.open({ holdDays: 0 })
  const seller = await scene.person(['seller'])
  for (const nanos of [100n, 20n, 3n]) {
    await scene.earn(seller, nanos)
    await now.maturing.of(seller.organisationId)
  }
  expect(await money(seller)).toEqual([0n, 123n, 0n])
})

test('what a case sets aside does not mature, and what it gives back matures as it would have', async () => {
  const seller = await scene.person(['seller'])
  await scene.earn(seller, 1_000n)
  const part = { caseId: uuidv7(), part: 1, organisationId: seller.organisationId, reservedNanos: 400n }
  await scene.ledger.post(earningsReserved(part))
  const clock = createTestClock()
  const rules = scene.open({ clock })
  clock.advance(8 * DAY_MS)
  await rules.maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([0n, 600n, 400n])
  // It comes back on the day on which it would be eight days old; what is earned on that day is not.
  await scene.ledger.post(earningsUnreserved(part))
  clock.advance(DAY_MS)
  await rules.maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([0n, 1_000n, 0n])
})

test('what a case gives back does not wait anew: it is as old as when it was earned', async () => {
  const seller = await scene.person(['seller'])
  const [clock, rules] = ruled(1)
  await scene.earn(seller, 1_000n)
  const part = { caseId: uuidv7(), part: 1, organisationId: seller.organisationId, reservedNanos: 400n }
  await scene.ledger.post(earningsReserved(part))
  await scene.ledger.post(earningsUnreserved(part))
  // All of today is young; the way through the reserve makes none of it older, or younger.
  await rules.maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([1_000n, 0n, 0n])
  clock.advance(2 * DAY_MS)
  await rules.maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([0n, 1_000n, 0n])
})

test('a crash between the plan and the journal books what was planned, once', async () => {
  const seller = await scene.person(['seller'])
  await scene.earn(seller, 50n)
  const dying = (when: 'before' | 'after') =>
    scene.open({
      holdDays: 0,
      ledger: {
        async post(journal) {
          if (when === 'after') await scene.ledger.post(journal)
          throw new GatewayError('unavailable', 'killed')
        },
      },
    })
  for (const when of ['before', 'after', 'after'] as const)
    await expect(dying(when).maturing.of(seller.organisationId)).rejects.toThrow('killed')
  await scene.earn(seller, 7n)
  await scene.open({ holdDays: 0 }).maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([0n, 57n, 0n])
})

test('what shrank between the plan and the journal is planned anew', async () => {
  const seller = await scene.person(['seller'])
  await scene.earn(seller, 50n)
  const part = { caseId: uuidv7(), part: 1, organisationId: seller.organisationId, reservedNanos: 30n }
  const racing = scene.open({
    holdDays: 0,
    ledger: {
      async post(journal) {
        await scene.ledger.post(earningsReserved(part))
        return scene.ledger.post(journal)
      },
    },
  })
  await racing.maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([20n, 0n, 30n])
  await racing.maturing.of(seller.organisationId)
  expect(await money(seller)).toEqual([0n, 20n, 30n])
})

type Step =
  | { kind: 'earn' | 'reserve'; nanos: bigint }
  | { kind: 'wait'; days: number }
  | { kind: 'run' | 'return' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('earn' as const, 'earn' as const, 'reserve' as const),
    nanos: fc.bigInt({ min: 1n, max: 1_000n }),
  }),
  fc.record({ kind: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 3 }) }),
  fc.constantFrom({ kind: 'run' as const }, { kind: 'run' as const }, { kind: 'return' as const }),
)

test('whatever is earned, set aside and given back in whatever order: nothing matures early, twice, or beyond what is there', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 14 }),
      fc.integer({ min: 0, max: 3 }),
      async (steps, holdDays) => {
        const story = createStory(await scene.person(['seller']), holdDays)
        for (const each of steps) {
          await story.play(each)
          expect(await money(story.seller)).toEqual(story.expected())
        }
      },
    ),
    { numRuns: 40 },
  )
}, 15_000)

/** Gateways by a rule and a time of their own; what is earned is earned today. */
function ruled(holdDays: number) {
  const clock = createTestClock()
  return [clock, scene.open({ holdDays, clock })] as const
}

/** What a seller has after each step, by arithmetic. */
function createStory(seller: User, holdDays: number) {
  const { organisationId } = seller
  const [clock, rules] = ruled(holdDays)
  const parts: { caseId: string; part: number; organisationId: string; reservedNanos: bigint }[] = []
  const has = { pending: 0n, available: 0n, reserve: 0n }
  let waited = 0
  let lookedAt = -1
  const steps = {
    async earn(nanos: bigint) {
      await scene.earn(seller, nanos)
      has.pending += nanos
    },
    async reserve(nanos: bigint) {
      const reservedNanos = nanos < has.pending ? nanos : has.pending
      if (reservedNanos === 0n) return
      const part = { caseId: uuidv7(), part: 1, organisationId, reservedNanos }
      await scene.ledger.post(earningsReserved(part))
      parts.push(part)
      has.pending -= reservedNanos
      has.reserve += reservedNanos
    },
    async return() {
      const part = parts.pop()
      if (!part) return
      await scene.ledger.post(earningsUnreserved(part))
      has.reserve -= part.reservedNanos
      has.pending += part.reservedNanos
    },
    async wait(days: number) {
      clock.advance(days * DAY_MS)
      waited += days
    },
    async run() {
      await Promise.all([rules.maturing.of(organisationId), rules.maturing.of(organisationId)])
      if (has.pending === 0n || (holdDays > 0 && lookedAt === waited)) return
      lookedAt = waited
      if (holdDays > 0 && waited <= holdDays) return
      has.available += has.pending
      has.pending = 0n
    },
  }
  return {
    seller,
    async play(step: Step) {
      if (step.kind === 'earn' || step.kind === 'reserve') await steps[step.kind](step.nanos)
      else if (step.kind === 'wait') await steps.wait(step.days)
      else await steps[step.kind]()
    },
    expected: () => [has.pending, has.available, has.reserve],
  }
}

test('what is shown to mature is what is pending: nothing twice, whatever a case took and gave back', async () => {
  const seller = await scene.person(['seller'])
  const [, shown] = ruled(7)
  await scene.earn(seller, 1_000n)
  const part = { caseId: uuidv7(), part: 1, organisationId: seller.organisationId, reservedNanos: 400n }
  await scene.ledger.post(earningsReserved(part))
  expect((await shown.earnings(seller.organisationId)).matures.map(({ amountNanos }) => amountNanos)).toEqual(
    ['600'],
  )
  await scene.ledger.post(earningsUnreserved(part))
  const { matures, pendingNanos, holdDays } = await shown.earnings(seller.organisationId)
  const today = new Date().toISOString().slice(0, 10)
  expect({ matures, pendingNanos, holdDays }).toEqual({
    matures: [{ at: new Date(Date.parse(today) + 8 * DAY_MS).toISOString(), amountNanos: '1000' }],
    pendingNanos: '1000',
    holdDays: 7,
  })
})
