import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A gateway's `/api` in memory, as far as the console needs it: sessions, keys, users, credits, listings. */
export interface StandInGateway {
  origin: string
  email: string
  password: string
  /** Answers the next call of `method path` with an error, once. */
  failNext(call: string, fault: Fault): void
  /** Every body that was sent, newest last, as `{ call, body, headers }`. */
  received: Received[]
  /** Ends every session, as an operator would. */
  endSessions(): void
  state: State
  close(): Promise<void>
}

interface Fault {
  status: number
  message: string
  code: string
  requestId: string
}

interface Received {
  call: string
  body: Record<string, unknown>
  headers: IncomingMessage['headers']
}

type Row = Record<string, unknown> & { id: string }

export interface State {
  balanceNanos: bigint
  heldNanos: bigint
  keys: Row[]
  users: Row[]
  listings: Row[]
  statement: Row[]
  models: Row[]
}

interface Call {
  path: string
  body: Record<string, unknown>
  headers: IncomingMessage['headers']
}

type Reply = { status: number; json?: unknown; cookie?: string }
type Route = (call: Call) => Reply

const email = 'operator@example.com'
const password = 'correct-horse-battery'

export async function startStandInGateway(state: State): Promise<StandInGateway> {
  const faults = new Map<string, Fault>()
  const received: Received[] = []
  const sessions = new Set<string>()
  const routes = routesOf(state, sessions)
  let requests = 0

  const server = createServer((request, response) => {
    void answer(request, response)
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1
    const path = new URL(request.url ?? '/', 'http://stand-in').pathname
    const name = `${request.method} ${path}`
    const body = await readBody(request)
    if (request.method !== 'GET') received.push({ call: name, body, headers: request.headers })
    const fault = faults.get(name)
    faults.delete(name)
    const requestId = fault?.requestId ?? `gen-${String(requests).padStart(6, '0')}`
    response.setHeader('x-request-id', requestId)
    const reply = fault
      ? refusal(fault.status, fault.code, fault.message)
      : routes(name, { path, body, headers: request.headers })
    if (reply.cookie !== undefined) response.setHeader('set-cookie', reply.cookie)
    response.writeHead(reply.status, { 'content-type': 'application/json' })
    response.end(reply.json === undefined ? '' : JSON.stringify(reply.json))
  }

  await listen(server)
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    email,
    password,
    failNext: (call, fault) => faults.set(call, fault),
    received,
    endSessions: () => sessions.clear(),
    state,
    close: () => new Promise((done) => server.close(() => done())),
  }
}

function routesOf(state: State, sessions: Set<string>): (name: string, call: Call) => Reply {
  const open: Record<string, Route> = {
    'POST /api/login': ({ body }) => {
      if (body.email !== email || body.password !== password) {
        return refusal(401, 'invalid_credentials', 'Email or password is wrong.')
      }
      const session = `session-${sessions.size + 1}`
      sessions.add(session)
      return { ...granted(session), cookie: `bourse_session=${session}; Path=/; HttpOnly; SameSite=Lax` }
    },
    'POST /api/token': ({ headers }) => {
      const session = /bourse_session=([\w-]+)/.exec(headers.cookie ?? '')?.[1]
      const isOurs = headers.origin !== undefined && new URL(headers.origin).host === headers.host
      if (!isOurs) return refusal(403, 'forbidden', 'Only a page of this gateway itself may call this.')
      return session && sessions.has(session)
        ? granted(session)
        : refusal(401, 'not_signed_in', 'Sign in again.')
    },
  }
  const guarded = guardedRoutes(state)
  return (name, call) => {
    const route = open[name]
    if (route) return route(call)
    const session = call.headers.authorization?.replace('Bearer token-of-', '') ?? ''
    if (!sessions.has(session)) return refusal(401, 'not_signed_in', 'Sign in again.')
    if (name === 'POST /api/logout') {
      sessions.delete(session)
      return { status: 204 }
    }
    const pattern = name.replace(/(?<=\/(?:keys|users|listings)\/)[^/]+/, ':id')
    return guarded[pattern]?.(call) ?? refusal(404, 'unknown_route', `No route ${name}.`)
  }
}

