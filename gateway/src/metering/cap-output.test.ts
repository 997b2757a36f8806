import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PriceSnapshot } from '../catalog/price.ts'
import { type CapInput, capOutput } from './cap-output.ts'
import { worstCase } from './price-usage.ts'

/** $1 per million prompt tokens, $10 per million completion tokens: a completion token is 10,000 nano-dollars. */
const prices = {
  uncachedInput: 1_000_000n,
  cacheRead: 1_000_000n,
  cacheWrite5m: 1_000_000n,
  cacheWrite1h: 1_000_000n,
  audioInput: 1_000_000n,
  output: 10_000_000n,
  audioOutput: 10_000_000n,
}
const price: PriceSnapshot = {
  table: { base: prices, tiers: [] },
  nanosPerRequest: 0n,
  multiplierPpm: 1_000_000n,
  feeBps: 0n,
}
const usd = (cents: bigint) => cents * 10_000_000n
const ask: CapInput = {
  modelMax: 16_384,
  contextWindow: 128_000,
  inputTokens: 0,
  price,
  availableNanos: usd(100_000n),
}

test('a maximum that the caller names is kept, whatever the balance', () => {
  expect(capOutput({ ...ask, requested: 9_000, availableNanos: 0n })).toEqual({
    maxOutputTokens: 9_000,
    reason: 'requested',
  })
  expect(capOutput({ ...ask, requested: 1, keyDefault: 50 })).toEqual({
    maxOutputTokens: 1,
    reason: 'requested',
  })
  expect(capOutput({ ...ask, requested: 16_385 })).toEqual({ maxOutputTokens: 16_384, reason: 'model' })
})

test('without one, the smallest of model, key default and what is left of the window bounds it', () => {
  expect(capOutput(ask)).toEqual({ maxOutputTokens: 16_384, reason: 'model' })
  expect(capOutput({ ...ask, keyDefault: 2_000 })).toEqual({ maxOutputTokens: 2_000, reason: 'key_default' })
  expect(capOutput({ ...ask, keyDefault: 2_000, inputTokens: 127_000 })).toEqual({
    maxOutputTokens: 1_000,
    reason: 'context',
  })
  expect(capOutput({ ...ask, inputTokens: 127_999 })).toEqual({ maxOutputTokens: 1, reason: 'context' })
  expect(capOutput({ modelMax: 16_384, inputTokens: 10 })).toEqual({
    maxOutputTokens: 16_384,
    reason: 'model',
  })
})

test('one request reserves at most a thirty-second of the balance', () => {
  // $3.20 / 32 = $0.10 = 10,000 tokens
  expect(capOutput({ ...ask, availableNanos: usd(320n) })).toEqual({
    maxOutputTokens: 10_000,
    reason: 'affordable',
  })
})

test('a small balance still gets a comfortable answer, as far as it goes', () => {
  // A thirty-second of $1 is 312 tokens: rather 4,096 tokens for $0.04.
  expect(capOutput({ ...ask, availableNanos: usd(100n) })).toEqual({
    maxOutputTokens: 4_096,
    reason: 'affordable',
  })
  expect(capOutput({ ...ask, availableNanos: usd(2n) })).toEqual({
    maxOutputTokens: 2_000,
    reason: 'affordable',
  })
  expect(capOutput({ ...ask, keyDefault: 500, availableNanos: usd(2n) })).toEqual({
    maxOutputTokens: 500,
    reason: 'key_default',
  })
})

test('an empty balance asks for one token, so that the hold refuses and says why', () => {
  expect(capOutput({ ...ask, availableNanos: 0n })).toEqual({ maxOutputTokens: 1, reason: 'affordable' })
  expect(capOutput({ ...ask, inputTokens: 100_000, availableNanos: usd(1n) })).toEqual({
    maxOutputTokens: 1,
    reason: 'affordable',
  })
})

test('twenty parallel requests without a maximum all fit on $100', () => {
  let availableNanos = usd(10_000n)
  for (let request = 0; request < 20; request += 1) {
    const { maxOutputTokens } = capOutput({
      ...ask,
      modelMax: 128_000,
      contextWindow: 400_000,
      inputTokens: 1_000,
      availableNanos,
    })
    availableNanos -= worstCase({ inputTokens: 1_000, maxOutputTokens, price })
    expect(maxOutputTokens).toBeGreaterThanOrEqual(4_096)
    expect(availableNanos > 0n).toBe(true)
  }
})

test('a cap is a whole number from 1 to the model`s maximum, and an affordable one is affordable', () => {
  fc.assert(
    fc.property(
      fc.record({
        modelMax: fc.integer({ min: 1, max: 200_000 }),
        inputTokens: fc.nat(300_000),
        availableNanos: fc.bigInt({ min: 0n, max: 10n ** 12n }),
        price: fc.record({
          table: fc.constant(price.table),
          nanosPerRequest: fc.bigInt({ min: 0n, max: 10n ** 7n }),
          multiplierPpm: fc.bigInt({ min: 50_000n, max: 2_000_000n }),
          feeBps: fc.constant(0n),
        }),
      }),
      (input) => {
        const { maxOutputTokens, reason } = capOutput(input)
        expect(
          Number.isSafeInteger(maxOutputTokens) && maxOutputTokens >= 1 && maxOutputTokens <= input.modelMax,
        ).toBe(true)
        if (maxOutputTokens > 1)
          expect(worstCase({ ...input, maxOutputTokens }) <= input.availableNanos).toBe(true)
        expect(['model', 'affordable']).toContain(reason)
      },
    ),
  )
})

test('a prompt that may fill the window still gets an answer worth having, a shorter one what is left', () => {
  const bounds = { modelMax: 16_384, contextWindow: 128_000 }
  expect(capOutput({ ...bounds, inputTokens: 128_020 })).toEqual({
    maxOutputTokens: 4_096,
    reason: 'context',
  })
  expect(capOutput({ ...bounds, modelMax: 100, inputTokens: 128_020 }).maxOutputTokens).toBe(100)
  expect(capOutput({ ...bounds, inputTokens: 127_000 })).toEqual({
    maxOutputTokens: 1_000,
    reason: 'context',
  })
})
