/**
 * What Bourse costs beside a blind pipe and nginx, on the same fake upstream, interleaved in one run.
 *
 *   npm run bench                  the table
 *   npm run bench -- --json        the same as JSON
 *   npm run bench -- --rounds 3    fewer rounds (default 5)
 *
 * CPU is the kernel's count for the process under test (Bourse without its PostgreSQL, as nginx without its disk);
 * only ratios inside one run mean anything. Everything stays on loopback and ends by itself.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  closedLoop,
  type LoadResult,
  median,
  openLoop,
  quantile,
  streamLoad,
  type Target,
} from './load-client.ts'
import { commandExists, freePort, pinChildren, type Running, start } from './processes.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const SUT_CORE = 0
const REST_CORE = 1
const CONNECTIONS = 64
const ROUND_SECONDS = 2
const RATE = 500
const STREAMS = 500
const STREAM_EVENTS_PER_SECOND = 20
const STREAM_SECONDS = 6
const MEMORY_REQUESTS = 100_000

/** Each upstream stands behind a model of its own, so that routing leads to it. */
const models = { instant: 'openai/gpt-4o-mini', slow: 'openai/gpt-4.1-mini', stream: 'openai/gpt-4.1-nano' }

interface Subject {
  name: string
  process: Running
  /** By upstream: instant, 20 ms away, streaming. */
  targets: Record<'instant' | 'slow' | 'stream', Target>
}

interface Report {
  machine: { node: string; cores: number; date: string }
  rounds: number
  cpuPerRequestUs: Record<string, number>
  cpuRatioToBlind: Record<string, number>
  requestsPerSecond: Record<string, number>
  addedP50Ms: Record<string, number>
  addedP99Ms: Record<string, number>
  cpuPerEventUs: Record<string, number>
  eventRatioToBlind: Record<string, number>
  kilobytesPerStream: Record<string, number>
  rssMegabytesAfterRequests: Record<string, number>
  errors: number
}

const rounds = Number(argument('--rounds') ?? 5)
async function bench(): Promise<Report> {
  const scratch = mkdtempSync(join(tmpdir(), 'bourse-bench-'))
  const started: Running[] = []
  try {
    const upstreams = await startUpstreams(started)
    const subjects = [
      await startBlind(started, upstreams),
      ...(commandExists('nginx') ? [await startNginx(started, upstreams, scratch)] : []),
      await startBourse(started, upstreams, scratch),
    ]
    return await measure(subjects, upstreams)
  } finally {
    for (const each of started.reverse()) await each.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function measure(subjects: Subject[], upstreams: Upstreams): Promise<Report> {
  const samples = new Samples()
  const json = chatBody('instant')
  const slow = chatBody('slow')
  for (const subject of subjects)
    await closedLoop(subject.targets.instant, json, { connections: CONNECTIONS, seconds: 1 })
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) await cpuRound(subject, json, samples)
    const direct = await openLoop(
      { origin: upstreams.slow, path: '/v1/chat/completions', headers: {} },
      slow,
      { rate: RATE, seconds: ROUND_SECONDS },
    )
    for (const subject of subjects) {
      const result = await openLoop(subject.targets.slow, slow, { rate: RATE, seconds: ROUND_SECONDS })
      samples.errors += result.errors
      samples.add('p50', subject.name, quantile(result.latenciesMs, 0.5) - quantile(direct.latenciesMs, 0.5))
      samples.add(
        'p99',
        subject.name,
        quantile(result.latenciesMs, 0.99) - quantile(direct.latenciesMs, 0.99),
      )
    }
    for (const subject of subjects) await streamRound(subject, chatBody('stream'), samples)
    progress(`round ${round + 1} of ${rounds} done`)
  }
  const bourse = subjects.at(-1) as Subject
  const rss: Record<string, number> = {}
  for (let done = 0; done < MEMORY_REQUESTS; done += MEMORY_REQUESTS / 5) {
    await requestsUntil(bourse, json, MEMORY_REQUESTS / 5, samples)
    rss[String(done + MEMORY_REQUESTS / 5)] = Math.round(bourse.process.rssBytes() / 1e6)
    progress(`${done + MEMORY_REQUESTS / 5} of ${MEMORY_REQUESTS} requests for the memory figure`)
  }
  return reportOf(samples, rss)
}