function guardedRoutes(state: State): Record<string, Route> {
  const credits = new Map<string, Reply>()
  const idOf = (path: string): string => path.split('/')[path.includes('/marketplace/') ? 4 : 3] ?? ''
  const page = (data: Row[]): Reply => ({ status: 200, json: { data, hasMore: false, nextCursor: null } })
  return {
    'GET /api/balance': () => ({ status: 200, json: balanceOf(state) }),
    'GET /api/statements': () => page(state.statement),
    'GET /api/models': () => ({ status: 200, json: { data: state.models } }),
    'GET /api/keys': () => page(state.keys),
    'POST /api/keys': ({ body }) => {
      const id = `key-${state.keys.length + 1}`
      const createdAt = new Date().toISOString()
      state.keys.unshift({ ...body, id, label: 'sk-brs-0123456789ab…x7Qz', scopes: ['inference'], createdAt })
      return {
        status: 201,
        json: { id, key: `sk-brs-${'0123456789ab'}${id}x7Qz`, name: body.name, createdAt },
      }
    },
    'DELETE /api/keys/:id': ({ path }) => {
      const key = state.keys.find((row) => row.id === idOf(path))
      if (!key) return refusal(404, 'not_found', 'No such key.')
      key.revokedAt = new Date().toISOString()
      return { status: 204 }
    },
    'GET /api/users': () => page(state.users),
    'POST /api/users': ({ body }) => {
      const user = {
        id: `usr-${state.users.length + 1}`,
        roles: [],
        createdAt: new Date().toISOString(),
        ...body,
      }
      state.users.unshift(user)
      return {
        status: 201,
        json: { ...user, password: body.password === undefined ? 'made-by-the-gateway' : undefined },
      }
    },
    'POST /api/users/:id/credits': ({ body, headers }) => {
      const key = String(headers['idempotency-key'])
      const known = credits.get(key)
      if (known) return known
      state.balanceNanos += BigInt(String(body.amountNanos))
      const reply: Reply = { status: 201, json: balanceOf(state) }
      credits.set(key, reply)
      return reply
    },
    'GET /api/marketplace/listings': () => {
      // What was seen verifying is verified by the next look.
      const listings = page(state.listings.map((listing) => ({ ...listing })))
      for (const listing of state.listings) if (listing.state === 'verifying') listing.state = 'active'
      return listings
    },
    'POST /api/marketplace/listings': ({ body: { key: _sealed, ...listing } }) => {
      const id = `lst-${state.listings.length + 1}`
      state.listings.unshift({
        ...listing,
        id,
        state: 'verifying',
        verification: { step: 'listing_models', message: null },
      })
      return { status: 201, json: { id, state: 'verifying' } }
    },
    'PUT /api/marketplace/listings/:id': ({ path, body }) => {
      const listing = state.listings.find((row) => row.id === idOf(path))
      Object.assign(listing ?? {}, body)
      return { status: 200, json: listing }
    },
    'DELETE /api/marketplace/listings/:id': ({ path }) => {
      state.listings = state.listings.filter((row) => row.id !== idOf(path))
      return { status: 204 }
    },
  }
}

function balanceOf({ balanceNanos, heldNanos }: State): Record<string, string> {
  return {
    balanceNanos: balanceNanos.toString(),
    availableNanos: (balanceNanos - heldNanos).toString(),
    heldNanos: heldNanos.toString(),
    currency: 'USD',
  }
}

function granted(session: string): Reply {
  const user = { id: 'usr-0', name: 'Olive Park', email, roles: ['owner', 'buyer', 'operator'], mode: 'play' }
  return { status: 200, json: { token: `token-of-${session}`, tokenType: 'Bearer', expiresInS: 900, user } }
}

function refusal(status: number, code: string, message: string): Reply {
  return { status, json: { error: { message, type: 'error', param: null, code, retryable: status >= 500 } } }
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

function listen(server: Server): Promise<void> {
  return new Promise((done) => server.listen(0, '127.0.0.1', done))
}
