/** How often offers were drawn first, beside how often the design says they should be. */
import type { PoolOffer } from '../../src/routing/pool.ts'
import type { Run } from './run.ts'

const USUAL = { input: 1_500, output: 500 }
const EXPLORED = 0.02

export interface Drawn {
  listing: string
  times: number
  expected: number
  /** How far apart the two are, in standard deviations. */
  sigmas: number
}

/** Of every draw with a choice, by listing; weights are price⁻² × headroom × health × reputation. */
export function drawnIn({ played }: Run): Drawn[] {
  const sums = new Map<string, { times: number; expected: number; variance: number }>()
  for (const { plan } of played)
    for (const { choice, dense } of plan?.decisions ?? []) {
      if (choice.by !== 'draw') continue
      const usable = dense.pool.offers.filter(({ standing }) => standing === 'usable' || standing === 'probe')
      const chances = chancesOf(usable)
      const first = dense.pool.offers[choice.ranked[0] ?? -1]
      for (const offer of usable) {
        const sum = sums.get(offer.listing) ?? { times: 0, expected: 0, variance: 0 }
        const chance = chances.get(offer) ?? 0
        sum.times += offer === first ? 1 : 0
        sum.expected += chance
        sum.variance += chance * (1 - chance)
        sums.set(offer.listing, sum)
      }
    }
  return [...sums].map(([listing, { times, expected, variance }]) => ({
    listing,
    times,
    expected,
    sigmas: Math.abs(times - expected) / Math.max(1, Math.sqrt(variance)),
  }))
}

function chancesOf(offers: readonly PoolOffer[]): Map<PoolOffer, number> {
  const weights = offers.map(({ price: [prompt, completion, request], headroom, share, reputation }) => {
    const price = (USUAL.input * prompt + USUAL.output * completion + request) / 2_000 / 1e12
    return (headroom * share * reputation) / 20 ** 3 / price ** 2
  })
  const sumOf = (proven: boolean) =>
    weights.reduce((sum, weight, at) => sum + (offers[at]?.proven === proven ? weight : 0), 0)
  const [tried, fresh] = [sumOf(true), sumOf(false)]
  const scale = tried > 0 ? Math.min(1, (tried * EXPLORED) / (1 - EXPLORED) / fresh) : 1
  const scaled = weights.map((weight, at) => (offers[at]?.proven ? weight : weight * scale))
  const all = scaled.reduce((sum, weight) => sum + weight, 0)
  return new Map(offers.map((offer, at) => [offer, (scaled[at] ?? 0) / all]))
}