async function cpuRound(subject: Subject, body: Buffer, samples: Samples): Promise<void> {
  const before = subject.process.cpuSeconds()
  const result = await closedLoop(subject.targets.instant, body, {
    connections: CONNECTIONS,
    seconds: ROUND_SECONDS,
  })
  samples.errors += result.errors
  samples.add('cpu', subject.name, ((subject.process.cpuSeconds() - before) * 1e6) / result.requests)
  samples.add('rps', subject.name, result.requests / result.seconds)
}

async function streamRound(subject: Subject, body: Buffer, samples: Samples): Promise<void> {
  const rssBefore = subject.process.rssBytes()
  const before = subject.process.cpuSeconds()
  let rssOpen = rssBefore
  const watch = setInterval(() => {
    rssOpen = Math.max(rssOpen, subject.process.rssBytes())
  }, 250)
  const result = await streamLoad(subject.targets.stream, body, { streams: STREAMS })
  clearInterval(watch)
  samples.errors += result.errors
  samples.add('event', subject.name, ((subject.process.cpuSeconds() - before) * 1e6) / result.events)
  samples.add('kb', subject.name, (rssOpen - rssBefore) / 1024 / STREAMS)
}

async function requestsUntil(subject: Subject, body: Buffer, count: number, samples: Samples): Promise<void> {
  let done = 0
  while (done < count) {
    const result: LoadResult = await closedLoop(subject.targets.instant, body, {
      connections: CONNECTIONS,
      seconds: 2,
    })
    done += result.requests
    samples.errors += result.errors
  }
}

class Samples {
  errors = 0
  readonly #values = new Map<string, number[]>()

  add(kind: string, subject: string, value: number): void {
    const key = `${kind} ${subject}`
    this.#values.set(key, [...(this.#values.get(key) ?? []), value])
  }

  /** The median by subject; for memory the first round counts, later ones reuse what the first has grown. */
  by(kind: string, pick: (values: number[]) => number = median): Record<string, number> {
    const entries = [...this.#values].filter(([key]) => key.startsWith(`${kind} `))
    return Object.fromEntries(
      entries.map(([key, values]) => [key.slice(kind.length + 1), round(pick(values))]),
    )
  }
}

function reportOf(samples: Samples, rss: Record<string, number>): Report {
  const cpu = samples.by('cpu')
  const event = samples.by('event')
  const toBlind = (values: Record<string, number>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, round(value / (values.blind as number))]),
    )
  return {
    machine: { node: process.version, cores: 2, date: new Date().toISOString().slice(0, 10) },
    rounds,
    cpuPerRequestUs: cpu,
    cpuRatioToBlind: toBlind(cpu),
    requestsPerSecond: samples.by('rps'),
    addedP50Ms: samples.by('p50'),
    addedP99Ms: samples.by('p99'),
    cpuPerEventUs: event,
    eventRatioToBlind: toBlind(event),
    kilobytesPerStream: samples.by('kb', (values) => values[0] as number),
    rssMegabytesAfterRequests: rss,
    errors: samples.errors,
  }
}

interface Upstreams {
  instant: string
  slow: string
  stream: string
}

async function startUpstreams(started: Running[]): Promise<Upstreams> {
  const one = async (env: Record<string, string>): Promise<string> => {
    const port = await freePort()
    const command = [process.execPath, '--import', 'tsx', join(ROOT, 'loadtests/upstream.ts')]
    started.push(
      await start('upstream', command, {
        env: { ...env, PORT: String(port) },
        core: REST_CORE,
        ready: /http:|ready|listening/i,
      }),
    )
    return `http://127.0.0.1:${port}`
  }
  return {
    instant: await one({ DELAY_MS: '0' }),
    slow: await one({ DELAY_MS: '20' }),
    stream: await one({
      DELAY_MS: '20',
      CHUNKS: String(STREAM_SECONDS * STREAM_EVENTS_PER_SECOND),
      INTERVAL_MS: String(1000 / STREAM_EVENTS_PER_SECOND),
    }),
  }
}

