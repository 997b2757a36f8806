import { test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { loadHouse } from './house.ts'
import { runScene } from './run.ts'
import { stormOf } from './storm.ts'

test('try', async () => {
  const house = await loadHouse(loadSource)
  for (const seed of ['1']) {
    const t = performance.now()
    const run = await runScene(house, stormOf(seed, 3000))
    const ends: Record<string, number> = {}
    for (const p of run.played) ends[`${p.end} ${p.code ?? ''}`] = (ends[`${p.end} ${p.code ?? ''}`] ?? 0) + 1
    console.log(
      seed,
      Math.round(performance.now() - t),
      run.scene.sellers.length,
      ends,
      run.changes.length,
      run.paused.length,
      run.digest.slice(0, 12),
    )
    for (const u of run.upstreams.values())
      if (u.overruns.length) console.log(u.overruns.length, u.overruns.slice(0, 3), u.nature.limits)
    console.log(
      run.books.overruns.slice(0, 3),
      run.waitingAtEnd,
      run.atEnd.capacity.filter((c) => c.running).length,
    )
  }
}, 120000)
