import { beforeAll, expect, test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { type House, loadHouse } from './house.ts'
import { findings } from './oracles.ts'
import { runScene } from './run.ts'
import { crowdedRoom, longAnswers, quietMarket } from './scenes.ts'
import { drawn } from './special-oracles.ts'

const TIMEOUT_MS = 120_000

let house: House

beforeAll(async () => {
  house = await loadHouse(loadSource)
})

test(
  'offers are drawn as often as price, room, health and reputation say, and newcomers two times in a hundred',
  async () => {
    const run = await runScene(house, quietMarket(10_000))
    expect(drawn(run)).toEqual([])
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test.each(['1', '2', '3'])(
  'those who wait for a place get it in the order they came, or hear no in time (seed %s)',
  async (seed) => {
    const run = await runScene(house, crowdedRoom(1_000, seed))
    const waited = run.played.filter(({ cameMs, admittedMs = cameMs }) => admittedMs > cameMs)
    const inVain = run.played.filter(({ code, maxWaitMs }) => code === 'no_capacity' && maxWaitMs > 0)
    expect(waited.length).toBeGreaterThan(50)
    expect(inVain.length).toBeGreaterThan(10)
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)

test(
  'answers that take minutes keep their places, and the places of requests that were lost come back',
  async () => {
    const run = await runScene(house, longAnswers())
    const longest = Math.max(...run.played.map(({ cameMs, endedMs = 0 }) => endedMs - cameMs))
    expect(longest).toBeGreaterThan(240_000)
    expect(run.played.filter(({ end }) => end === 'lost').length).toBeGreaterThan(5)
    expect(findings(run)).toEqual([])
  },
  TIMEOUT_MS,
)
