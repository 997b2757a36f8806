import { expect, test } from 'vitest'
import { loadSource, withCodeMutant } from '../support/ledger-code-lab.ts'
import { type House, loadHouse } from './house.ts'
import { mutants, type RouterMutant, SAME_SEED } from './mutants.ts'
import { oracles } from './oracles.ts'
import { runScene } from './run.ts'
import { special } from './special-oracles.ts'

const TIMEOUT_MS = 60_000

test.each(mutants.map((mutant) => [mutant.file, mutant.fault, mutant] as const))(
  'it is noticed when, in %s, %s',
  async (_file, _fault, mutant) => {
    expect(await seen(await loadHouse(loadSource), mutant), 'the code as it is was called wrong').toEqual([])
    const found = await withCodeMutant(mutant, async (load) => seen(await loadHouse(load), mutant))
    expect(found, `no oracle saw it: ${mutant.by}`).not.toEqual([])
  },
  TIMEOUT_MS,
)

/** What the mutant's oracle finds wrong in the mutant's scene. */
async function seen(house: House, { scene, by }: RouterMutant): Promise<string[]> {
  const run = await runScene(house, scene())
  if (by === SAME_SEED) return (await runScene(house, scene())).digest === run.digest ? [] : ['another run']
  const oracle = { ...oracles, ...special }[by]
  if (!oracle) throw new Error(`there is no oracle that says: ${by}`)
  return oracle(run)
}
