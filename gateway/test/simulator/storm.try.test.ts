import { test } from 'vitest'
import { loadSource } from '../support/ledger-code-lab.ts'
import { loadHouse } from './house.ts'
import { findings } from './oracles.ts'
import { runScene } from './run.ts'
import { stormOf } from './storm.ts'

test('try', async () => {
  const house = await loadHouse(loadSource)
  for (const seed of (process.env.SEEDS ?? '1 2 3 4 5 6').split(' ')) {
    const t = process.cpuUsage()
    const run = await runScene(house, stormOf(seed, Number(process.env.N ?? 2500)))
    const ends: Record<string, number> = {}
    for (const p of run.played) ends[`${p.end} ${p.code ?? ''}`] = (ends[`${p.end} ${p.code ?? ''}`] ?? 0) + 1
    console.log(
      seed,
      Math.round(process.cpuUsage(t).user / 1000),
      run.scene.sellers.length,
      ends,
      run.changes.length,
      run.paused.length,
      run.digest.slice(0, 12),
    )
    if (process.env.WHO) {
      for (const p of run.played)
        for (const t of p.tries)
          if (t.offer.id === process.env.WHO && t.outcome !== 'ok')
            console.log(p.request.requestId, t.takenMs, t.outcome, t.endedMs, p.wrong, p.poison)
      console.log(
        run.changes.filter((c) => c.offerId === process.env.WHO),
        run.scene.faults.filter((f) => process.env.WHO?.startsWith(f.listingId + ':') || f.origin),
        run.scene.sellers.filter((x) => process.env.WHO?.startsWith(x.listingId + ':')),
      )
    }
    if (process.env.REQ) {
      const p = run.played.find((q) => q.request.requestId === process.env.REQ)!
      console.log(
        JSON.stringify({
          ...p,
          plan: undefined,
          request: {
            ...p.request,
            model: p.request.model.id,
            fallbackModels: p.request.fallbackModels?.length,
          },
          tries: p.tries.map((t) => ({ ...t, offer: t.offer.id })),
        }),
      )
      for (const d of p.plan?.decisions ?? []) {
        console.log(d.model, JSON.stringify(d.choice), JSON.stringify(d.request))
        for (const i of d.choice.ranked) console.log(JSON.stringify(d.dense.pool.offers[i]))
      }
      for (const q of run.played)
        if (q.request.buyer === p.request.buyer || true)
          for (const t of q.tries)
            if (
              (t.endedMs ?? 9e9) > p.cameMs - 300 &&
              t.takenMs < (p.endedMs ?? 0) &&
              t.outcome !== 'ok' &&
              t.outcome !== 'user_error' &&
              t.outcome !== 'client_gone'
            )
              console.log(q.request.requestId, t.offer.id, t.takenMs, t.outcome, t.endedMs, q.request.buyer)
    }
    if (process.env.SPOT) {
      const [who, ms] = process.env.SPOT.split(' ') as [string, string]
      for (const q of run.played)
        for (const t of q.tries)
          if (t.offer.listingId === who && t.takenMs < Number(ms) && (t.endedMs ?? 9e9) > Number(ms) - 1500)
            console.log(
              q.request.requestId,
              t.offer.id,
              Math.round(t.takenMs),
              t.outcome,
              Math.round(t.endedMs ?? -1),
              q.stream,
              t.begun,
              q.abandons,
              q.end,
            )
      for (const q of run.played)
        if (q.end === 'abandoned' && q.plan?.first?.offer.listingId === who)
          console.log('abandoned', q.request.requestId, q.admittedMs, q.endedMs)
      console.log(
        run.scene.sellers.find((x) => x.listingId === who)?.limits,
        run.scene.faults.filter((f) => f.listingId === who),
        run.scene.stall,
      )
    }
    if (process.env.LIST) {
      for (const q of run.played)
        for (const t of q.tries)
          if (
            t.offer.id.startsWith(process.env.LIST) &&
            t.takenMs > Number(process.env.FROM) &&
            t.takenMs < Number(process.env.TO)
          )
            console.log(
              q.request.requestId,
              t.offer.id,
              Math.round(t.takenMs),
              t.outcome,
              Math.round(t.endedMs ?? -1),
              q.stream,
              t.begun,
              q.end,
              q.request.inputTokens + q.request.maxOutputTokens,
              t.offer.revision,
            )
      console.log(
        run.scene.sellers.find((x) => x.listingId === process.env.LIST),
        run.scene.faults.filter((f) => f.listingId === process.env.LIST || f.origin),
        run.scene.stall,
        run.changes.filter((c) => c.offerId.startsWith(process.env.LIST + ':')),
        run.mended,
        run.paused,
      )
    }
    const t2 = process.cpuUsage()
    for (const f of findings(run)) console.log(f)
    console.log('oracles', Math.round(process.cpuUsage(t2).user / 1000))
  }
}, 120000)
