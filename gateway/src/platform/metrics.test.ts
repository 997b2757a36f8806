import { expect, test } from 'vitest'
import { createMetrics, type Metrics } from './metrics.ts'

/** The value of one line of the exposition, such as `gateway_requests_total{route="x"}`. */
async function read(metrics: Metrics, line: string): Promise<number | undefined> {
  const text = await metrics.render()
  const found = text.split('\n').find((each) => each.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length + 1))
}

const request = {
  route: '/v1/chat/completions',
  status: 200,
  stream: true,
  durationMs: 1500,
  overheadMs: 2.4,
}

test('requests are counted by route, status and stream, with their durations in seconds', async () => {
  const metrics = createMetrics()
  metrics.requestEnded({ ...request, ttftMs: 200 })
  metrics.requestEnded({ ...request, status: 503, stream: false, durationMs: 3 })
  const labels = 'route="/v1/chat/completions"'
  expect(await read(metrics, `gateway_requests_total{${labels},status="200",stream="true"}`)).toBe(1)
  expect(await read(metrics, `gateway_requests_total{${labels},status="503",stream="false"}`)).toBe(1)
  expect(await read(metrics, `gateway_request_duration_seconds_sum{${labels},stream="true"}`)).toBe(1.5)
  expect(await read(metrics, `gateway_overhead_seconds_count{${labels}}`)).toBe(2)
  expect(await read(metrics, 'gateway_time_to_first_token_seconds_count')).toBe(1)
  expect(await read(metrics, 'gateway_time_to_first_token_seconds_sum')).toBe(0.2)
})

test('a histogram counts a value in every bucket from its own bound up', async () => {
  const metrics = createMetrics()
  for (const durationMs of [0.5, 1, 1.5, 999_999])
    metrics.batchCommitted({ queue: 'hold', size: 1, durationMs })
  const bucket = (le: string) =>
    read(metrics, `gateway_ledger_commit_seconds_bucket{le="${le}",queue="hold"}`)
  expect(await bucket('0.0005')).toBe(1)
  expect(await bucket('0.001')).toBe(2)
  expect(await bucket('0.0025')).toBe(3)
  expect(await bucket('5')).toBe(3)
  expect(await bucket('+Inf')).toBe(4)
  expect(await read(metrics, 'gateway_ledger_batch_size_sum{queue="hold"}')).toBe(4)
})

test('attempts, refusals and tokens are counted by their classes; reasoning is not counted twice', async () => {
  const metrics = createMetrics()
  metrics.attemptEnded({ provider: 'openai', outcome: 'rate_limited', durationMs: 20 })
  metrics.refused('insufficient_quota')
  const usage = {
    uncachedInput: 10,
    cacheRead: 4,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    audioInput: 0,
    output: 7,
    audioOutput: 0,
  }
  metrics.tokensBilled({ ...usage, reasoning: 5 } as typeof usage)
  expect(
    await read(metrics, 'gateway_upstream_attempts_total{provider="openai",outcome="rate_limited"}'),
  ).toBe(1)
  expect(await read(metrics, 'gateway_refusals_total{code="insufficient_quota"}')).toBe(1)
  expect(await read(metrics, 'gateway_tokens_total{class="uncached_input"}')).toBe(10)
  expect(await read(metrics, 'gateway_tokens_total{class="cache_read"}')).toBe(4)
  expect(await read(metrics, 'gateway_tokens_total{class="output"}')).toBe(7)
  expect(await metrics.render()).not.toContain('reasoning')
})

test('billed money is summed exactly, however small its parts', async () => {
  const metrics = createMetrics()
  for (let index = 0; index < 1000; index += 1) metrics.billed(100_001n, 5_000n)
  expect(await read(metrics, 'gateway_billed_usd_total')).toBe(0.100001)
  expect(await read(metrics, 'gateway_platform_fee_usd_total')).toBe(0.005)
})

test('sums without labels are there from the start, so that the first increase is seen', async () => {
  const metrics = createMetrics()
  expect(await read(metrics, 'gateway_billed_usd_total')).toBe(0)
  expect(await read(metrics, 'gateway_time_to_first_token_seconds_count')).toBe(0)
})

test('a label that is fed with ever new text ends in one series called other', async () => {
  const metrics = createMetrics()
  for (let index = 0; index < 5000; index += 1) {
    metrics.refused(`code-${index}`)
    metrics.attemptEnded({ provider: `p${index}`, outcome: 'ok', durationMs: 1 })
  }
  const text = await metrics.render()
  expect(text.match(/^gateway_refusals_total\{/gm)).toHaveLength(501)
  expect(await read(metrics, 'gateway_refusals_total{code="other"}')).toBe(4500)
  expect(await read(metrics, 'gateway_upstream_attempt_duration_seconds_count{provider="other"}')).toBe(4500)
})

test('label values that hold quotes, line breaks or backslashes do not break the text', async () => {
  const metrics = createMetrics()
  metrics.refused('a"b\nc\\d')
  expect(await metrics.render()).toContain('gateway_refusals_total{code="a\\"b\\nc\\\\d"} 1')
})

test('a duration that is not a number is left out instead of spoiling the sum', async () => {
  const metrics = createMetrics()
  metrics.requestEnded({ ...request, durationMs: Number.NaN })
  metrics.requestEnded(request)
  const sum = 'gateway_request_duration_seconds_sum{route="/v1/chat/completions",stream="true"}'
  expect(await read(metrics, sum)).toBe(1.5)
})

test('a gauge is read at each scrape', async () => {
  const metrics = createMetrics()
  let open = 3
  metrics.gauge('gateway_open_streams', 'Answers being streamed.', () => open)
  expect(await read(metrics, 'gateway_open_streams')).toBe(3)
  open = 0
  expect(await read(metrics, 'gateway_open_streams')).toBe(0)
})

test('the process tells its memory, processor time and event loop under our prefix, and nothing without it', async () => {
  const metrics = createMetrics()
  const names = (await metrics.render()).match(/^# TYPE \S+/gm)?.map((line) => line.slice(7)) ?? []
  expect(names).toEqual(
    expect.arrayContaining(['gateway_process_cpu_seconds_total', 'gateway_nodejs_eventloop_lag_p99_seconds']),
  )
  expect(names.filter((name) => !name.startsWith('gateway_'))).toEqual([])
  expect(metrics.contentType).toMatch(/^text\/plain; version=0\.0\.4/)
})

test('every name of the contract is announced with help and type before its first value', async () => {
  const text = await createMetrics().render()
  const histograms = [
    'request_duration_seconds',
    'overhead_seconds',
    'time_to_first_token_seconds',
    'ledger_commit_seconds',
    'ledger_batch_size',
  ]
  const counters = [
    'requests_total',
    'upstream_attempts_total',
    'tokens_total',
    'billed_usd_total',
    'platform_fee_usd_total',
    'refusals_total',
  ]
  for (const name of histograms) expect(text).toContain(`# TYPE gateway_${name} histogram`)
  for (const name of counters) expect(text).toContain(`# TYPE gateway_${name} counter`)
})
