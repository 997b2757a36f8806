/** Faults planted in the code under test, each with the scene in which it shows and the oracle that must see it. */
import type { CodeMutant } from '../support/ledger-code-lab.ts'
import type { Scene } from './scene.ts'
import {
  badBuyers,
  brokenListing,
  brownOut,
  crowdedRoom,
  insistent,
  lateFailures,
  longAnswers,
  quietMarket,
  shortFault,
  tightMinutes,
  totalOutage,
} from './scenes.ts'
import { stormOf } from './storm.ts'

export interface RouterMutant extends Omit<CodeMutant, 'hangs'> {
  scene: () => Scene
}

const capacity = 'no seller is ever asked for more than he said'
const leftAlone = 'who rests or is put out is left alone'
const repeatable = 'every decision comes out the same from what is stored of it'
const avoidable = 'nobody is refused while a healthy offer has room, attempts and budget remain'
const thrice = 'a request is tried three times at most, and never twice at a listing'
const givenBack = 'everything that was taken is given back'
const obeyed = 'nobody is served by somebody whom he excluded'
const reasons = 'every cheaper offer that was passed over has a reason, and a true one'
const prices = 'the price of an attempt is the one that was planned, and the one its seller asked for'
const inTurn = 'who waits is served in turn and in time'
const blameless = 'a listing without a fault is never put out'
const earned = 'a listing is put out for what it did since it was last let in'
const successful = 'of ten thousand requests one fails at most while one of three listings is broken'
const amplified = 'in an outage upstreams are asked at most 1.2 times as often as we are'
const foundOut = 'a broken listing is found out by its fifth failure or within ten seconds'
const restored = 'a listing that is well again has its traffic back'
const drawn =
  'offers are drawn as often as price, room, health and reputation say, newcomers twice in a hundred'
export const SAME_SEED = 'the same seed gives the same run'

const storm = (seed: string) => () => stormOf(seed, 2_000)

const limits: RouterMutant[] = [
  {
    file: 'routing/capacity-use.ts',
    fault: 'one more may run at once than the seller said',
    from: 'this.running >= shareOf(',
    to: 'this.running > shareOf(',
    scene: () => crowdedRoom(300),
    by: capacity,
  },
  {
    file: 'routing/capacity-use.ts',
    fault: 'ways over the network take no time',
    from: 'const RATE_WINDOW_MS = WINDOW_MS + JITTER_MS',
    to: 'const RATE_WINDOW_MS = WINDOW_MS + 0 * JITTER_MS',
    scene: () => tightMinutes(2_000),
    by: capacity,
  },
  {
    file: 'routing/capacity-leases.ts',
    fault: 'who was cut off leaves his place at once',
    from: 'const CUT_OFF_MS = 250',
    to: 'const CUT_OFF_MS = -1_000',
    scene: () => ({ ...crowdedRoom(900), traffic: { ...crowdedRoom(900).traffic, leaves: 0.5 } }),
    by: capacity,
  },
  {
    file: 'routing/capacity-leases.ts',
    fault: 'what was written after we left is forgotten',
    from: 'const CUT_OFF_TOKENS = 256',
    to: 'const CUT_OFF_TOKENS = 0',
    scene: () => tightMinutes(2_000),
    by: capacity,
  },
  {
    file: 'routing/capacity-leases.ts',
    fault: 'a live answer is taken for lost',
    from: '      this.dueMs = dueMs\n',
    to: '',
    scene: longAnswers,
    by: capacity,
  },
  {
    file: 'routing/capacity.ts',
    fault: 'a lost request keeps its place for ever',
    from: 'const LEASE_MS = 120_000',
    to: 'const LEASE_MS = 120_000_000',
    scene: longAnswers,
    by: givenBack,
  },
  {
    file: 'routing/leases.ts',
    fault: 'a lease is not given back',
    from: '      capacityLease.end(event.outcome, usedIn(event))\n',
    to: '      usedIn(event)\n',
    scene: () => crowdedRoom(100),
    by: givenBack,
  },
]

const health: RouterMutant[] = [
  {
    file: 'routing/health.ts',
    fault: 'an error of the upstream counts for nothing',
    from: '  server_error: 1,\n',
    to: '  server_error: 0,\n',
    scene: () => shortFault('error_500', 30_000),
    by: foundOut,
  },
  {
    file: 'routing/health.ts',
    fault: 'a breaker never half-opens',
    from: 'if (nowMs < probeAtMs(health, force)) return { health }',
    to: 'if (nowMs > 0) return { health }',
    scene: () => shortFault('error_500', 8_000),
    by: restored,
  },
  {
    file: 'routing/health.ts',
    fault: "a buyer's mistake counts as the seller's failure",
    from: '  ok: 0,\n',
    to: '  ok: 0,\n  user_error: 1,\n',
    scene: () => badBuyers(3_000),
    by: blameless,
  },
  {
    file: 'routing/health.ts',
    fault: 'what began before a listing was put out still counts when it is back',
    from: '  if (event.ticket.epoch !== health.epoch) return health\n',
    to: '',
    scene: lateFailures,
    by: earned,
  },
  {
    file: 'routing/rests.ts',
    fault: 'nobody rests',
    from: 'if (kept.size === 0) return undefined\n      for',
    to: 'if (kept.size >= 0) return undefined\n      for',
    scene: () => brokenListing('limited', 1_500),
    by: leftAlone,
  },
  {
    file: 'routing/arbitration.ts',
    fault: 'a refusal is never doubted',
    from: "if (failure.class !== 'user_error' || !REFUSALS.has(failure.status)) return false",
    to: 'if (failure.message !== undefined) return false',
    scene: () => brokenListing('refuses_all', 1_500),
    by: successful,
  },
]

