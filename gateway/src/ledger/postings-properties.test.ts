import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accountKey } from './accounts.ts'
import * as adjustment from './adjustment-postings.ts'
import * as dispute from './dispute-postings.ts'
import * as group from './group-postings.ts'
import * as payout from './payout-postings.ts'
import * as platform from './platform-postings.ts'
import { type Journal, requestSettled } from './postings.ts'
import * as request from './request-postings.ts'
import { drawFromSeller } from './seller-funds.ts'
import { splitByWeights } from './split.ts'
import * as topup from './topup-postings.ts'

const nanos = fc.bigInt({ min: 0n, max: 10n ** 18n })
const amount = fc.bigInt({ min: 1n, max: 10n ** 18n })
const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/)
const runs = { numRuns: 2_000 }

const sumOf = (values: readonly bigint[]) => values.reduce((total, value) => total + value, 0n)
const booked = (journals: readonly Journal[], key: string) =>
  sumOf(
    journals.flatMap(({ entries }) =>
      entries.filter(({ account }) => accountKey(account) === key).map(({ amountNanos }) => amountNanos),
    ),
  )

/** Amounts one after the other, each cut to what is left of `whole`. */
function inTurn<Result>(
  whole: bigint,
  amounts: readonly bigint[],
  book: (amountNanos: bigint, before: bigint) => Result,
): Result[] {
  let before = 0n
  const results: Result[] = []
  for (const asked of amounts) {
    const next = asked < whole - before ? asked : whole - before
    if (next === 0n) continue
    results.push(book(next, before))
    before += next
  }
  return results
}

/** Random figures for every posting: what is checked of each is what all have in common. */
const anyPosting: fc.Arbitrary<() => Journal | undefined> = fc
  .record({ a: amount, b: nanos, c: nanos, bps: fc.nat(10_000), one: id, two: id, flag: fc.boolean() })
  .chain(({ a, b, c, bps, one, two, flag }) => {
    const parts = { creditNanos: a, feeNanos: b, taxNanos: c }
    const paid = { ...parts, paymentIntentId: one, organisationId: two }
    const seller = { organisationId: two, pendingNanos: b, availableNanos: c, reserveNanos: b / 2n }
    const attempt = {
      payoutId: one,
      attempt: 1 + bps,
      organisationId: two,
      payoutNanos: (b / 10n ** 7n + 1n) * 10n ** 7n,
    }
    const refund = {
      requestId: one,
      n: 1 + bps,
      refundedNanos: a / 2n,
      refundNanos: a - a / 2n,
      drawn: [
        { account: { code: 'buyer_promo', owner: two }, nanos: a / 3n },
        { account: { code: 'buyer_cash', owner: two }, nanos: a - a / 3n },
      ] as const,
      memo: 'why',
    }
    const owed = { buyerCashNanos: b, groupPoolsNanos: c, sellersNanos: b, unallocatedNanos: c, taxNanos: 0n }
    return fc.constantFrom<() => Journal | undefined>(
      () => topup.topupSucceeded(paid),
      () => topup.topupAttributed(paid),
      () => topup.paymentUnattributed({ paymentIntentId: one, paidNanos: a, memo: two }),
      () => topup.stripeFee({ balanceTransactionId: one, feeNanos: a }),
      () =>
        topup.topupRefunded({
          refundId: one,
          organisationId: two,
          topup: { ...parts, feeRefundable: flag },
          refundedNanos: a / 3n,
          refundNanos: a - a / 3n,
        }),
      () =>
        request.requestRefunded({
          ...refund,
          sellerNanos: (a * BigInt(bps)) / 10_000n,
          seller,
          fee: { code: 'platform_fee', owner: '0' },
        }),
      () => request.goodwillRefunded(refund),
      () => request.unbilledUsage({ requestId: one, sellerOrganisationId: two, sellerNanos: a, memo: 'why' }),
      () => dispute.disputeOpened({ disputeId: one, balanceTransactionId: two, disputedNanos: a }),
      () =>
        dispute.disputeProvisional({
          disputeId: one,
          organisationId: two,
          creditNanos: b,
          availableNanos: c,
        }),
      () => dispute.disputeLost({ disputeId: one, organisationId: two, suspenseNanos: b }),
      () => dispute.disputeReinstated({ disputeId: one, balanceTransactionId: two, reinstatedNanos: a }),
      () =>
        payout.earningMatured({ organisationId: one, day: '2026-11-22', maturedNanos: a, reserveBps: bps }),
      () => payout.sellerDebtRecovered({ recoveryId: one, debtNanos: a, seller }),
      () => payout.payoutRequested(attempt),
      () => payout.payoutFailed(attempt),
      () => payout.payoutPaidManually({ ...attempt, bankReference: one }),
      () => payout.payoutTransferred({ ...attempt, transferId: one, toBank: flag }),
      () =>
        payout.transferReversed({
          transferReversalId: one,
          organisationId: two,
          reversedNanos: a,
          toBank: flag,
        }),
      () =>
        platform.platformWithdrawn({
          bankPayoutId: one,
          withdrawNanos: a,
          clearingAvailableNanos: a + 2n * b + 2n * c,
          owed,
        }),
      () =>
        platform.monthClosed({
          month: '2026-11',
          balances: [
            { account: { code: 'platform_fee', owner: '0' }, balanceNanos: flag ? a : -a },
            { account: { code: 'stripe_fees' }, balanceNanos: b },
          ],
        }),
      () =>
        adjustment.adminAdjusted({
          adjustmentId: one,
          organisationId: two,
          amountNanos: flag ? a : -a,
          reason: 'why',
        }),
      () =>
        adjustment.promoExpired({ grantId: one, organisationId: two, unspentNanos: b, availableNanos: c }),
      () =>
        group.groupRefunded({
          groupId: one,
          refundId: two,
          refundNanos: a,
          contributions: [a, b, c].map((paidNanos, index) => ({
            memberOrganisationId: `${two}${index}`,
            paidNanos,
          })),
          rotation: bps,
        }),
    )
  })

