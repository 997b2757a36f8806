/** What operators see of prices: the cheapest of each model, what is announced, and who follows. */
import type { TokenClass } from '../catalog/price.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { PriceFeed } from './price-feed.ts'
import type { PricePoint } from './price-show.ts'

const KINDS = [
  ['input', 'uncachedInput'],
  ['output', 'output'],
] as const satisfies readonly (readonly [string, TokenClass])[]

export function registerPriceMetrics(metrics: Pick<Metrics, 'gauge' | 'samples'>, feed: PriceFeed): void {
  metrics.samples(
    'gateway_cheapest_price_usd_per_mtok',
    { help: 'The cheapest offer of a model, in USD per million tokens.', labels: ['model', 'kind'] },
    () => cheapestPrices(feed.present({})),
  )
  metrics.gauge(
    'gateway_prices_announced',
    'Prices that were announced and do not hold yet.',
    () => feed.present({}).filter(({ announced }) => announced !== undefined).length,
  )
  metrics.gauge('gateway_price_followers', 'Streams of prices that are open.', feed.followers)
}

/** By model and kind, in order of the models' names. Floats: they are looked at and never charged. */
function cheapestPrices(points: readonly PricePoint[]): { labels: [string, string]; value: number }[] {
  const cheapest = new Map<string, number[]>()
  for (const { offer } of points) {
    const { table, multiplierPpm } = offer.price
    // Pico-dollars per token are micro-dollars per million.
    const usd = KINDS.map(([, each]) => (Number(table.base[each]) * Number(multiplierPpm)) / 1e12)
    const known = cheapest.get(offer.model)
    cheapest.set(offer.model, known ? usd.map((value, at) => Math.min(value, known[at] as number)) : usd)
  }
  return [...cheapest]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([model, usd]) =>
      KINDS.map(([kind], at) => ({ labels: [model, kind], value: usd[at] as number })),
    )
}
