import { expect, test } from 'vitest'
import { behindOneProvider, judged, makeHealth, type Told } from '../../test/support/health.ts'
import type { Judged } from './surroundings.ts'

const at = <Item>(items: readonly Item[], index: number): Item => items[index] as Item
const isOpen = (health: ReturnType<typeof makeHealth>, offer: Judged) =>
  health.breakers.standing(offer).state !== 'closed'

test('BRK-13: a provider with 50 listings goes down: its origin opens within ten seconds, and no seller is ejected', () => {
  const offers = behindOneProvider(50)
  const health = makeHealth(offers)
  let openedAfterMs: number | undefined
  for (let ms = 0; ms < 60_000; ms += 50) {
    const offer = at(offers, (ms / 50) % 50)
    const ticket = health.begin(offer)
    if (ticket) health.end(offer, ticket, 'server_error')
    if (openedAfterMs === undefined && offers.every((each) => isOpen(health, each))) openedAfterMs = ms
    health.wait(50)
  }
  expect(openedAfterMs).toBeLessThanOrEqual(10_000)
  expect(health.breakers.state(100).filter(({ state }) => state !== 'closed')).toEqual([])
  expect(health.breakers.standing(at(offers, 0))).toMatchObject({ reason: 'origin' })
})

test('when the provider is back, three good probes through any of its listings bring all of them back, at full weight', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  for (let round = 0; round < 10; round += 1) for (const offer of offers) health.run(offer, 'server_error')
  expect(offers.every((offer) => isOpen(health, offer))).toBe(true)
  for (let probes = 0; probes < 3; probes += 1) {
    expect(health.stateOf(at(offers, 5))).not.toBe('closed')
    health.probe(at(offers, probes), 'ok')
  }
  for (const offer of offers)
    expect(health.breakers.standing(offer)).toEqual({ state: 'closed', share: 1, places: 1 })
})

test('an open origin lets one probe a second through, whichever listing asks', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  for (let round = 0; round < 10; round += 1) for (const offer of offers) health.run(offer, 'server_error')
  health.wait(10_000)
  expect(health.begin(at(offers, 0))).toBeDefined()
  for (const offer of offers) expect(health.begin(offer)).toBeUndefined()
  health.wait(999)
  expect(health.begin(at(offers, 1))).toBeUndefined()
  // The first hangs: its lease runs out five seconds after the longest first-byte limit.
  health.wait(64_000)
  expect(health.begin(at(offers, 1))).toBeUndefined()
  health.wait(1)
  expect(health.begin(at(offers, 1))).toBeDefined()
})

test('an origin that stays down is left alone for longer each time, up to a minute', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers, { random: () => 0.5 })
  for (let round = 0; round < 10; round += 1) for (const offer of offers) health.run(offer, 'server_error')
  const lengths: number[] = []
  for (let count = 0; count < 15; count += 1) {
    const standing = health.breakers.standing(at(offers, 0))
    if (standing.state === 'closed') throw new Error('must be open')
    lengths.push(standing.untilMs - health.clock.monotonicMs())
    health.probe(at(offers, 0), 'server_error')
  }
  expect(lengths.slice(0, 3)).toEqual([5_000, 10_000, 15_000])
  expect(lengths.at(-1)).toBe(60_000)
})

test('three open listings of ten are the provider, when hardly anybody else gets an answer either', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  for (const offer of offers.slice(0, 3)) health.trip(offer)
  expect(health.breakers.standing(at(offers, 9))).toMatchObject({ reason: 'origin' })
})

test('three dead listings of ten do not take seven working ones with them', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  for (let round = 0; round < 200; round += 1) {
    for (const [index, offer] of offers.entries()) health.run(offer, index < 3 ? 'server_error' : 'ok')
    health.wait(100)
    for (const offer of offers.slice(3)) expect(health.stateOf(offer)).toBe('closed')
  }
  for (const offer of offers.slice(0, 3)) expect(health.stateOf(offer)).not.toBe('closed')
})

test('one listing, or several of one seller, cannot take their provider down', () => {
  const one = behindOneProvider(20)
  const alone = makeHealth(one)
  for (let count = 0; count < 60; count += 1) {
    alone.run(at(one, 0), 'server_error', 'ok', 'server_error')
    alone.wait(100)
  }
  expect(alone.stateOf(at(one, 1))).toBe('closed')
  const offers = behindOneProvider(12).map((offer, index) =>
    index < 6 ? { ...offer, sellerOrganisationId: 'one seller' } : offer,
  )
  const several = makeHealth(offers)
  for (let count = 0; count < 60; count += 1) {
    for (const [index, offer] of offers.entries()) several.run(offer, index < 6 ? 'server_error' : 'ok')
    several.wait(200)
    for (const offer of offers.slice(6)) expect(several.stateOf(offer)).toBe('closed')
  }
})

