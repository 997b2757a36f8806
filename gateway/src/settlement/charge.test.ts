import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { noUsage } from '../providers/usage.ts'
import { chargeOf, type Served } from './charge.ts'

// $1 and $2 a million tokens, of which the platform keeps 5 %.
const vendor = makeOffer('a')
const offer = { ...vendor, baseUrl: vendor.provider.baseUrl }

const served = (change: Partial<Served> = {}): Served => ({
  offer,
  usage: { ...noUsage, uncachedInput: 1_000, output: 500 },
  usageSource: 'reported',
  billed: 'whole',
  stream: false,
  finishReason: 'stop',
  startedAt: new Date(0),
  durationMs: 10,
  ttftMs: 5,
  ...change,
})

test('an answer costs its usage at the price that was frozen, split between seller and platform', () => {
  expect(chargeOf(served(), 5_000_000n)).toEqual({
    billed: 'whole',
    costNanos: 2_000_000n,
    sellerNanos: 1_900_000n,
    feeNanos: 100_000n,
  })
})

test('a whole answer of a vendor is billed as reported even above its hold; one that the client left is not', () => {
  expect(chargeOf(served(), 1_500_000n).costNanos).toBe(2_000_000n)
  expect(chargeOf(served({ billed: 'delivered' }), 1_500_000n)).toMatchObject({
    costNanos: 1_500_000n,
    sellerNanos: 1_425_000n,
    feeNanos: 75_000n,
  })
  expect(chargeOf(served({ billed: 'delivered' }), 2_000_000n).costNanos).toBe(2_000_000n)
})

test('whatever was used: seller and platform get what the buyer pays, and a departed client never more than its hold', () => {
  const tokens = fc.nat({ max: 1_000_000 })
  fc.assert(
    fc.property(
      tokens,
      tokens,
      fc.bigInt({ min: 0n, max: 10n ** 13n }),
      fc.boolean(),
      (input, output, held, partial) => {
        const usage = { ...noUsage, uncachedInput: input, output }
        const charge = chargeOf(served({ usage, billed: partial ? 'delivered' : 'whole' }), held)
        expect(charge.sellerNanos + charge.feeNanos).toBe(charge.costNanos)
        expect(charge.sellerNanos).toBeGreaterThanOrEqual(0n)
        expect(charge.feeNanos).toBeGreaterThanOrEqual(0n)
        if (partial) expect(charge.costNanos).toBeLessThanOrEqual(held)
        else expect(charge.costNanos).toBe(BigInt(input) * 1_000n + BigInt(output) * 2_000n)
      },
    ),
  )
})

test('an empty answer is free, and above the limit that the caller set nothing is charged', () => {
  expect(chargeOf(served({ billed: 'nothing' }), 5_000_000n)).toEqual({
    costNanos: 0n,
    sellerNanos: 0n,
    feeNanos: 0n,
    billed: 'nothing',
  })
  const limited = (maxCostNanos: bigint) => chargeOf(served({ maxCostNanos }), 5_000_000n)
  expect(limited(1_200_000n)).toMatchObject({ costNanos: 1_200_000n, billed: 'delivered' })
  expect(limited(2_000_000n)).toMatchObject({ costNanos: 2_000_000n, billed: 'whole' })
})

test("what a seller's own server reports is never billed above the hold", () => {
  const own = { ...offer, backing: 'endpoint' as const }
  expect(chargeOf(served({ offer: own }), 1_500_000n)).toMatchObject({
    costNanos: 1_500_000n,
    billed: 'delivered',
  })
  expect(chargeOf(served({ offer: own }), 5_000_000n)).toMatchObject({
    costNanos: 2_000_000n,
    billed: 'whole',
  })
})
