/** A client of a gateway that runs as a process of its own: only what anyone can do over HTTP. */
import { randomUUID } from 'node:crypto'
import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { parseScaled } from '../../src/platform/money.ts'
import type { GatewayProcess } from './process.ts'

// Two calls to an upstream on the loopback; a busy machine gets its time.
const VERIFIED_MS = 30_000

export interface Answer {
  status: number
  headers: Headers
  text: string
  // biome-ignore lint/suspicious/noExplicitAny: stories look into many shapes of JSON
  json: any
}

/** One request over a connection of its own. */
export async function call(
  url: string,
  {
    method = 'GET',
    token,
    body,
    headers = {},
  }: { method?: string; token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    redirect: 'manual',
    headers: {
      connection: 'close',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: tryJson(text) }
}

export interface ChatRequest {
  model: string
  content?: string
  stream?: boolean
  maxTokens?: number
}

const chatBody = ({ model, content = 'Hello', stream = false, maxTokens = 50 }: ChatRequest) => ({
  model,
  messages: [{ role: 'user', content }],
  max_tokens: maxTokens,
  ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
})

export function chat(
  { origin }: Pick<GatewayProcess, 'origin'>,
  key: string,
  ask: ChatRequest,
): Promise<Answer> {
  return call(`${origin}/v1/chat/completions`, { method: 'POST', token: key, body: chatBody(ask) })
}

export interface OpenAnswer {
  /** Resolves with the status line, rejects when none comes. */
  opened: Promise<{ status: number; headers: IncomingHttpHeaders }>
  /** The bytes of the body that have arrived. */
  text(): string
  /** Resolves when the text satisfies this; rejects when the answer ends before. */
  until(enough: (text: string) => boolean): Promise<void>
  /** True when the answer was complete, false when the connection broke. */
  ended: Promise<boolean>
  leave(): void
}

/** Asks and reads the answer as it comes. */
export function openChat(
  { origin }: Pick<GatewayProcess, 'origin'>,
  key: string,
  ask: ChatRequest,
): OpenAnswer {
  let text = ''
  const watchers = new Set<() => void>()
  const outgoing = request(`${origin}/v1/chat/completions`, {
    method: 'POST',
    agent: new Agent({ keepAlive: false }),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  })
  let isOver = false
  const ended = new Promise<boolean>((resolve) => {
    const over = (complete: boolean) => {
      isOver = true
      resolve(complete)
      for (const watch of watchers) watch()
    }
    outgoing.on('error', () => over(false))
    outgoing.on('response', (response) => {
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        for (const watch of watchers) watch()
      })
      response.on('error', () => over(false))
      response.on('close', () => over(response.complete))
    })
  })
  const opened = new Promise<{ status: number; headers: IncomingHttpHeaders }>((resolve, reject) => {
    outgoing.on('response', ({ statusCode = 0, headers }) => resolve({ status: statusCode, headers }))
    outgoing.on('error', reject)
  })
  opened.catch(() => undefined)
  outgoing.end(JSON.stringify(chatBody(ask)))
  return {
    opened,
    text: () => text,
    until: (enough) =>
      new Promise((resolve, reject) => {
        const watch = () => {
          if (enough(text)) resolve()
          else if (isOver) reject(new Error(`the answer ended with: ${text.slice(-500)}`))
          else return
          watchers.delete(watch)
        }
        watchers.add(watch)
        watch()
      }),
    ended,
    leave: () => void outgoing.destroy(),
  }
}

/** What an answer says that it cost, in nano-dollars, read from its bytes; undefined when it does not say. */
export function toldNanos(text: string): bigint | undefined {
  const usd = /"cost":([\d.]+)/.exec(text)?.[1]
  return usd === undefined ? undefined : parseScaled(usd, 9)
}