test("one model's outage at a provider does not close its other models", () => {
  const sick = behindOneProvider(5)
  const well = behindOneProvider(5, { model: 'test/other' }).map((offer) => ({
    ...offer,
    id: `${offer.listingId}:test/other`,
  }))
  const health = makeHealth([...sick, ...well])
  for (let round = 0; round < 40; round += 1) {
    for (const offer of sick) health.run(offer, 'server_error', 'server_error')
    for (const offer of well) health.run(offer, 'ok')
    health.wait(200)
  }
  for (const offer of well) expect(health.stateOf(offer)).toBe('closed')
})

test('a provider that is overloaded answers for it, its sellers hardly do', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  for (let round = 0; round < 6; round += 1)
    for (const offer of offers) health.run(offer, { outcome: 'overloaded', status: 529 })
  expect(health.breakers.standing(at(offers, 0))).toMatchObject({ reason: 'origin' })
})

test('what a seller makes of it, malformed answers and refused keys, is not held against the provider', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  const sellers: Told[] = [
    'malformed',
    'key_rejected',
    'quota_exhausted',
    'user_error',
    'client_gone',
    'own_fault',
  ]
  for (let round = 0; round < 60; round += 1)
    for (const offer of offers.slice(0, 9)) health.run(offer, at(sellers, round % sellers.length))
  expect(health.stateOf(at(offers, 9))).toBe('closed')
})

test("429s on most of a provider's listings, of three sellers, give it a pause of one to five seconds that panic keeps", () => {
  const offers = behindOneProvider(4)
  const health = makeHealth(offers)
  const pauses: number[] = []
  for (let storm = 0; storm < 7; storm += 1) {
    for (const offer of offers.slice(0, 3)) health.run(offer, { outcome: 'rate_limited', status: 429 })
    const standing = health.breakers.standing(at(offers, 3))
    if (standing.state === 'closed') throw new Error('must pause')
    pauses.push(standing.untilMs - health.clock.monotonicMs())
    expect(standing).toMatchObject({ reason: 'origin', forcedProbeAtMs: standing.untilMs })
    expect(health.begin(at(offers, 3), true)).toBeUndefined()
    health.wait(standing.untilMs - health.clock.monotonicMs())
    expect(health.stateOf(at(offers, 3))).toBe('closed')
  }
  expect(pauses).toEqual([1_000, 2_000, 3_000, 4_000, 5_000, 5_000, 5_000])
})

test('429s on half of the listings, of two sellers, or spread over a minute are the listings own', () => {
  const offers = behindOneProvider(6)
  const half = makeHealth(offers)
  for (const offer of offers.slice(0, 3)) half.run(offer, 'rate_limited')
  expect(half.stateOf(at(offers, 5))).toBe('closed')
  const two = offers.map((offer, index) => ({ ...offer, sellerOrganisationId: `seller ${index % 2}` }))
  const sellers = makeHealth(two)
  for (const offer of two.slice(0, 5)) sellers.run(offer, 'rate_limited')
  expect(sellers.stateOf(at(two, 5))).toBe('closed')
  const slow = makeHealth(offers)
  for (const offer of offers.slice(0, 5)) {
    slow.run(offer, 'rate_limited')
    slow.wait(10_000)
  }
  expect(slow.stateOf(at(offers, 5))).toBe('closed')
})

test('when connections to three unrelated origins fail at once it is our own network: nobody is ejected for it', () => {
  const offers = ['a', 'b', 'c', 'd'].map((id) => judged(id))
  const health = makeHealth(offers)
  const judgements: string[] = []
  for (let round = 0; round < 20; round += 1) {
    for (const offer of offers) {
      const ticket = health.begin(offer)
      if (ticket) judgements.push(health.end(offer, ticket, 'network'))
    }
    health.wait(500)
  }
  expect(judgements.slice(0, 2)).toEqual(['network', 'network'])
  expect(new Set(judgements.slice(2))).toEqual(new Set(['own_fault']))
  for (const offer of offers)
    expect(health.breakers.standing(offer)).toEqual({ state: 'closed', share: 1, places: 1 })
  // Somebody answers: it is over, and who fails now fails for himself.
  health.run(at(offers, 0), 'ok')
  for (let count = 0; count < 3; count += 1) health.run(at(offers, 1), 'network')
  expect(health.stateOf(at(offers, 1))).toBe('open')
})

