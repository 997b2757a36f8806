import { expect, test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { loadHouse } from './house.ts'
import { playStorms, STORMS } from './play-storms.ts'

test(
  'whatever breaks, fills up, refuses and leaves: the market keeps what it promises',
  async ({ task }) => {
    const { found, seen } = await playStorms(await loadHouse(loadSource), 2)
    task.meta.figures = `simulator: ${JSON.stringify(seen)}`
    expect(found).toEqual([])
    expect(Object.entries(seen).filter(([, times]) => times === 0)).toEqual([])
  },
  STORMS.timeoutMs,
)