test('every posting balances, has no zero leg, names an account once and has the same source every time', () => {
  fc.assert(
    fc.property(anyPosting, (post) => {
      const journal = post()
      if (!journal) return
      const { entries, code, source, sourceId } = journal
      expect(sumOf(entries.map(({ amountNanos }) => amountNanos))).toBe(0n)
      expect(entries.length).toBeGreaterThanOrEqual(2)
      expect(entries.every(({ amountNanos }) => amountNanos !== 0n)).toBe(true)
      expect(new Set(entries.map(({ account }) => accountKey(account))).size).toBe(entries.length)
      expect(source).not.toBe('request')
      expect([code, source, sourceId].every((text) => text.length > 0)).toBe(true)
      expect(post()).toEqual(journal)
    }),
    { numRuns: 20_000 },
  )
})

test('refunds of a request give back what was drawn and earned, to the nano, in however many steps', () => {
  fc.assert(
    fc.property(
      nanos,
      nanos,
      amount,
      fc.nat(10_000),
      fc.array(amount, { maxLength: 8 }),
      (promo, cash, more, bps, steps) => {
        const drawn = [
          { account: { code: 'buyer_promo', owner: 'b' }, nanos: promo },
          { account: { code: 'buyer_cash', owner: 'b' }, nanos: cash + more },
        ] as const
        const cost = promo + cash + more
        const sellerNanos = (cost * BigInt(10_000 - bps)) / 10_000n
        const seller = { organisationId: 's', pendingNanos: cost, availableNanos: 0n, reserveNanos: 0n }
        const fee = { code: 'platform_fee', owner: '0' } as const
        // The last step asks for everything that is left.
        const journals = inTurn(cost, [...steps, cost], (refundNanos, refundedNanos) => {
          const refund = { requestId: 'r', n: 1, refundNanos, refundedNanos, drawn, memo: 'why' }
          return request.requestRefunded({ ...refund, sellerNanos, seller, fee })
        })
        expect(booked(journals, 'buyer_promo:b')).toBe(-promo)
        expect(booked(journals, 'buyer_cash:b')).toBe(-(cash + more))
        expect(booked(journals, 'seller_pending:s')).toBe(sellerNanos)
        expect(booked(journals, 'platform_fee:0')).toBe(cost - sellerNanos)
        // Nobody gets more back than he gave, at any step.
        expect(
          journals.every(({ entries }) =>
            entries.every(
              ({ account, amountNanos }) =>
                amountNanos > 0n === (account.code === 'seller_pending' || account.code === 'platform_fee'),
            ),
          ),
        ).toBe(true)
      },
    ),
    runs,
  )
})