test('three dead hosts in a market that answers are three dead hosts', () => {
  const offers = ['a', 'b', 'c', 'well'].map((id) => judged(id))
  const health = makeHealth(offers)
  for (let round = 0; round < 10; round += 1) {
    for (const offer of offers.slice(0, 3)) {
      health.run(offer, 'network')
      health.run(at(offers, 3), 'ok')
    }
    health.wait(200)
  }
  for (const offer of offers.slice(0, 3)) expect(health.stateOf(offer)).toBe('open')
})

test('a listing that failed with its provider is pardoned, one that had failed before is not', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  const [before, during] = [at(offers, 0), at(offers, 1)]
  health.trip(before)
  health.wait(40_000)
  health.trip(during)
  for (let round = 0; round < 6; round += 1)
    for (const offer of offers.slice(2)) health.run(offer, 'server_error')
  const states = new Map(health.breakers.state(100).map(({ offerId, state }) => [offerId, state]))
  expect(health.breakers.standing(during)).toMatchObject({ reason: 'origin' })
  expect(states.get(before.id)).toBe('open')
  expect(states.get(during.id) ?? 'closed').toBe('closed')
})

test('a provider that is slow to answer counts half as much as one that breaks', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  for (let round = 0; round < 60; round += 1) {
    for (const offer of offers) health.run(offer, round % 3 === 2 ? 'ok' : 'timeout')
    if (round === 10) break
  }
  expect(health.breakers.standing(at(offers, 0))).not.toMatchObject({ reason: 'origin' })
})

test('what was under way when the provider went down says nothing of its listing, then or after it came back', () => {
  const offers = behindOneProvider(11)
  const health = makeHealth(offers)
  const quiet = at(offers, 10)
  const begun = Array.from({ length: 20 }, () => health.begin(quiet))
  for (let round = 0; round < 10; round += 1)
    for (const offer of offers.slice(0, 10)) health.run(offer, 'server_error')
  expect(health.breakers.standing(quiet)).toMatchObject({ reason: 'origin' })
  for (const ticket of begun.slice(0, 10)) if (ticket) health.end(quiet, ticket, 'server_error')
  health.recover(at(offers, 0))
  expect(health.breakers.standing(quiet)).toEqual({ state: 'closed', share: 1, places: 1 })
  for (const ticket of begun.slice(10)) if (ticket) health.end(quiet, ticket, 'server_error')
  expect(health.breakers.standing(quiet)).toEqual({ state: 'closed', share: 1, places: 1 })
})

test('while our network is down nothing counts, and what failed just before is taken back', () => {
  const offers = ['a', 'b', 'c', 'd'].map((id) => judged(id))
  const health = makeHealth(offers)
  health.run(at(offers, 0), 'network', 'network')
  health.run(at(offers, 1), 'network')
  health.run(at(offers, 2), 'network')
  for (let times = 0; times < 10; times += 1) health.run(at(offers, 3), 'timeout')
  expect(health.stateOf(at(offers, 3))).toBe('closed')
  health.run(at(offers, 1), 'ok')
  health.run(at(offers, 0), 'network', 'network')
  expect(health.stateOf(at(offers, 0))).toBe('closed')
  health.run(at(offers, 0), 'network')
  expect(health.stateOf(at(offers, 0))).toBe('open')
})

test('an attempt that began before its provider went down says nothing when it ends after it came back', () => {
  const offers = behindOneProvider(10)
  const health = makeHealth(offers)
  const long = offers.map((offer) => ({ offer, ticket: health.begin(offer) }))
  for (let round = 0; round < 10; round += 1) for (const offer of offers) health.run(offer, 'server_error')
  health.recover(at(offers, 0))
  for (let times = 0; times < 10; times += 1)
    for (const { offer, ticket } of long) if (ticket) health.end(offer, ticket, 'server_error')
  for (const offer of offers) expect(health.stateOf(offer)).toBe('closed')
})

test('names that lead where they must not say nothing about our network', () => {
  const offers = ['a', 'b', 'c', 'd'].map((id) => judged(id))
  const health = makeHealth(offers)
  for (const offer of offers) {
    const ticket = health.begin(offer)
    expect(ticket && health.end(offer, ticket, { outcome: 'network', blocked: true })).toBe('network')
  }
})
