/** Scenes with a purpose: one thing happens, and the run shows what came of it. */
import type { BeforeContent, Fault, FaultKind } from './faults.ts'
import { makeScene, makeSeller, type Scene } from './scene.ts'

const HOUR_MS = 3_600_000

/** Three sellers, of whom the cheapest has `kind` from the tenth second on. */
export function brokenListing(kind: FaultKind, requests: number, seed = '1'): Scene {
  return makeScene({
    name: `one of three has ${kind}, seed ${seed}`,
    seed: `${kind} ${seed}`,
    sellers: [makeSeller('a', { usd: '0.5' }), makeSeller('b'), makeSeller('c')],
    faults: [{ kind, listingId: 'a', fromMs: 10_000, untilMs: HOUR_MS }],
    // Who says nothing is found out after fifteen seconds, and retries after that long are dear: with twenty requests a
    // second the budget for them is spent on those that were under way by then.
    traffic: kind === 'silent' ? { requests, everyMs: 600, streams: 1 } : { requests, everyMs: 50 },
  })
}

/** Answers that break off after their first words, one at a time. */
export function cutListing(requests: number): Scene {
  const scene = brokenListing('cut', requests)
  return makeScene({
    ...scene,
    faults: [{ kind: 'cut', listingId: 'a', fromMs: 0, untilMs: HOUR_MS }],
    traffic: { requests, everyMs: 2_500, streams: 1, answer: { least: 5, most: 20 } },
  })
}

/** From second 60 to 180 nobody answers, at twenty requests a second. */
export function totalOutage(kind: BeforeContent, seed = '1'): Scene {
  return makeScene({
    name: `total outage by ${kind}, seed ${seed}`,
    seed: `outage ${kind} ${seed}`,
    sellers: ['a', 'b', 'c', 'd', 'e'].map((id) => makeSeller(id)),
    faults: [{ kind, fromMs: OUTAGE.fromMs, untilMs: OUTAGE.untilMs }],
    traffic: { requests: 5_000, everyMs: 50 },
  })
}

export const OUTAGE = { fromMs: 60_000, untilMs: 180_000 }

/** From second 60 on everybody fails one time in four: too seldom to be put out for it. */
export function brownOut(requests: number, seed = '1'): Scene {
  return makeScene({
    name: `brown-out, seed ${seed}`,
    seed: `brown-out ${seed}`,
    sellers: ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => makeSeller(id)),
    faults: [{ kind: 'error_500', fromMs: OUTAGE.fromMs, untilMs: HOUR_MS, share: 0.25 }],
    traffic: { requests, everyMs: 40 },
  })
}

/** Nothing is wrong with anybody but the buyers, one in five of whom asks for nonsense, and with us, who stall once. */
export function badBuyers(requests: number, seed = '1'): Scene {
  return makeScene({
    name: `bad buyers, seed ${seed}`,
    seed: `bad buyers ${seed}`,
    sellers: Array.from({ length: 8 }, (_, at) =>
      makeSeller(`l${at}`, { usd: String(1 + at / 10), ttftMs: 200 + 60 * at, limits: { concurrency: 40 } }),
    ),
    traffic: { requests, everyMs: 25, wrong: 0.15, odd: 0.05, leaves: 0.05, buyers: 10 },
    stall: { fromMs: 60_000, forMs: 2_000 },
  })
}

/** The cheapest of four goes down at second 60, for so long. */
export function shortFault(kind: FaultKind, forMs: number, seed = '1'): Scene {
  const fault: Fault = { kind, listingId: 'a', fromMs: 60_000, untilMs: 60_000 + forMs }
  return makeScene({
    name: `${kind} for ${forMs} ms, seed ${seed}`,
    seed: `short ${kind} ${seed}`,
    sellers: [makeSeller('a', { usd: '0.7' }), makeSeller('b'), makeSeller('c'), makeSeller('d')],
    faults: [fault],
    traffic: { requests: Math.round((180_000 + forMs) / 60), everyMs: 60, answer: { least: 5, most: 50 } },
  })
}

/** Two seconds of silence and eight of errors: when it is well again, what was sent into the silence is still to fail. */
export function lateFailures(): Scene {
  const scene = shortFault('error_500', 10_000)
  return {
    ...scene,
    name: 'late failures',
    traffic: { ...scene.traffic, requests: 5_000, everyMs: 25 },
    faults: [{ kind: 'silent', listingId: 'a', fromMs: 60_000, untilMs: 62_000 }, ...scene.faults],
  }
}

/** Offers at many prices with much room, three of them new. */
export function quietMarket(requests: number): Scene {
  return makeScene({
    name: 'a quiet market',
    sellers: Array.from({ length: 12 }, (_, at) =>
      makeSeller(`l${at}`, {
        usd: (0.8 + at * 0.15).toFixed(2),
        reputation: at % 4 === 1 ? 0.5 : 1,
        limits: at % 3 === 0 ? { concurrency: 60 } : {},
        unprovenFor: at % 5 === 2 ? 1e9 : 0,
      }),
    ),
    traffic: { requests, everyMs: 40 },
  })
}

/** Two sellers with a place each, more buyers than they can serve, all of whom wait. */
export function crowdedRoom(requests: number, seed = '1'): Scene {
  return makeScene({
    name: `a crowded room, seed ${seed}`,
    seed: `crowd ${seed}`,
    sellers: [
      makeSeller('a', { limits: { concurrency: 2 } }),
      makeSeller('b', { limits: { concurrency: 1, requestsPerMinute: 50 } }),
    ],
    traffic: {
      requests,
      everyMs: 420,
      surge: { fromMs: 20_000, untilMs: 40_000, times: 4 },
      waits: 0.8,
      leaves: 0.05,
      answer: { least: 20, most: 120 },
      tokens: { least: 50, most: 60 },
    },
  })
}

/** More requests than two sellers take in a minute. */
export function tightMinutes(requests: number, seed = '1'): Scene {
  return makeScene({
    name: `tight minutes, seed ${seed}`,
    seed: `tight ${seed}`,
    sellers: [
      makeSeller('a', { limits: { requestsPerMinute: 50 } }),
      makeSeller('b', { limits: { tokensPerMinute: 20_000 } }),
    ],
    traffic: { requests, everyMs: 250, waits: 0.5, leaves: 0.1 },
  })
}

/** Buyers who insist on one listing, and would take any of its models; it is down. */
export function insistent(requests: number): Scene {
  const models = ['test/model', 'test/small', 'test/large']
  return makeScene({
    name: 'insistent buyers',
    models,
    sellers: ['a', 'b'].map((id) => makeSeller(id, { models })),
    faults: [{ kind: 'error_500', listingId: 'a', fromMs: 5_000, untilMs: HOUR_MS }],
    traffic: { requests, everyMs: 200, withFallbacks: 1, policies: [{ only: ['a'] }] },
  })
}

/** Answers of several minutes, and requests of which nobody hears again. */
export function longAnswers(): Scene {
  return makeScene({
    name: 'long answers and lost requests',
    sellers: ['a', 'b', 'c'].map((id) => makeSeller(id, { limits: { concurrency: 6 }, tokensPerS: 20 })),
    traffic: {
      requests: 600,
      everyMs: 4_000,
      streams: 1,
      lost: 0.03,
      answer: { least: 200, most: 8_000 },
      tokens: { least: 50, most: 500 },
    },
  })
}