test('refunds of a top-up take back as much credit as belongs to their sum, in however many steps', () => {
  fc.assert(
    fc.property(
      amount,
      nanos,
      nanos,
      fc.array(amount, { minLength: 1, maxLength: 8 }),
      (creditNanos, feeNanos, taxNanos, steps) => {
        const parts = { creditNanos, feeNanos, taxNanos, feeRefundable: true }
        const whole = creditNanos + feeNanos + taxNanos
        const journals = inTurn(whole, steps, (refundNanos, refundedNanos) =>
          topup.topupRefunded({
            refundId: 're',
            organisationId: 'b',
            topup: parts,
            refundNanos,
            refundedNanos,
          }),
        )
        const refunded = -booked(journals, 'stripe_clearing')
        expect(refunded).toBeLessThanOrEqual(whole)
        expect(booked(journals, 'buyer_cash:b')).toBe((creditNanos * refunded) / whole)
        expect(booked(journals, 'tax_payable')).toBe((taxNanos * refunded) / whole)
        expect(booked(journals, 'topup_fee_income')).toBeGreaterThanOrEqual(0n)
      },
    ),
    runs,
  )
})

test('a seller gives back from what he has, and owes only what he lacks', () => {
  fc.assert(
    fc.property(nanos, nanos, nanos, nanos, (pendingNanos, availableNanos, reserveNanos, asked) => {
      const entries = drawFromSeller(
        { organisationId: 's', pendingNanos, availableNanos, reserveNanos },
        asked,
      )
      const [pending, available, reserve, owed] = entries.map(({ amountNanos }) => amountNanos) as [
        bigint,
        bigint,
        bigint,
        bigint,
      ]
      expect(pending + available + reserve + owed).toBe(asked)
      expect([pending <= pendingNanos, available <= availableNanos, reserve <= reserveNanos]).toEqual([
        true,
        true,
        true,
      ])
      if (owed > 0n) expect(pending + available + reserve).toBe(pendingNanos + availableNanos + reserveNanos)
      if (available > 0n) expect(pending).toBe(pendingNanos)
      if (reserve > 0n) expect(available).toBe(availableNanos)
    }),
    runs,
  )
})

test('a split comes to its total, each part within one of exact, and nobody without a weight pays', () => {
  fc.assert(
    fc.property(
      nanos,
      fc.array(nanos, { minLength: 1, maxLength: 6 }),
      fc.nat(100),
      (total, weights, rotation) => {
        const sum = sumOf(weights)
        fc.pre(sum > 0n)
        const parts = splitByWeights(total, weights, rotation)
        expect(sumOf(parts)).toBe(total)
        for (const [index, part] of parts.entries()) {
          const exact = total * (weights[index] as bigint)
          expect(part * sum <= exact + sum && part * sum >= exact - sum).toBe(true)
          if (weights[index] === 0n) expect(part).toBe(0n)
        }
      },
    ),
    runs,
  )
})

test('ten dollars over three people are forty each after twelve months', () => {
  const months = Array.from({ length: 12 }, (_, month) => splitByWeights(1_000n, [1n, 1n, 1n], month))
  expect([0, 1, 2].map((person) => sumOf(months.map((parts) => parts[person] as bigint)))).toEqual([
    4_000n,
    4_000n,
    4_000n,
  ])
})

test('a request that cost nothing books no entries', () => {
  const free = { costNanos: 0n, shortfallNanos: 0n, sellerNanos: 0n, feeNanos: 0n }
  const accounts = {
    payer: { code: 'buyer_cash', owner: 'b' },
    receivable: { code: 'receivable_buyer', owner: 'b' },
    seller: { code: 'seller_pending', owner: 's' },
    fee: { code: 'platform_fee', owner: '0' },
  } as const
  expect(requestSettled({ ...accounts, ...free })).toEqual([])
})
