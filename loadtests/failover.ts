/**
 * What failing over costs a client: requests whose first offer fails beside requests whose first offer works, one after
 * the other in one run, on a gateway in a process of its own.
 *
 *   npm run bench:failover                     the table
 *   npm run bench:failover -- --json           the same as JSON
 *   npm run bench:failover -- --requests 300   fewer of each kind (default 1,000)
 *
 * Every failing request meets an offer that nobody has met, so that no breaker spares it the failure. Needs a built
 * gateway. Only the difference inside one run means anything; everything stays on loopback and ends by itself.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createWebServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { loadCatalog } from '../gateway/src/catalog/catalog.ts'
import { quantile } from './load-client.ts'
import { type Running, start } from './processes.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
// Many, because a model's budget for retries is small.
const models = loadCatalog({ overridesPath: join(ROOT, 'config/models.json'), nowMs: Date.now() })
  .list()
  .slice(0, 100)
  .map(({ id }) => id)

const kinds = ['refused', 'reset', '500'] as const
type Kind = (typeof kinds)[number]

/** A buyer's share of retries is small, so failing requests take turns among many buyers. */
const FAILURES_PER_BUYER = 30
/** A server that fails more often, with nobody served between, is taken to be down as a whole. */
const FAILURES_PER_SERVER = 40
const WARM_UP = 200
const PRICE = { input: '1', output: '2' }

interface Figures {
  p50Ms: number
  p99Ms: number
}

interface Report {
  machine: { node: string; date: string }
  requests: number
  /** Of requests whose first offer works. */
  direct: Figures
  /** What the failover adds to them. */
  added: Record<Kind, Figures>
  errors: number
}

const requests = Number(argument('--requests') ?? 1_000)

async function bench(): Promise<Report> {
  const scratch = mkdtempSync(join(tmpdir(), 'bourse-failover-'))
  const closers: (() => Promise<unknown> | unknown)[] = [
    () => rmSync(scratch, { recursive: true, force: true }),
  ]
  try {
    const gateway = await startGateway(scratch)
    closers.push(() => gateway.running.stop())
    const { api, origin } = gateway
    const well = await startUpstream()
    closers.push(() => well.close())
    const wellListing = await list(api, { url: well.url, models, price: PRICE })
    const failing = new Map<Kind, Offer[]>()
    for (const kind of kinds) {
      const offers: Offer[] = []
      while (offers.length < requests) {
        const upstream = await startUpstream()
        closers.push(() => upstream.close())
        offers.push(...(await offersAt(api, upstream.url, offers.length)))
        await upstream.fail(kind)
      }
      failing.set(kind, offers)
    }
    const offers = models.map((model) => ({ listing: wellListing, model }))
    return await measure({ origin, api, well: offers, failing })
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

interface Offer {
  listing: string
  model: string
}

interface Scene {
  origin: string
  api: Api
  well: readonly Offer[]
  failing: ReadonlyMap<Kind, readonly Offer[]>
}

async function measure({ origin, api, well, failing }: Scene): Promise<Report> {
  const pool = new Pool(origin, { connections: 1 })
  const samples: Record<Kind | 'direct', number[]> = { direct: [], refused: [], reset: [], '500': [] }
  let errors = 0
  let key = ''
  /** Every offer but the last one fails. */
  const ask = async (only: readonly Offer[], kept?: number[]) => {
    const model = only[0]?.model
    const body = { model, messages: [{ role: 'user', content: 'lorem ipsum' }], max_tokens: 50 }
    // By order: by price a listing without a record would mostly come after one that has shown what it can.
    const listings = only.map(({ listing }) => listing)
    const provider = { only: listings, order: listings }
    const startedMs = performance.now()
    const answer = await pool.request({
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, provider }),
    })
    await answer.body.dump()
    const attempts = Number(answer.headers['x-gateway-attempts'])
    if (answer.statusCode === 200 && attempts === only.length) kept?.push(performance.now() - startedMs)
    else errors += 1
  }
  const wellAt = (index: number) => well[index % well.length] as Offer
  key = await buyerKey(api, 0)
  for (let index = 0; index < WARM_UP; index += 1) await ask([wellAt(index)])
  for (let index = 0; index < requests; index += 1) {
    if (index % Math.floor(FAILURES_PER_BUYER / kinds.length) === 0) {
      key = await buyerKey(api, index + 1)
      await ask([wellAt(index)])
    }
    for (const kind of kinds) {
      const offer = (failing.get(kind) as readonly Offer[])[index] as Offer
      const next = { ...wellAt(0), model: offer.model }
      await ask([next], samples.direct)
      await ask([offer, next], samples[kind])
    }
    if (index % 100 === 99) progress(`${index + 1} of ${requests}`)
  }
  await pool.close()
  return reportOf(samples, errors)
}

function reportOf(samples: Record<Kind | 'direct', number[]>, errors: number): Report {
  const figures = (values: number[]): Figures => {
    const sorted = values.toSorted((one, other) => one - other)
    return { p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) }
  }
  const direct = figures(samples.direct)
  const added = Object.fromEntries(
    kinds.map((kind) => {
      const { p50Ms, p99Ms } = figures(samples[kind])
      return [kind, { p50Ms: p50Ms - direct.p50Ms, p99Ms: p99Ms - direct.p99Ms }]
    }),
  ) as Record<Kind, Figures>
  const machine = { node: process.version, date: new Date().toISOString().slice(0, 10) }
  return { machine, requests, direct, added, errors }
}