async function startBlind(started: Running[], upstreams: Upstreams): Promise<Subject> {
  const command = [process.execPath, '--import', 'tsx', join(ROOT, 'loadtests/blind-pipe.ts')]
  const origins: Partial<Record<keyof Upstreams, Target>> = {}
  const processes: Running[] = []
  for (const kind of ['instant', 'slow', 'stream'] as const) {
    const port = await freePort()
    const running = await start('blind', command, {
      env: { PORT: String(port), UPSTREAM: upstreams[kind] },
      core: SUT_CORE,
      ready: /ready/,
    })
    started.push(running)
    processes.push(running)
    origins[kind] = { origin: `http://127.0.0.1:${port}`, path: '/v1/chat/completions', headers: {} }
  }
  return { name: 'blind', process: together('blind', processes), targets: origins as Subject['targets'] }
}

async function startNginx(started: Running[], upstreams: Upstreams, scratch: string): Promise<Subject> {
  const ports = { instant: await freePort(), slow: await freePort(), stream: await freePort() }
  const kinds = Object.keys(ports) as (keyof Upstreams)[]
  const config = join(scratch, 'nginx.conf')
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${scratch}/nginx.pid; error_log stderr notice;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path ${scratch}/b; proxy_temp_path ${scratch}/p; fastcgi_temp_path ${scratch}/f; uwsgi_temp_path ${scratch}/u; scgi_temp_path ${scratch}/s;
  ${kinds.map((kind) => `upstream ${kind} { server ${upstreams[kind].slice(7)}; keepalive 600; keepalive_requests 100000000; }`).join('\n  ')}
  keepalive_requests 100000000;
  ${kinds.map((kind) => `server { listen 127.0.0.1:${ports[kind]} backlog=2048; location / { proxy_pass http://${kind}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; } }`).join('\n  ')}
}
`,
  )
  const running = await start('nginx', ['nginx', '-e', 'stderr', '-c', config], {
    core: SUT_CORE,
    ready: /start worker process /i,
  })
  started.push(running)
  const target = (kind: keyof Upstreams): Target => ({
    origin: `http://127.0.0.1:${ports[kind]}`,
    path: '/v1/chat/completions',
    headers: {},
  })
  return {
    name: 'nginx',
    process: running,
    targets: { instant: target('instant'), slow: target('slow'), stream: target('stream') },
  }
}

/** Bourse as shipped, with everything on: key check, limits, routing, metrics, log lines, durable hold and settle. */
async function startBourse(started: Running[], upstreams: Upstreams, scratch: string): Promise<Subject> {
  const port = await freePort()
  const dataDir = join(scratch, 'data')
  const running = await start(
    'bourse',
    [process.execPath, '--enable-source-maps', join(ROOT, 'gateway/dist/main.js')],
    {
      env: {
        PORT: String(port),
        DATA_DIR: dataDir,
        ALLOW_PRIVATE_UPSTREAMS: 'true',
        GATEWAY_MAX_STREAMS: '5000',
      },
      core: SUT_CORE,
      ready: /"msg":"ready"/,
    },
  )
  started.push(running)
  pinChildren(running.pid, REST_CORE)
  const summary = JSON.parse(readFileSync(join(dataDir, 'summary.json'), 'utf8')) as Record<
    'baseUrl' | 'apiKey' | 'email' | 'password',
    string
  >
  const origin = new URL(summary.baseUrl).origin
  const api = await signIn(origin, summary)
  for (const kind of ['instant', 'slow', 'stream'] as const) {
    const listing = await api('POST', '/api/marketplace/listings', {
      name: `bench ${kind}`,
      provider: 'openai',
      baseUrl: `${upstreams[kind]}/v1`,
      key: 'sk-bench-upstream-key',
      models: [{ model: models[kind], price: { kind: 'multiplier', ppm: 50_000 } }],
      ground: 'own_endpoint',
    })
    await untilActive(api, String(listing.id))
  }
  const key = await benchKey(api)
  const target: Target = { origin, path: '/v1/chat/completions', headers: { authorization: `Bearer ${key}` } }
  return { name: 'bourse', process: running, targets: { instant: target, slow: target, stream: target } }
}