export interface Operator {
  token: string
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /** A buyer with play money and a key; answers the key and whose it is. */
  buyer(options?: {
    usd?: number
    key?: Record<string, unknown>
  }): Promise<{ key: string; organisationId: string }>
  /** A listing of the platform's own; answers its id. */
  listing(listing: { model: string; baseUrl: string; key?: string; name?: string }): Promise<string>
}

/** Signs the operator in with what the summary says. */
export async function signIn(
  { origin, summary }: Pick<GatewayProcess, 'origin' | 'summary'>,
  password = summary.password,
): Promise<Operator> {
  const login = await call(`${origin}/api/login`, {
    method: 'POST',
    body: { email: summary.email, password },
  })
  if (login.status !== 200) throw new Error(`the operator cannot sign in: ${login.status} ${login.text}`)
  const token = String(login.json.token)
  const api: Operator['api'] = (method, path, body, headers) =>
    call(origin + path, { method, token, body, ...(headers ? { headers } : {}) })
  let listings = 0
  const created = async (path: string, body: unknown, headers?: Record<string, string>) => {
    const answer = await api('POST', path, body, headers)
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${answer.text}`)
    return answer.json
  }
  let people = 0
  return {
    token,
    api,
    async buyer({ usd = 10, key = {} } = {}) {
      people += 1
      const name = `buyer-${people}-${Date.now().toString(36)}`
      const user = await created('/api/users', { email: `${name}@example.test`, name, roles: ['buyer'] })
      const credit = { amountNanos: String(BigInt(Math.round(usd * 1e6)) * 1_000n), reason: 'a story' }
      await created(`/api/users/${user.id}/credits`, credit, { 'idempotency-key': name })
      const minted = await created(`/api/keys?organisation=${user.organisationId}`, { name, ...key })
      return { key: minted.key, organisationId: user.organisationId }
    },
    async listing({ model, baseUrl, key, name = `story ${model}` }) {
      listings += 1
      const listing = await created('/api/marketplace/listings', {
        provider: 'openai',
        name,
        baseUrl,
        // One key, one listing: also of another sign-in's.
        key: key ?? `sk-upstream-of-a-story-${listings}-${randomUUID()}`,
        models: [{ model, price: { kind: 'multiplier', ppm: 1_000_000 } }],
        ground: 'own_endpoint',
      })
      await untilActive(api, listing.id)
      return listing.id
    },
  }
}

/** A listing is answered at once and goes on the market when its key was seen to work. */
export async function untilActive(api: Operator['api'], listingId: string): Promise<void> {
  const deadlineMs = performance.now() + VERIFIED_MS
  while (true) {
    const { json, text } = await api('GET', `/api/marketplace/listings/${listingId}`)
    if (json.state === 'active') return
    if (json.state !== 'verifying' || performance.now() > deadlineMs)
      throw new Error(`the listing is not on the market: ${text}`)
    await delay(10)
  }
}

const RESTS_WITHIN_LOOKS = 500
const REST_LOOK_MS = 20

/** What a key's owner has, in nano-dollars. */
export async function balanceOf(
  { origin }: Pick<GatewayProcess, 'origin'>,
  key: string,
): Promise<{ balanceNanos: bigint; availableNanos: bigint; heldNanos: bigint }> {
  const { status, text, json } = await call(`${origin}/api/balance`, { token: key })
  if (status !== 200) throw new Error(`the balance cannot be read: ${status} ${text}`)
  return {
    balanceNanos: BigInt(json.balanceNanos),
    availableNanos: BigInt(json.availableNanos),
    heldNanos: BigInt(json.heldNanos),
  }
}

/** The same when everything that was answered is booked: an answer is told when its bill is in the spool. */
export async function restingBalanceOf(
  gateway: Pick<GatewayProcess, 'origin'>,
  key: string,
): ReturnType<typeof balanceOf> {
  for (let look = 1; ; look += 1) {
    const balance = await balanceOf(gateway, key)
    if (balance.heldNanos === 0n || look > RESTS_WITHIN_LOOKS) return balance
    await delay(REST_LOOK_MS)
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
