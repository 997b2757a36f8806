import { beforeAll, expect, test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { type BeforeContent, beforeContent, faultKinds } from './faults.ts'
import { type House, loadHouse } from './house.ts'
import { findings } from './oracles.ts'
import { runScene } from './run.ts'
import { badBuyers, brokenListing, brownOut, cutListing, shortFault, totalOutage } from './scenes.ts'
import { amplified, brokenOff, foundOut, restored, spared, successful } from './special-oracles.ts'

const TIMEOUT_MS = 120_000
/** As long as the first of its row in full; the others differ from it in their delays only. */
const SHORTER: ReadonlySet<BeforeContent> = new Set([
  'reset',
  'dns',
  'tls',
  'closed',
  'error_503',
  'conflict',
])
const requestsOf = (kind: BeforeContent) => (SHORTER.has(kind) ? 2_000 : 10_000)

let house: House

beforeAll(async () => {
  house = await loadHouse(loadSource)
})

test.each(beforeContent.map((kind) => [faultKinds[kind].id, kind, requestsOf(kind)] as const))(
  'nobody notices that one of three listings is broken (%s: %s, %d requests)',
  async (_id, kind, requests) => {
    const run = await runScene(house, brokenListing(kind, requests))
    const met = run.played.some(({ tries }) =>
      tries.some(({ outcome }) => outcome === faultKinds[kind].class),
    )
    expect(met).toBe(true)
    expect(successful(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'answers that break off are told in-band no more often than it takes to see it, and once a probe',
  async () => {
    const run = await runScene(house, cutListing(2_000))
    expect(run.played.filter(({ end }) => end !== 'served' && end !== 'broke')).toEqual([])
    expect(brokenOff(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test.each(['error_500', 'refused', 'silent', 'overloaded', 'limited', 'not_json'] as const)(
  'in a total outage (%s) upstreams are asked little more often than buyers ask us',
  async (kind) => {
    const run = await runScene(house, totalOutage(kind))
    expect(amplified(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'when everybody fails now and then, retries stay a fifth of the traffic',
  async () => {
    const run = await runScene(house, brownOut(6_000))
    expect(run.played.filter(({ tries }) => tries.length > 1).length).toBeGreaterThan(200)
    expect(amplified(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'no listing is put out for its buyers: one request in five is wrong, one client in twenty leaves, and we stall once',
  async () => {
    const run = await runScene(house, badBuyers(10_000))
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

test.each(['error_500', 'refused', 'reset', 'closed', 'error_body'] as const)(
  'a listing that fails for eight seconds (%s) is found out at once, left alone, and back within fifteen',
  async (kind) => {
    const run = await runScene(house, shortFault(kind, 8_000))
    expect(foundOut(run)).toEqual([])
    expect(restored(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'of the requests that come while a listing is known to be dead, one in a hundred at most is tried there',
  async () => {
    const run = await runScene(house, shortFault('error_500', 240_000))
    expect(spared(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)
