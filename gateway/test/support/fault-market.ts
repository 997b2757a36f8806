/**
 * A market with a seller whose listings meet faults and two whose are well, on the fault upstream's process. What a
 * buyer's request came to is read from three places that know nothing of each other: the client's bytes, the
 * upstream's log and the books.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { createDial } from '../../src/egress/connect.ts'
import type { Outside } from '../../src/egress/egress.ts'
import { parseId } from '../../src/platform/ids.ts'
import { createLogger } from '../../src/platform/logger.ts'
import type { Ask, Dial, Fault } from './fault.ts'
import { certificates } from './fault-certificates.ts'
import type { UpstreamLogLine } from './fault-wire.ts'
import { faults } from './faults.ts'
import { type Buyer, startTestGateway, type TestGateway } from './gateway.ts'
import { type Answer, call, untilActive } from './gateway-client.ts'

/** USD per million tokens; the same digits are nano-dollars per thousand tokens. Faulty listings are tried first. */
export const PRICES = {
  faulty: { input: '0.5', output: '1' },
  well: { input: '1', output: '2' },
  dear: { input: '2', output: '4' },
} as const

// The shortest that can be set: faults of time take about so long.
const env = {
  GATEWAY_FIRST_BYTE_SECONDS: '1',
  GATEWAY_FIRST_CONTENT_SECONDS: '3',
  GATEWAY_STREAM_IDLE_SECONDS: '1',
  GATEWAY_STREAM_SECONDS: '6',
}

// The market hears of a listing that has become active a moment later.
const OFFERED = { timeout: 30_000, interval: 5 }

// Less than twenty worst cases of these requests, and more than a row needs.
export const POOR_USD = '0.004'

/** Requests that one buyer sends: his share of a model's retries is small. */
const REQUESTS_PER_BUYER = 20

export interface Step {
  name: string
  kind: Ask
}

/** An offer behind a fault. */
export interface Place {
  listing: string
  model: string
}

export interface Meeting extends Step, Place {
  fault: Fault
  ask: string
  buyer: Buyer
  answer: Answer
  /** On the gateway's monotonic clock. */
  askedMs: number
  answeredMs: number
  /** How the listing or its offer rested right after. */
  rest: { reason: string; untilMs: number } | undefined
}

/** What the gateway logged of a request. */
export interface LoggedRequest {
  requestId: string
  attempts: readonly string[]
  finishReason?: string
}

export interface FaultMarket {
  gateway: TestGateway
  sellers: { faulty: string; well: string }
  listings: { well: string; dear: string; twin: string }
  /** One request that meets the fault first. */
  meet(step: Step, place: Place, options?: { poor?: boolean }): Promise<Meeting>
  /** All models in turn; one that is not among `taken`. */
  nextModel(taken: readonly string[]): string
  /** A listing behind a fault. */
  faultyListing(name: string, options?: { models?: readonly string[]; price?: Price }): Promise<string>
  ask(options: AskOptions): Promise<{ answer: Answer; ask: string; buyer: Buyer }>
  /** From now on connections fail where a fault is in the connection. */
  arm(): Promise<void>
  upstreamLog(): UpstreamLogLine[]
  logged: ReadonlyMap<string, LoggedRequest>
  models: readonly string[]
  close(): Promise<void>
}

type Price = { input: string; output: string }

interface AskOptions {
  model: string
  kind: Ask
  /** By a buyer whose money is held before anything is asked, so that content goes out as soon as it comes. */
  poor?: boolean
  only: readonly string[]
  more?: Record<string, unknown>
}

/**
 * `abroad`: upstreams have names on the public internet, so that what a name leads to matters; what would be dialled
 * there ends at the fault upstream.
 */
