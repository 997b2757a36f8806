/**
 * Sends a steady stream of chat completions to a running gateway and prints what came of them. Every second request
 * streams. Open loop: a slow answer does not slow the next request down, so waiting shows up as latency.
 *
 *   npm run smoke -- [--requests 200] [--rate 50] [--model gpt-4o-mini] [--json]
 *
 * Finds the gateway in DATA_DIR/summary.json (default .bourse/), or takes --url http://…/v1 and --key sk-….
 * Exit 1 when an answer was an error, incomplete or without usage.
 */
import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, Agent as TlsAgent } from 'node:https'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'

interface Target {
  url: URL
  key: string
  model: string
}

interface Sample {
  stream: boolean
  durationMs: number
  firstContentMs?: number
  /** What was wrong with the answer. */
  error?: string
}

// An answer that takes longer than this has failed for a person who waits.
const TIMEOUT_MS = 60_000
const SOCKETS = 512
const agents = {
  'http:': new Agent({ keepAlive: true, maxSockets: SOCKETS }),
  'https:': new TlsAgent({ keepAlive: true, maxSockets: SOCKETS }),
}

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '200' },
    rate: { type: 'string', default: '50' },
    model: { type: 'string', default: 'gpt-4o-mini' },
    url: { type: 'string' },
    key: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const target = findTarget()
const requests = positive('requests', values.requests)
const rate = positive('rate', values.rate)
const startedMs = performance.now()
const samples = await drive()
const seconds = (performance.now() - startedMs) / 1000
const report = summarise()
console.log(values.json ? JSON.stringify(report, null, 2) : asText())
process.exitCode = report.failed === 0 ? 0 : 1

async function drive(): Promise<Sample[]> {
  const running: Promise<Sample>[] = []
  for (let index = 0; index < requests; index++) {
    const dueMs = startedMs + (index * 1000) / rate
    if (dueMs > performance.now()) await delay(dueMs - performance.now())
    running.push(ask(index))
  }
  return Promise.all(running)
}

async function ask(index: number): Promise<Sample> {
  const stream = index % 2 === 1
  const sentMs = performance.now()
  const sample: Sample = { stream, durationMs: 0 }
  try {
    await readAnswer(await post(index, stream), sample, sentMs)
  } catch (error) {
    sample.error = (error as NodeJS.ErrnoException).code ?? (error as Error).message
  }
  sample.durationMs = performance.now() - sentMs
  return sample
}

function post(index: number, stream: boolean): Promise<IncomingMessage> {
  const body = JSON.stringify({
    model: target.model,
    messages: [{ role: 'user', content: `Smoke test ${index}: name one thing that floats.` }],
    max_tokens: 64,
    stream,
    ...(stream ? { stream_options: { include_usage: true } } : {}),
  })
  const protocol = target.url.protocol as keyof typeof agents
  const send = protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const call = send(
      target.url,
      {
        method: 'POST',
        agent: agents[protocol],
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          authorization: `Bearer ${target.key}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      },
      resolve,
    )
    call.on('error', reject)
    call.end(body)
  })
}

async function readAnswer(response: IncomingMessage, sample: Sample, sentMs: number): Promise<void> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk
    if (sample.stream && sample.firstContentMs === undefined && /"content":"[^"]/.test(text)) {
      sample.firstContentMs = performance.now() - sentMs
    }
  }
  if (response.statusCode !== 200) sample.error = errorCode(response.statusCode, text)
  else if (!/"usage":\s*\{/.test(text)) sample.error = 'no usage'
  else if (sample.stream && !text.trimEnd().endsWith('data: [DONE]')) sample.error = 'stream ended early'
}

function errorCode(status: number | undefined, text: string): string {
  try {
    return `${status} ${(JSON.parse(text) as { error: { code: string } }).error.code}`
  } catch {
    return String(status)
  }
}

function summarise() {
  const errors: Record<string, number> = {}
  for (const { error } of samples) if (error !== undefined) errors[error] = (errors[error] ?? 0) + 1
  const good = samples.filter(({ error }) => error === undefined)
  return {
    requests: samples.length,
    failed: samples.length - good.length,
    errors,
    requestsPerSecond: Number((samples.length / seconds).toFixed(1)),
    jsonMs: quantiles(good.filter(({ stream }) => !stream).map(({ durationMs }) => durationMs)),
    streamMs: quantiles(good.filter(({ stream }) => stream).map(({ durationMs }) => durationMs)),
    firstContentMs: quantiles(good.flatMap(({ firstContentMs }) => firstContentMs ?? [])),
    node: process.version,
  }
}

function quantiles(values: number[]): Record<'p50' | 'p95' | 'p99' | 'max', number> {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) =>
    Number((sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN).toFixed(1))
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

function asText(): string {
  const line = (name: string, { p50, p95, p99, max }: ReturnType<typeof quantiles>) =>
    `${name.padEnd(22)}${[p50, p95, p99, max].map((value) => String(value).padStart(9)).join('')}`
  return [
    `${report.requests} requests at ${report.requestsPerSecond}/s, ${report.failed} failed`,
    ...Object.entries(report.errors).map(([error, count]) => `  ${count} × ${error}`),
    `${'milliseconds'.padEnd(22)}${['p50', 'p95', 'p99', 'max'].map((name) => name.padStart(9)).join('')}`,
    line('JSON answer', report.jsonMs),
    line('streamed answer', report.streamMs),
    line('first streamed content', report.firstContentMs),
  ].join('\n')
}

function findTarget(): Target {
  const { url, key, model } = values
  if (url !== undefined && key !== undefined) return { url: new URL(`${url}/chat/completions`), key, model }
  const path = join(process.env.DATA_DIR ?? '.bourse', 'summary.json')
  try {
    const summary = JSON.parse(readFileSync(path, 'utf8')) as { baseUrl: string; apiKey: string }
    return { url: new URL(`${summary.baseUrl}/chat/completions`), key: summary.apiKey, model }
  } catch {
    console.error(`No gateway found in ${path}. Run \`npm start\` first, or give --url and --key.`)
    process.exit(2)
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`--${name} must be a number above 0, not '${text}'.`)
  return value
}
