/** Counters and histograms over flat arrays that `prom-client` renders: a write is one look-up and one addition. */
import type { Metric, Registry } from 'prom-client'

interface SeriesOptions {
  name: string
  help: string
  labels: readonly string[]
}

interface Sample {
  labels: Record<string, string | number>
  value: number
  metricName?: string
}

// More combinations of labels than this can only come from a label that was fed with callers' text.
const MAX_SERIES = 500
const OVERFLOW = 'other'
// Joins label values into one key; a control character, so no value contains it.
const SEPARATOR = '\u001f'

/** Sums by label values. With `read`, one unlabelled sum that is kept elsewhere. */
export class CounterSeries {
  readonly #index: LabelIndex
  readonly #values = new Float64Array(MAX_SERIES + 1)

  constructor(registry: Registry, options: SeriesOptions & { read?: () => number }) {
    this.#index = new LabelIndex(options.labels)
    const { read } = options
    register(registry, options, 'counter', () => {
      if (read) return [{ labels: {}, value: read() }]
      return this.#index.all().map(({ labels, at }) => ({ labels, value: this.#values[at] as number }))
    })
  }

  add(amount: number, ...labels: string[]): void {
    const at = this.#index.of(labels)
    this.#values[at] = (this.#values[at] as number) + amount
  }
}

/** Distributions by label values; `buckets` are upper bounds, ascending. */
export class HistogramSeries {
  readonly #index: LabelIndex
  readonly #bounds: Float64Array
  // One row a series: a count for each bucket, one for what lies above, then the sum.
  readonly #rows: Float64Array[] = []

  constructor(registry: Registry, options: SeriesOptions & { buckets: readonly number[] }) {
    this.#index = new LabelIndex(options.labels)
    this.#bounds = Float64Array.from(options.buckets)
    register(registry, options, 'histogram', () =>
      this.#index.all().flatMap(({ labels, at }) => this.#samples(options.name, labels, this.#row(at))),
    )
  }

  observe(value: number, ...labels: string[]): void {
    // A clock that cannot tell the time must not turn the sum into NaN for good.
    if (!Number.isFinite(value)) return
    const row = this.#row(this.#index.of(labels))
    const bounds = this.#bounds
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1
    row[bucket] = (row[bucket] as number) + 1
    row[bounds.length + 1] = (row[bounds.length + 1] as number) + value
  }

  #row(at: number): Float64Array {
    const known = this.#rows[at]
    if (known) return known
    const row = new Float64Array(this.#bounds.length + 2)
    this.#rows[at] = row
    return row
  }

  #samples(name: string, labels: Record<string, string>, row: Float64Array): Sample[] {
    let count = 0
    const samples: Sample[] = Array.from(this.#bounds, (bound, bucket) => {
      count += row[bucket] as number
      return { labels: { le: bound, ...labels }, value: count, metricName: `${name}_bucket` }
    })
    count += row[this.#bounds.length] as number
    samples.push({ labels: { le: '+Inf', ...labels }, value: count, metricName: `${name}_bucket` })
    samples.push({ labels, value: row[this.#bounds.length + 1] as number, metricName: `${name}_sum` })
    samples.push({ labels, value: count, metricName: `${name}_count` })
    return samples
  }
}

/** Which place in the arrays a combination of label values has; the last place is for all beyond the bound. */
/** A metric whose samples are kept elsewhere and read at each scrape; the first `MAX_SERIES` of them are shown. */
export class SampledSeries {
  constructor(
    registry: Registry,
    {
      type = 'gauge',
      read,
      ...options
    }: SeriesOptions & {
      type?: 'gauge' | 'counter'
      read: () => Iterable<{ labels: readonly string[]; value: number }>
    },
  ) {
    register(registry, options, type, () => {
      const samples: Sample[] = []
      for (const { labels, value } of read()) {
        if (samples.length === MAX_SERIES) break
        samples.push({ labels: named(options.labels, labels), value })
      }
      return samples
    })
  }
}

class LabelIndex {
  readonly #names: readonly string[]
  readonly #places = new Map<string, number>()
  readonly #labels: Record<string, string>[] = []

  constructor(names: readonly string[]) {
    this.#names = names
    // A sum without labels is 0 from the start, so that a graph sees its first increase.
    if (names.length === 0) this.of([])
  }

  of(values: readonly string[]): number {
    const key = values.length === 1 ? (values[0] as string) : values.join(SEPARATOR)
    const known = this.#places.get(key)
    if (known !== undefined) return known
    if (this.#places.size >= MAX_SERIES) {
      this.#labels[MAX_SERIES] ??= this.#named(this.#names.map(() => OVERFLOW))
      return MAX_SERIES
    }
    const at = this.#places.size
    this.#places.set(key, at)
    this.#labels[at] = this.#named(values)
    return at
  }

  all(): { labels: Record<string, string>; at: number }[] {
    // flatMap skips the hole before the overflow's place.
    return this.#labels.flatMap((labels, at) => (labels ? [{ labels, at }] : []))
  }

  #named(values: readonly string[]): Record<string, string> {
    return named(this.#names, values)
  }
}

function named(names: readonly string[], values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
}

function register(
  registry: Registry,
  { name, help, labels }: SeriesOptions,
  type: 'counter' | 'gauge' | 'histogram',
  samples: () => Sample[],
): void {
  // The part of a metric that a registry uses when it renders; prom-client's own classes hash labels at every write.
  const metric = {
    name,
    help,
    type,
    labelNames: labels,
    aggregator: 'sum',
    get: () => Promise.resolve({ name, help, type, values: samples(), aggregator: 'sum' }),
    reset() {},
  }
  registry.registerMetric(metric as unknown as Metric)
}
