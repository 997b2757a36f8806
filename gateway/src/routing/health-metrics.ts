/** What Prometheus reads of health: how many breakers are in which state, and why offers were ejected. */
import type { Metrics } from '../platform/metrics.ts'
import type { Health } from './health.ts'
import type { Judged, Surroundings } from './surroundings.ts'

export interface HealthSeries {
  records: ReadonlyMap<string, { offer: Judged; health: Health; shell: unknown }>
  around: Surroundings
  ejections: ReadonlyMap<string, number>
  knownOrigins: ReadonlySet<string> | undefined
}

const level = { closed: 0, half_open: 1, open: 2 } as const
const CUSTOM = 'custom'

export function registerHealthMetrics(
  metrics: Pick<Metrics, 'samples' | 'gauge' | 'counter'> | undefined,
  health: HealthSeries,
): void {
  if (!metrics) return
  const { around, ejections } = health
  metrics.samples(
    'gateway_breaker_state',
    { help: 'Breakers with a record, by scope (listing, origin) and state.', labels: ['scope', 'state'] },
    () => breakerStates(health),
  )
  metrics.samples(
    'gateway_origin_state',
    {
      help: "Breakers of providers' origins: 0 closed, 1 half-open, 2 open; custom endpoints are summed as custom.",
      labels: ['origin'],
    },
    () => originStates(health),
  )
  metrics.samples(
    'gateway_ejections_total',
    { help: 'Offers and origins ejected, by reason.', labels: ['reason'], type: 'counter' },
    () => [
      ...[...ejections].map(([reason, value]) => ({ labels: [reason], value })),
      { labels: ['origin'], value: around.counts().originsOpened },
    ],
  )
  metrics.gauge('gateway_slow_offers', 'Offers with a quarter of their weight for being slow.', () => {
    return around.counts().slow
  })
  metrics.gauge('gateway_paced_offers', 'Offers whose concurrency is cut because of 429s.', () => {
    return around.counts().paced
  })
  metrics.gauge('gateway_local_outage', '1 while our own network seems to be down: nobody is ejected.', () =>
    around.counts().isOutage ? 1 : 0,
  )
  metrics.counter('gateway_local_outages_total', 'How often our own network seemed to be down.', () => {
    return around.counts().localOutages
  })
}

function breakerStates({ records, around }: HealthSeries) {
  const listing = { closed: 0, half_open: 0, open: 0 }
  const origin = { closed: 0, half_open: 0, open: 0 }
  for (const { health, shell } of records.values()) if (shell) listing[health.state] += 1
  for (const { state } of around.origins()) origin[state] += 1
  return [
    ...Object.entries(listing).map(([state, value]) => ({ labels: ['listing', state], value })),
    ...Object.entries(origin).map(([state, value]) => ({ labels: ['origin', state], value })),
  ]
}

function originStates({ around, knownOrigins }: HealthSeries) {
  const levels = new Map<string, number>([[CUSTOM, 0]])
  for (const { origin, state } of around.origins()) {
    const name = knownOrigins?.has(origin) ? origin : CUSTOM
    levels.set(name, (levels.get(name) ?? 0) + level[state])
  }
  return [...levels].map(([origin, value]) => ({ labels: [origin], value }))
}