type Api = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Record<string, unknown>>

async function signIn(
  origin: string,
  { email, password }: { email: string; password: string },
): Promise<Api> {
  let token = ''
  const api: Api = async (method, path, body, headers = {}) => {
    const response = await fetch(origin + path, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
    return answer
  }
  token = String((await api('POST', '/api/login', { email, password })).token)
  return api
}

/** A listing goes on the market when its key was seen to work: two calls to the upstream. */
async function untilActive(api: Api, id: string): Promise<void> {
  for (let looks = 0; looks < 300; looks += 1) {
    const { state, verification } = await api('GET', `/api/marketplace/listings/${id}`)
    if (state === 'active') return
    if (state !== 'verifying') throw new Error(`the listing is ${state}: ${JSON.stringify(verification)}`)
    await delay(100)
  }
  throw new Error('the listing is still being verified after half a minute')
}

/** A key of a buyer with plenty of play money that may only use the bench's own listings. */
async function benchKey(api: Api): Promise<string> {
  const user = (await api('POST', '/api/users', {
    email: 'bench@example.org',
    name: 'Bench',
    roles: ['buyer'],
  })) as {
    id: string
    organisationId: string
  }
  await api(
    'POST',
    `/api/users/${user.id}/credits`,
    { amountNanos: '1000000000000000', reason: 'bench' },
    { 'idempotency-key': 'bench-credit' },
  )
  const key = await api('POST', `/api/keys?organisation=${user.organisationId}`, {
    name: 'bench',
    policy: { only: ['openai'] },
  })
  return String(key.key)
}

/** 1 KB, as most chats are. */
function chatBody(kind: keyof typeof models): Buffer {
  const messages = [{ role: 'user', content: 'lorem ipsum dolor sit amet '.repeat(34) }]
  const stream = kind === 'stream' ? { stream: true } : {}
  return Buffer.from(JSON.stringify({ model: models[kind], messages, max_tokens: 256, ...stream }))
}

function together(name: string, processes: Running[]): Running {
  const sum = (read: (each: Running) => number) => processes.reduce((total, each) => total + read(each), 0)
  return {
    name,
    pid: (processes[0] as Running).pid,
    cpuSeconds: () => sum((each) => each.cpuSeconds()),
    rssBytes: () => sum((each) => each.rssBytes()),
    stop: async () => undefined,
  }
}

function print(result: Report): void {
  const names = Object.keys(result.cpuPerRequestUs)
  const line = (label: string, values: Record<string, number>, digits = 2) =>
    console.log(
      label.padEnd(46) + names.map((name) => (values[name]?.toFixed(digits) ?? '-').padStart(10)).join(''),
    )
  console.log(`Node ${result.machine.node}, ${result.rounds} interleaved rounds, ${result.machine.date}`)
  console.log(''.padEnd(46) + names.map((name) => name.padStart(10)).join(''))
  line('CPU per request, µs (1 KB, 64 connections)', result.cpuPerRequestUs, 0)
  line('  ratio to the blind pipe', result.cpuRatioToBlind)
  line('requests/s (one core each)', result.requestsPerSecond, 0)
  line(`added p50, ms (${RATE} requests/s, 20 ms upstream)`, result.addedP50Ms)
  line('added p99, ms', result.addedP99Ms)
  line(`CPU per SSE event, µs (${STREAMS} streams × ${STREAM_EVENTS_PER_SECOND}/s)`, result.cpuPerEventUs, 1)
  line('  ratio to the blind pipe', result.eventRatioToBlind)
  line('memory per active stream, KB', result.kilobytesPerStream, 0)
  const rss = Object.entries(result.rssMegabytesAfterRequests).map(
    ([count, megabytes]) => `${count}: ${megabytes} MB`,
  )
  console.log(`Bourse's resident memory after requests: ${rss.join(', ')}`)
  console.log(`errors: ${result.errors}`)
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`)
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

const report = await bench()
if (process.argv.includes('--json')) console.log(JSON.stringify(report, null, 2))
else print(report)
