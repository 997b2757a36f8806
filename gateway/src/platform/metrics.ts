/**
 * What Prometheus reads. The request path writes into plain arrays; names, labels and text are made when somebody
 * scrapes. Every label has a bounded set of values, whatever callers send.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { CounterSeries, HistogramSeries, SampledSeries } from './metric-series.ts'
import { formatUsd } from './money.ts'

/** Token counts by class; `reasoning` is part of `output`, so it is not counted again. */
export interface TokenCounts {
  uncachedInput: number
  cacheRead: number
  cacheWrite5m: number
  cacheWrite1h: number
  audioInput: number
  output: number
  audioOutput: number
}

export interface RequestEnded {
  /** The route's pattern, never the path that was sent. */
  route: string
  status: number
  stream: boolean
  durationMs: number
  /** The time we added: everything but waiting for the upstream. */
  overheadMs: number
  ttftMs?: number
}

export interface Metrics {
  requestEnded(request: RequestEnded): void
  attemptEnded(attempt: { provider: string; outcome: string; durationMs: number }): void
  tokensBilled(tokens: TokenCounts): void
  billed(costNanos: bigint, feeNanos: bigint): void
  batchCommitted(batch: { queue: string; size: number; durationMs: number }): void
  refused(code: string): void
  /** Registers a count kept elsewhere that only grows; it is read at each scrape. */
  counter(name: `gateway_${string}_total`, help: string, read: () => number): void
  /** Registers a value that is read at each scrape, in base units. */
  gauge(name: `gateway_${string}`, help: string, read: () => number): void
  /** A gauge with labels, read at each scrape: at most 500 samples, so that no label makes a page without end. */
  samples(
    name: `gateway_${string}`,
    shape: { help: string; labels: readonly string[]; type?: 'gauge' | 'counter' },
    read: () => Iterable<{ labels: readonly string[]; value: number }>,
  ): void
  /** The text of /metrics. */
  render(): Promise<string>
  readonly contentType: string
}

// From a cached key look-up to a slow upstream's timeout.
const LATENCY = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900]
const OVERHEAD = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const COMMIT = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const BATCH = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

const tokenClasses = {
  uncachedInput: 'uncached_input',
  cacheRead: 'cache_read',
  cacheWrite5m: 'cache_write_5m',
  cacheWrite1h: 'cache_write_1h',
  audioInput: 'audio_input',
  output: 'output',
  audioOutput: 'audio_output',
} as const satisfies Record<keyof TokenCounts, string>
const tokenFields = Object.keys(tokenClasses) as (keyof TokenCounts)[]

/** One registry and its series; a process makes one. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'gateway_' })
  const series = requestSeries(registry)
  const money = moneySeries(registry)
  const ledger = ledgerSeries(registry)
  return {
    ...series,
    ...money,
    ...ledger,
    counter(name, help, read) {
      new CounterSeries(registry, { name, help, labels: [], read })
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read())
        },
      })
    },
    samples(name, shape, read) {
      new SampledSeries(registry, { name, ...shape, read })
    },
    render: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

function requestSeries(registry: Registry): Pick<Metrics, 'requestEnded' | 'attemptEnded' | 'refused'> {
  const requests = new CounterSeries(registry, {
    name: 'gateway_requests_total',
    help: 'Requests answered, by route, HTTP status and whether they were streamed.',
    labels: ['route', 'status', 'stream'],
  })
  const duration = new HistogramSeries(registry, {
    name: 'gateway_request_duration_seconds',
    help: 'Time from the first byte of a request to the last byte of its answer.',
    labels: ['route', 'stream'],
    buckets: LATENCY,
  })
  const overhead = new HistogramSeries(registry, {
    name: 'gateway_overhead_seconds',
    help: 'Time the gateway itself added to a request: all but waiting for the upstream.',
    labels: ['route'],
    buckets: OVERHEAD,
  })
  const firstToken = new HistogramSeries(registry, {
    name: 'gateway_time_to_first_token_seconds',
    help: 'Time until the first content of a streamed answer was sent.',
    labels: [],
    buckets: LATENCY,
  })
  const attempts = new CounterSeries(registry, {
    name: 'gateway_upstream_attempts_total',
    help: 'Calls to upstreams, by provider and outcome class.',
    labels: ['provider', 'outcome'],
  })
  const attemptDuration = new HistogramSeries(registry, {
    name: 'gateway_upstream_attempt_duration_seconds',
    help: 'Time from sending a call to an upstream to the end of its answer.',
    labels: ['provider'],
    buckets: LATENCY,
  })
  const refusals = new CounterSeries(registry, {
    name: 'gateway_refusals_total',
    help: 'Requests refused, by error code.',
    labels: ['code'],
  })
  return {
    requestEnded({ route, status, stream, durationMs, overheadMs, ttftMs }) {
      const streamed = stream ? 'true' : 'false'
      requests.add(1, route, String(status), streamed)
      duration.observe(durationMs / 1000, route, streamed)
      overhead.observe(overheadMs / 1000, route)
      if (ttftMs !== undefined) firstToken.observe(ttftMs / 1000)
    },
    attemptEnded({ provider, outcome, durationMs }) {
      attempts.add(1, provider, outcome)
      attemptDuration.observe(durationMs / 1000, provider)
    },
    refused(code) {
      refusals.add(1, code)
    },
  }
}

function moneySeries(registry: Registry): Pick<Metrics, 'tokensBilled' | 'billed'> {
  const tokens = new CounterSeries(registry, {
    name: 'gateway_tokens_total',
    help: 'Tokens billed, by class; the classes are disjoint.',
    labels: ['class'],
  })
  // Summed exactly here and turned into a float only in the text, which is for graphs and never for bills.
  let costNanos = 0n
  let feeNanos = 0n
  const usd = (nanos: bigint) => Number(formatUsd(nanos))
  new CounterSeries(registry, {
    name: 'gateway_billed_usd_total',
    help: 'What buyers were billed, in USD.',
    labels: [],
    read: () => usd(costNanos),
  })
  new CounterSeries(registry, {
    name: 'gateway_platform_fee_usd_total',
    help: "The platform's share of what buyers were billed, in USD.",
    labels: [],
    read: () => usd(feeNanos),
  })
  return {
    tokensBilled(counts) {
      for (const field of tokenFields) if (counts[field] > 0) tokens.add(counts[field], tokenClasses[field])
    },
    billed(cost, fee) {
      costNanos += cost
      feeNanos += fee
    },
  }
}

function ledgerSeries(registry: Registry): Pick<Metrics, 'batchCommitted'> {
  const commits = new HistogramSeries(registry, {
    name: 'gateway_ledger_commit_seconds',
    help: 'Time a batch of the ledger took from its first statement to its commit.',
    labels: ['queue'],
    buckets: COMMIT,
  })
  const sizes = new HistogramSeries(registry, {
    name: 'gateway_ledger_batch_size',
    help: 'Holds or settlements in one commit of the ledger.',
    labels: ['queue'],
    buckets: BATCH,
  })
  return {
    batchCommitted({ queue, size, durationMs }) {
      commits.observe(durationMs / 1000, queue)
      sizes.observe(size, queue)
    },
  }
}
