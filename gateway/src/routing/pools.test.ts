import { expect, test } from 'vitest'
import { makeMarket, makeOffer, testModel } from '../../test/support/market.ts'
import type { Offer } from '../marketplace/offer.ts'
import { createCapacity } from './capacity.ts'
import { createPools, type PoolsDeps } from './pools.ts'
import { createRests } from './rests.ts'

function poolsOver(offers: Offer[], change: Partial<PoolsDeps> = {}) {
  let nowMs = 1_000_000
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const listed = { offers }
  const { breakers } = makeMarket(offers)
  const capacity = createCapacity({ clock })
  const rests = createRests({ clock, random: () => 0 })
  const pools = createPools({
    marketplace: { offersFor: () => listed.offers },
    breakers,
    capacity,
    rests,
    clock,
    ...change,
  })
  return { pools, listed, rests, capacity, wait: (ms: number) => (nowMs += ms) }
}

const standing = (pools: ReturnType<typeof createPools>) =>
  pools.of(testModel).dense.pool.offers.map((offer) => offer.standing)

test('a pool serves for a quarter of a second, and a new one sees what has happened since', () => {
  const offers = [makeOffer('a'), makeOffer('b')]
  const { pools, rests, wait } = poolsOver(offers)
  expect(standing(pools)).toEqual(['usable', 'usable'])
  rests.rest(offers[0] as Offer, 'cooling', 60_000)
  wait(249)
  expect(standing(pools)).toEqual(['usable', 'usable'])
  wait(1)
  expect(standing(pools)).toEqual(['cooling', 'usable'])
})

test('a changed market is seen at once, however young the pool is', () => {
  const { pools, listed } = poolsOver([makeOffer('a')])
  pools.of(testModel)
  listed.offers = [makeOffer('a'), makeOffer('b')]
  expect(pools.of(testModel).offers).toBe(pools.of(testModel).offers)
  expect(pools.of(testModel).dense.size).toBe(2)
})

test('a market on which nothing has happened has the same pool, so decisions share one that is kept', () => {
  const { pools, wait } = poolsOver([makeOffer('a'), makeOffer('b')])
  const before = pools.of(testModel).dense
  wait(10_000)
  expect(pools.of(testModel).dense).toBe(before)
})

test('no request waits for a pool to be built anew, unless the old one is long overdue', () => {
  const building: (() => void)[] = []
  const offers = [makeOffer('a')]
  const { pools, rests, wait } = poolsOver(offers, { defer: (build) => void building.push(build) })
  pools.of(testModel)
  rests.rest(offers[0] as Offer, 'cooling', 60_000)
  wait(300)
  expect(standing(pools)).toEqual(['usable'])
  expect(standing(pools)).toEqual(['usable'])
  expect(building).toHaveLength(1)
  building[0]?.()
  expect(standing(pools)).toEqual(['cooling'])
  rests.served(offers[0] as Offer)
  wait(100_000)
  expect(standing(pools)).toEqual(['usable'])
  expect(building).toHaveLength(1)
})

test('headroom is told in twentieths and never as nothing while there is something', () => {
  const offer = makeOffer('a', { concurrency: 100 })
  const { pools, capacity, wait } = poolsOver([offer])
  const headroom = () => {
    wait(1_000)
    return pools.of(testModel).dense.pool.offers[0]?.headroom
  }
  expect(headroom()).toBe(20)
  const leases = Array.from({ length: 99 }, () => capacity.take(offer, { tokens: 1 }))
  expect(headroom()).toBe(1)
  leases.push(capacity.take(offer, { tokens: 1 }))
  expect(standing(pools)).toEqual(['usable'])
  wait(1_000)
  expect(standing(pools)).toEqual(['full'])
})

test('an offer at another price is another offer in the pool, and the one that carries it is what is planned with', () => {
  const base = makeOffer('a', { schedule: {} as NonNullable<Offer['schedule']> })
  const dearer = { ...base, price: makeOffer('a', { usd: '2' }).price }
  let now = base
  const { pools, wait } = poolsOver([base], { priceNow: () => now })
  expect(pools.of(testModel).dense.pool.offers[0]?.price[0]).toBe(1e12)
  now = dearer
  wait(1_000)
  const { dense, offers } = pools.of(testModel)
  expect(dense.pool.offers[0]?.price[0]).toBe(2e12)
  expect(offers[0]).toBe(dearer)
})
