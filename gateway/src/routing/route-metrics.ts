/** How decisions came about, summed for Prometheus. */
import type { Metrics } from '../platform/metrics.ts'
import type { RouteRecord } from './route-log.ts'

export interface RouteMetrics {
  routed(record: RouteRecord): void
}

export function createRouteMetrics(metrics: Pick<Metrics, 'samples'>): RouteMetrics {
  const decisions = new Map<string, number>()
  const exclusions = new Map<string, number>()
  const series = (counts: ReadonlyMap<string, number>) => () =>
    [...counts].map(([name, value]) => ({ labels: [name], value }))
  metrics.samples(
    'gateway_route_decisions_total',
    {
      help: 'Decisions, by what put the first offer first; none: nobody could serve.',
      labels: ['by'],
      type: 'counter',
    },
    series(decisions),
  )
  metrics.samples(
    'gateway_route_exclusions_total',
    { help: 'Offers left out of decisions, by reason.', labels: ['reason'], type: 'counter' },
    series(exclusions),
  )
  const add = (counts: Map<string, number>, name: string, more: number) =>
    counts.set(name, (counts.get(name) ?? 0) + more)
  return {
    routed({ plan }) {
      for (const { choice } of plan.decisions) {
        add(decisions, choice.ranked.length === 0 ? 'none' : choice.by, 1)
        for (const reason in choice.excluded)
          add(exclusions, reason, choice.excluded[reason as keyof typeof choice.excluded] ?? 0)
      }
    },
  }
}
