import { expect, test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { loadHouse } from './house.ts'
import { playStorms, STORMS } from './play-storms.ts'
import { runScene } from './run.ts'
import { stormOf } from './storm.ts'

test(
  'whatever breaks, fills up, refuses and leaves: the market keeps what it promises',
  async ({ task }) => {
    const { found, seen } = await playStorms(await loadHouse(loadSource), 1)
    task.meta.figures = `simulator: ${JSON.stringify(seen)}`
    expect(found).toEqual([])
    expect(Object.entries(seen).filter(([, times]) => times === 0)).toEqual([])
  },
  STORMS.timeoutMs,
)

test('the same seed gives the same run, to the last decision', async () => {
  const house = await loadHouse(loadSource)
  const [first, again, other] = [
    await runScene(house, stormOf('twice', 1_500)),
    await runScene(house, stormOf('twice', 1_500)),
    await runScene(house, stormOf('once', 1_500)),
  ]
  expect(again.digest).toBe(first.digest)
  expect(other.digest).not.toBe(first.digest)
}, 60_000)
