/** Offers, a clock and attempts for tests of health: what a test does not name is healthy and answers at once. */
import { type BreakersDeps, createBreakers, type Ticket } from '../../src/routing/breakers.ts'
import { randomOf } from '../../src/routing/seeded-random.ts'
import type { Ended, Judged } from '../../src/routing/surroundings.ts'

export type Told = Ended['outcome'] | Ended

/** An offer of a seller of its own, behind a host of its own unless told otherwise. */
export function judged(id: string, change: Partial<Judged> = {}): Judged {
  return {
    id: `${id}:test/model`,
    listingId: id,
    sellerOrganisationId: `seller of ${id}`,
    model: 'test/model',
    baseUrl: `https://${id}.test/v1`,
    ...change,
  }
}

/** `count` offers of different sellers, all behind one provider. */
export function behindOneProvider(count: number, change: Partial<Judged> = {}): Judged[] {
  return Array.from({ length: count }, (_, index) =>
    judged(`l${index}`, { baseUrl: 'https://provider.test/v1', ...change }),
  )
}

export function makeHealth(offers: readonly Judged[], options: Partial<BreakersDeps> = {}) {
  let nowMs = 1_000_000
  let skewMs = 0
  const clock = { nowMs: () => nowMs + skewMs, monotonicMs: () => nowMs }
  const breakers = createBreakers({
    clock,
    random: randomOf('health'),
    offersFor: (model) => offers.filter((offer) => offer.model === model),
    ...options,
  })
  const here = {
    breakers,
    clock,
    wait(ms: number) {
      nowMs += ms
    },
    /** Turns the wall clock, which nothing in health may look at. */
    turnWallClock(ms: number) {
      skewMs += ms
    },
    stateOf: (offer: Judged) => breakers.standing(offer).state,
    begin: (offer: Judged, force = false): Ticket | undefined => breakers.begin(offer, { force }),
    end: (offer: Judged, ticket: Ticket, told: Told) =>
      breakers.end(offer, ticket, typeof told === 'string' ? { outcome: told } : told),
    /** One attempt from beginning to end, if it is let in. */
    run(offer: Judged, ...told: Told[]): boolean {
      let admitted = true
      for (const each of told) {
        const ticket = breakers.begin(offer)
        admitted = ticket !== undefined
        if (ticket) here.end(offer, ticket, each)
      }
      return admitted
    },
    trip(offer: Judged) {
      here.run(offer, ...Array<Told>(5).fill('server_error'))
    },
    /** Waits until the offer may be probed and probes it. */
    probe(offer: Judged, told: Told) {
      const standing = breakers.standing(offer)
      if (standing.state !== 'closed') nowMs = Math.max(nowMs, standing.probeAtMs)
      return here.run(offer, told)
    },
    recover(offer: Judged) {
      for (let probes = 0; probes < 3; probes += 1) here.probe(offer, 'ok')
    },
  }
  return here
}