export async function openFaultMarket({ abroad = false } = {}): Promise<FaultMarket> {
  const folder = mkdtempSync(join(tmpdir(), 'bourse-faults-'))
  const log = join(folder, 'upstream.jsonl')
  const { child, hello } = await startUpstream(log)
  const logged = new Map<string, LoggedRequest>()
  const names = createNames()
  const gateway = await startTestGateway({
    env: abroad ? { ...env, ALLOW_PRIVATE_UPSTREAMS: 'false', ALLOW_CUSTOM_ENDPOINTS: 'true' } : env,
    logger: listening(logged),
    outside: abroad ? names.outside : { dial: trusting() },
  })
  const models = gateway.context.catalog
    .list()
    .filter(({ tokenizer, reasoning }) => tokenizer === 'o200k' && !reasoning)
    .map(({ id }) => id)
  const sellers = { faulty: await openSeller(gateway, 'faulty'), well: await openSeller(gateway, 'well') }
  const list = listingsOf(gateway)
  const wellUrl = `${abroad ? names.nameOf(hello.dials.tls_well) : hello.origins.well}/well/v1`
  const wellListing = (price: Price) =>
    list({ organisationId: sellers.well, baseUrl: wellUrl, models, price })
  const listings = {
    well: await wellListing(PRICES.well),
    dear: await wellListing(PRICES.dear),
    twin: await wellListing(PRICES.well),
  }
  const buyers = { rich: buyersOf(gateway, '1'), poor: buyersOf(gateway, POOR_USD) }
  let asked = 0

  const ask: FaultMarket['ask'] = async ({ model, kind, only, poor = false, more = {} }) => {
    asked += 1
    const name = `ask-${asked}`
    const buyer = await buyers[poor ? 'poor' : 'rich']()
    const answer = await call(`${gateway.origin}/v1/chat/completions`, {
      method: 'POST',
      token: buyer.key,
      body: {
        model,
        messages: [{ role: 'user', content: 'hi' }],
        max_tokens: 50,
        user: name,
        ...(kind === 'stream' ? { stream: true, stream_options: { include_usage: true } } : {}),
        ...more,
        provider: { only, ...(more.provider as object | undefined) },
      },
    })
    return { answer, ask: name, buyer }
  }
  const faultyListing: FaultMarket['faultyListing'] = (name, options = {}) => {
    const fault = faults.get(name) as Fault
    const reached = fault.dial ? hello.dials[fault.dial] : hello.origins[fault.row]
    const origin = abroad ? names.nameOf(reached as string, fault) : reached
    return list({
      organisationId: sellers.faulty,
      baseUrl: `${origin}/${name}/v1`,
      models: options.models ?? models,
      price: options.price ?? PRICES.faulty,
    })
  }

  let modelsUsed = 0

  return {
    gateway,
    sellers,
    listings,
    models,
    logged,
    ask,
    faultyListing,
    nextModel(taken) {
      let model: string
      do {
        modelsUsed += 1
        model = models[modelsUsed % models.length] as string
      } while (taken.includes(model))
      return model
    },
    async meet({ name, kind }, { listing: faulty, model }, { poor = false } = {}) {
      const fault = faults.get(name) as Fault
      const only = [faulty, listings.well, listings.dear]
      const askedMs = gateway.context.clock.monotonicMs()
      // By price a listing without a record would mostly come after those that have shown what they can.
      const more = { provider: { order: only }, ...fault.request }
      const asking = await ask({ model, kind, only, poor, more })
      const answeredMs = gateway.context.clock.monotonicMs()
      const rest = restOf(gateway, faulty, model)
      return { name, fault, kind, model, listing: faulty, askedMs, answeredMs, rest, ...asking }
    },
    async arm() {
      names.flip()
      const armed = once(child, 'message')
      child.send('arm')
      await armed
    },
    upstreamLog: () => readLog(log),
    async close() {
      await gateway.close()
      const ended = once(child, 'exit')
      child.disconnect()
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Hello {
  origins: Record<string, string>
  dials: Record<Dial, string>
}

async function startUpstream(log: string): Promise<{ child: ChildProcess; hello: Hello }> {
  const path = fileURLToPath(new URL('fault-upstream.ts', import.meta.url))
  const child = fork(path, [log], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const hello = await Promise.race([
    once(child, 'message').then(([message]) => message as Hello),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the fault upstream ended with ${code}`))),
  ])
  return { child, hello }
}

/** What the gateway logs of each request's attempts. */
function listening(logged: Map<string, LoggedRequest>) {
  return createLogger({
    level: 'info',
    destination: {
      write(line) {
        if (!line.includes('"msg":"request"')) return
        const request = JSON.parse(line) as LoggedRequest
        logged.set(request.requestId, request)
      },
    },
  })
}

async function openSeller(gateway: TestGateway, name: string): Promise<string> {
  const { body, status } = await gateway
    .api('post', '/api/users')
    .send({ email: `${name}@example.test`, name: `Seller ${name}`, roles: ['seller'] })
  if (status !== 201) throw new Error(`no seller: ${JSON.stringify(body)}`)
  return body.organisationId
}

interface ListingToOpen {
  organisationId: string
  baseUrl: string
  models: readonly string[]
  price: Price
}

function listingsOf(gateway: TestGateway) {
  let listings = 0
  return async ({ organisationId, baseUrl, models, price }: ListingToOpen): Promise<string> => {
    listings += 1
    const { body, status } = await gateway.api('post', '/api/marketplace/listings').send({
      organisationId,
      provider: 'openai',
      name: `fault ${listings}`,
      baseUrl,
      key: `sk-upstream-secret-${listings}`,
      models: models.map((model) => ({ model, price: { kind: 'fixed', perMTok: price } })),
      ground: 'own_endpoint',
    })
    if (status !== 201) throw new Error(`no listing: ${JSON.stringify(body)}`)
    await untilActive(
      (method, path) => call(gateway.origin + path, { method, token: gateway.operator.token }),
      body.id,
    )
    const uuid = parseId('lst-', body.id)
    const isOffered = () =>
      gateway.context.marketplace.offersFor(models[0] as string).some(({ listingId }) => listingId === uuid)
    await vi.waitUntil(isOffered, OFFERED)
    return body.id
  }
}

function buyersOf(gateway: TestGateway, usd: string): () => Promise<Buyer> {
  let uses = 0
  let buyer: Promise<Buyer> | undefined
  return () => {
    if (!buyer || uses === REQUESTS_PER_BUYER) {
      uses = 0
      buyer = gateway.buyer({ usd })
    }
    uses += 1
    return buyer
  }
}

function restOf(gateway: TestGateway, listing: string, model: string): Meeting['rest'] {
  const uuid = parseId('lst-', listing)
  return gateway.context.router
    .state(100_000)
    .resting.find(({ id }) => id === uuid || id === `${uuid}:${model}`)
}

const PUBLIC = '93.184.216.34'

/** Names that lead abroad, to a port of the fault upstream; some of them turn inside. */
function createNames() {
  const ports = new Map<string, string>()
  const flipping = new Set<string>()
  let flipped = false
  const dialReally = trusting()
  return {
    /** The origin under which `reached` is known abroad. */
    nameOf(reached: string, { flips = false }: Pick<Fault, 'flips'> = {}): string {
      const name = `host-${ports.size + 1}.example.com`
      ports.set(name, new URL(reached).port)
      if (flips) flipping.add(name)
      return `https://${name}`
    },
    flip() {
      flipped = true
    },
    outside: {
      ask: async (hostname) => ({
        addresses: [flipped && flipping.has(hostname) ? '127.0.0.1' : PUBLIC],
        ttlMs: 0,
      }),
      dial(addresses, options, callback) {
        const port = ports.get(options.hostname) as string
        const { servername: _named, ...rest } = options
        const detour = { ...rest, hostname: '127.0.0.1', host: '127.0.0.1', port }
        dialReally(['127.0.0.1'], detour, (...[error, socket]) => {
          if (error) {
            callback(error, null)
            return
          }
          // The gateway looks whether it came to where it went.
          Object.defineProperty(socket, 'remoteAddress', { value: addresses[0] })
          callback(null, socket)
        })
      },
    } satisfies Outside,
  }
}

/** Trusts the certificate that the fault upstream shows first, besides the usual ones. */
function trusting() {
  return createDial({ ca: certificates.known.cert })
}

function readLog(file: string): UpstreamLogLine[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as UpstreamLogLine)
}
