import { test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { loadHouse } from './house.ts'
import { findings } from './oracles.ts'
import { runScene } from './run.ts'
import { brokenListing, totalOutage } from './scenes.ts'

test('prof', async () => {
  const house = await loadHouse(loadSource)
  for (const scene of [
    brokenListing('error_500', 10_000),
    totalOutage('error_500'),
    brokenListing('silent', 10_000),
  ]) {
    const t = process.cpuUsage()
    const run = await runScene(house, scene)
    const t2 = process.cpuUsage()
    console.log(
      scene.name,
      (t2.user - t.user) / 1000,
      (t2.system - t.system) / 1000,
      run.played.filter((p) => p.end !== 'served').length,
    )
    console.log(findings(run), (process.cpuUsage().user - t2.user) / 1000)
  }
}, 300_000)