const attempts: RouterMutant[] = [
  {
    file: 'routing/retry-budget.ts',
    fault: 'no retry is too many',
    from: 'if (this.#tokens < cost) return false\n    return counted ||',
    to: 'return this.#tokens < 1e9 || cost < 0 || counted ||',
    scene: () => brownOut(6_000),
    by: amplified,
  },
  {
    file: 'routing/failover.ts',
    fault: 'a request is tried ten times',
    from: 'export const MAX_ATTEMPTS = 3',
    to: 'export const MAX_ATTEMPTS = 10',
    scene: () => totalOutage('refused'),
    by: thrice,
  },
  {
    file: 'routing/serve.ts',
    fault: 'a listing that failed is asked again for another model',
    from: 'failed.every((each) => each.offer.listingId !== offer.listingId) &&',
    to: '',
    scene: () => insistent(300),
    by: thrice,
  },
  {
    file: 'routing/serve.ts',
    fault: 'an offer that may be failing stands in the way of those behind it',
    from: 'queue.splice(0, queue.length, ...queue.filter(mayBeNext))',
    to: 'if (!queue[0] || !mayBeNext(queue[0])) return undefined',
    scene: storm('8'),
    by: avoidable,
  },
  {
    file: 'routing/router.ts',
    fault: 'nobody looks a second time before a request is refused',
    from: 'for (const exact of [false, true]) {',
    to: 'for (const exact of [false]) {',
    scene: () => ({ ...crowdedRoom(900), traffic: { ...crowdedRoom(900).traffic, waits: 0 } }),
    by: avoidable,
  },
]

const choices: RouterMutant[] = [
  {
    file: 'routing/pool.ts',
    fault: 'the dearest is drawn most',
    from: '** -2 *',
    to: '** 2 *',
    scene: () => quietMarket(1_500),
    by: drawn,
  },
  {
    file: 'routing/rank.ts',
    fault: 'newcomers are tried without bound',
    from: 'const EXPLORED_SHARE = 0.02',
    to: 'const EXPLORED_SHARE = 0.99',
    scene: () => quietMarket(1_500),
    by: drawn,
  },
  {
    file: 'routing/choose.ts',
    fault: 'whom the buyer names does not matter',
    from: "if (marks.only && marks.only[index] === 0) return 'policy_only'",
    to: '',
    scene: storm('5'),
    by: obeyed,
  },
  {
    file: 'routing/rank.ts',
    fault: 'a conversation goes on wherever it was, whoever is left out',
    from: 'candidates.find((at) => dense.pool.offers[at]?.id === request.stickyTo)',
    to: 'dense.pool.offers.findIndex(({ id }) => id === request.stickyTo)',
    scene: () => ({ ...stormOf('5', 2_000), traffic: { ...stormOf('5', 2_000).traffic, talks: 0.9 } }),
    by: obeyed,
  },
  {
    file: 'routing/rank.ts',
    fault: 'the draw follows no seed',
    from: 'const random = randomOf(seed)',
    to: 'const random = Math.random',
    scene: () => quietMarket(300),
    by: repeatable,
  },
  {
    file: 'routing/plan.ts',
    fault: 'the seed is not the request’s',
    from: 'const seed = request.requestId',
    to: 'const seed = String(Math.random())',
    scene: () => quietMarket(300),
    by: SAME_SEED,
  },
  {
    file: 'routing/explain.ts',
    fault: 'nobody says who was full when his turn came',
    from: 'if (passedOverIn(decision).has(index)) return noRoomByThen.reason',
    to: '',
    scene: storm('1'),
    by: reasons,
  },
  {
    file: 'marketplace/price-versions.ts',
    fault: 'the price of a window stays when the window is over',
    from: 'if (nowMs < fromMs || nowMs >= untilMs) stand(nowMs)',
    to: 'if (nowMs < fromMs) stand(nowMs)',
    scene: storm('2'),
    by: prices,
  },
  {
    file: 'routing/waiting-room.ts',
    fault: 'the last who came is served first',
    from: 'for (const waiter of waiters) {\n      if',
    to: 'for (const waiter of [...waiters].reverse()) {\n      if',
    scene: () => crowdedRoom(400),
    by: inTurn,
  },
]

export const mutants: RouterMutant[] = [...limits, ...health, ...attempts, ...choices]
