import { beforeAll, expect, test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { beforeContent, type FaultKind, faultKinds } from './faults.ts'
import { type House, loadHouse } from './house.ts'
import { findings } from './oracles.ts'
import { type Run, runScene, type Try } from './run.ts'
import { badBuyers, brokenListing, cutListing, OUTAGE, shortFault, totalOutage } from './scenes.ts'

const REQUESTS = 10_000
const TIMEOUT_MS = 120_000

let house: House

beforeAll(async () => {
  house = await loadHouse(loadSource)
})

const triesAt = ({ played }: Run, listingId: string): Try[] =>
  played.flatMap(({ tries }) => tries).filter(({ offer }) => offer.listingId === listingId)

const openings = ({ changes }: Run) => changes.filter(({ from, to }) => from === 'closed' && to === 'open')

test.each(beforeContent.map((kind) => [faultKinds[kind].id, kind] as const))(
  `of ${REQUESTS} requests none fails while one of three listings is broken (%s: %s)`,
  async (_id, kind) => {
    const run = await runScene(house, brokenListing(kind, REQUESTS))
    const served = run.played.filter(({ end }) => end === 'served').length
    expect(triesAt(run, 'a').some(({ outcome }) => outcome === faultKinds[kind].class)).toBe(true)
    expect(served / REQUESTS).toBeGreaterThanOrEqual(0.9999)
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'answers that break off are told in-band no more often than it takes to see it, and once a probe',
  async () => {
    const run = await runScene(house, cutListing(2_000))
    const broke = run.played.filter(({ end }) => end === 'broke').length
    const probes = run.changes.filter(({ to }) => to === 'half_open').length
    expect(broke).toBeGreaterThan(0)
    expect(broke).toBeLessThanOrEqual(5 + probes)
    expect(run.played.filter(({ end }) => end !== 'served' && end !== 'broke')).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test.each(['error_500', 'error_503', 'refused', 'silent', 'overloaded', 'limited', 'not_json'] as const)(
  'in a total outage (%s) upstreams are asked little more often than buyers ask us',
  async (kind) => {
    const run = await runScene(house, totalOutage(kind))
    const during = run.played.filter(({ cameMs }) => cameMs >= OUTAGE.fromMs && cameMs < OUTAGE.untilMs)
    const attempts = during.reduce((sum, { tries }) => sum + tries.length, 0)
    expect(during.length).toBeGreaterThan(3_000)
    expect(attempts).toBeGreaterThan(0)
    expect(attempts / during.length).toBeLessThanOrEqual(1.2)
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test.each(['1', '2'])(
  'no listing is put out for its buyers: one request in five is wrong, one client in twenty leaves, and we stall (seed %s)',
  async (seed) => {
    const run = await runScene(house, badBuyers(10_000, seed))
    const refused = run.played.filter(({ code }) => code === 'upstream_rejected_request').length
    expect(refused / run.played.length).toBeGreaterThan(0.17)
    expect(run.played.filter(({ end }) => end === 'left').length).toBeGreaterThan(100)
    expect(run.changes).toEqual([])
    expect(run.paused).toEqual([])
    expect(run.atEnd.resting).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

const soft: readonly FaultKind[] = ['error_500', 'refused', 'reset', 'closed', 'error_body']

test.each(soft)(
  'a listing that fails for eight seconds (%s) is found out at once, left alone, and back within fifteen',
  async (kind) => {
    const run = await runScene(house, shortFault(kind, 8_000))
    const [opened] = openings(run)
    const overMs = 68_000
    const before = triesAt(run, 'a').filter(
      ({ endedMs = 0 }) => endedMs > 60_000 && endedMs <= (opened?.atMs ?? 0),
    )
    expect(before.filter(({ outcome }) => outcome !== 'ok').length).toBeLessThanOrEqual(5)
    const back = triesAt(run, 'a').find(({ takenMs, outcome }) => takenMs > overMs && outcome === 'ok')
    expect(back?.takenMs).toBeLessThanOrEqual(overMs + 15_000)
    expect(shareOf(run, 'a', { fromMs: 150_000, untilMs: 188_000 })).toBeGreaterThan(
      0.7 * shareOf(run, 'a', { fromMs: 0, untilMs: 60_000 }),
    )
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'of the requests that come while a listing is known to be dead, one in a hundred at most is tried there',
  async () => {
    const run = await runScene(house, shortFault('error_500', 240_000))
    const [opened] = openings(run)
    const known = run.played.filter(({ cameMs }) => cameMs > (opened?.atMs ?? 0) && cameMs < 300_000)
    const hit = known.filter(({ tries }) => tries.some(({ offer }) => offer.listingId === 'a'))
    expect(known.length).toBeGreaterThan(5_000)
    expect(hit.length / known.length).toBeLessThanOrEqual(0.01)
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

/** Of the requests that came in that time, how many were tried there first. */
function shareOf(
  { played }: Run,
  listingId: string,
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
): number {
  const came = played.filter(({ cameMs }) => cameMs >= fromMs && cameMs < untilMs)
  return came.filter(({ tries }) => tries[0]?.offer.listingId === listingId).length / came.length
}