/** An upstream that is well until it is told how to fail. */
async function startUpstream() {
  let failure: Kind | undefined
  const web = createWebServer((request, response) => {
    request.resume()
    request.on('end', () => {
      if (failure === '500') answer(response, 500, { error: { message: 'boom' } })
      else if (request.url?.endsWith('/models')) answer(response, 200, { data: models.map((id) => ({ id })) })
      else answer(response, 200, completion)
    })
  })
  web.keepAliveTimeout = 120_000
  const sockets = new Set<Socket>()
  const door: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    if (failure === 'reset') socket.resetAndDestroy()
    else web.emit('connection', socket)
  })
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(door.address() as AddressInfo).port}/v1`
  const hangUp = () => {
    for (const socket of sockets) socket.destroy()
  }
  const close = () => {
    door.close()
    hangUp()
  }
  return {
    url,
    close,
    async fail(kind: Kind) {
      failure = kind
      // A kept connection would outlive what befalls the port.
      const closed = kind === 'refused' && new Promise((resolve) => door.close(resolve))
      if (kind !== '500') hangUp()
      await closed
    },
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

const completion = {
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'lorem', refusal: null }, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
}

/** A listing of a server, with an offer for each of the requests from the `from`th on. */
async function offersAt(api: Api, url: string, from: number): Promise<Offer[]> {
  const some = Array.from(
    { length: FAILURES_PER_SERVER },
    (_, at) => models[(from + at) % models.length] as string,
  )
  const listing = await list(api, { url, models: some, price: PRICE })
  return some.map((model) => ({ listing, model }))
}

async function startGateway(scratch: string): Promise<{ running: Running; origin: string; api: Api }> {
  const dataDir = join(scratch, 'data')
  const running = await start('bourse', [process.execPath, join(ROOT, 'gateway/dist/main.js')], {
    env: { PORT: '0', DATA_DIR: dataDir, ALLOW_PRIVATE_UPSTREAMS: 'true' },
    ready: /"msg":"ready"/,
  })
  const summary = JSON.parse(readFileSync(join(dataDir, 'summary.json'), 'utf8')) as Record<string, string>
  const { origin } = new URL(summary.baseUrl as string)
  return { running, origin, api: await signIn(origin, summary) }
}

type Api = (
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Record<string, unknown>>

async function signIn(origin: string, { email, password }: Record<string, string>): Promise<Api> {
  let token = ''
  const api: Api = async (path, body, headers = {}) => {
    const response = await fetch(origin + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const read = (await response.json()) as Record<string, unknown>
    if (!response.ok) throw new Error(`${path}: ${response.status} ${JSON.stringify(read)}`)
    return read
  }
  token = String((await api('/api/login', { email, password })).token)
  return api
}

let listings = 0

async function list(
  api: Api,
  {
    url,
    models,
    price,
  }: { url: string; models: readonly string[]; price: { input: string; output: string } },
): Promise<string> {
  listings += 1
  const { id } = await api('/api/marketplace/listings', {
    name: `failover ${listings}`,
    provider: 'openai',
    baseUrl: url,
    key: `sk-bench-upstream-key-${listings}`,
    models: models.map((model) => ({
      model,
      upstreamModel: model,
      price: { kind: 'fixed', perMTok: price },
    })),
    ground: 'own_endpoint',
  })
  for (let looks = 0; looks < 300; looks += 1) {
    const { state } = await api(`/api/marketplace/listings/${id}`)
    if (state === 'active') return String(id)
    await delay(50)
  }
  throw new Error('a listing was not verified in time')
}

async function buyerKey(api: Api, index: number): Promise<string> {
  const email = `buyer-${index}@example.org`
  const user = await api('/api/users', { email, name: 'Buyer', roles: ['buyer'] })
  const credit = { amountNanos: '1000000000000', reason: 'bench' }
  await api(`/api/users/${user.id}/credits`, credit, { 'idempotency-key': email })
  const { key } = await api(`/api/keys?organisation=${user.organisationId}`, { name: 'bench' })
  return String(key)
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  return at < 0 ? undefined : process.argv[at + 1]
}

function progress(text: string): void {
  if (!process.argv.includes('--json')) console.error(text)
}

function print({ machine, requests: each, direct, added, errors }: Report): void {
  const line = (label: string, { p50Ms, p99Ms }: Figures) =>
    console.log(label.padEnd(40) + p50Ms.toFixed(2).padStart(10) + p99Ms.toFixed(2).padStart(10))
  console.log(`Node ${machine.node}, ${each} requests of each kind, ${machine.date}`)
  console.log(''.padEnd(40) + 'p50, ms'.padStart(10) + 'p99, ms'.padStart(10))
  line('first offer works', direct)
  for (const kind of kinds) line(`added when the first offer is: ${kind}`, added[kind])
  console.log(`errors: ${errors}`)
}

const report = await bench()
if (process.argv.includes('--json')) console.log(JSON.stringify(report))
else print(report)
process.exitCode = report.errors === 0 ? 0 : 1
