import { beforeAll, expect, test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { loadHouse } from './house.ts'
import { findings, oracles } from './oracles.ts'
import { type Played, type Run, runScene, type Try } from './run.ts'
import { crowdedRoom } from './scenes.ts'
import { stormOf } from './storm.ts'

const TIMEOUT_MS = 60_000

let storm: Run
let crowd: Run

beforeAll(async () => {
  const house = await loadHouse(loadSource)
  storm = await runScene(house, stormOf('5', 1_500))
  crowd = await runScene(house, crowdedRoom(300))
}, TIMEOUT_MS)

test('nothing is found wrong with runs in which nothing is wrong', () => {
  expect([...findings(storm), ...findings(crowd)]).toEqual([])
})

/** What is changed of the one request that `is` finds first; everything else stays as it was. */
function with1(run: Run, is: (one: Played) => boolean, change: (one: Played) => Partial<Played>): Run {
  const found = run.played.find(is)
  if (!found) throw new Error('no request of the run is like that')
  return { ...run, played: run.played.map((one) => (one === found ? { ...one, ...change(one) } : one)) }
}

const served = ({ end, tries }: Played) => end === 'served' && tries.length === 1
const first = ({ tries }: Played) => tries[0] as Try
const opening = { offerId: 'l0:test/model', from: 'closed', to: 'open', atMs: 5_000 } as const

const wrongs: Record<keyof typeof oracles, () => Run> = {
  'nobody is refused while a healthy offer has room, attempts and budget remain': () =>
    with1(storm, served, () => ({
      maxWaitMs: 0,
      end: 'refused',
      code: 'no_capacity',
      tries: [],
      wellAtFirst: ['l0:test/model'],
      wellAtLast: ['l0:test/model'],
    })),
  'no seller is ever asked for more than he said': () => {
    const upstreams = new Map(storm.upstreams)
    const [id, one] = [...upstreams][0] as never as [
      string,
      Run['upstreams'] extends ReadonlyMap<string, infer One> ? One : never,
    ]
    return { ...storm, upstreams: upstreams.set(id, { ...one, overruns: ['one too many'] }) }
  },
  'a request is tried three times at most, and never twice at a listing': () =>
    with1(storm, served, (one) => ({ tries: [first(one), first(one)] })),
  'nobody is served by somebody whom he excluded': () =>
    with1(storm, served, (one) => ({
      request: { ...one.request, policy: { ignore: [first(one).offer.listingId] } },
    })),
  'a listing without a fault is never put out': () => ({ ...storm, changes: [...storm.changes, opening] }),
  'a listing is put out for what it did since it was last let in': () => ({
    ...storm,
    changes: [...storm.changes, opening],
  }),
  'who rests or is put out is left alone': () =>
    with1(
      storm,
      (one) => served(one) && one.cameMs < 1_000,
      (one) => ({
        tries: [{ ...first(one), outcome: 'quota_exhausted', begun: false, endedMs: 1 }],
      }),
    ),
  'every cheaper offer that was passed over has a reason, and a true one': () => ({
    ...storm,
    house: { ...storm.house, reasonOf: () => undefined },
  }),
  'every decision comes out the same from what is stored of it': () =>
    with1(storm, served, (one) => {
      const plan = one.plan as NonNullable<Played['plan']>
      return { plan: { ...plan, decisions: plan.decisions.map((each) => ({ ...each, seed: 'another' })) } }
    }),
  'everything that was taken is given back': () => ({ ...storm, waitingAtEnd: 1 }),
  'the price of an attempt is the one that was planned, and the one its seller asked for': () =>
    with1(storm, served, (one) => ({ tries: [{ ...first(one), offer: { ...first(one).offer } }] })),
  'who waits is served in turn and in time': () =>
    with1(
      crowd,
      ({ admittedMs, cameMs }) => admittedMs !== undefined && admittedMs > cameMs,
      ({ cameMs, maxWaitMs }) => ({ admittedMs: cameMs + maxWaitMs + 10 }),
    ),
}

test.each(Object.keys(oracles))('the oracle sees it when it is not so that %s', (name) => {
  const run = wrongs[name]?.()
  expect(run && oracles[name]?.(run)).not.toEqual([])
})
