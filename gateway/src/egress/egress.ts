/**
 * The only door out. Opens the sealed credential, checks where a name leads, bounds time and size, and reports
 * every failure as a class that routing can act on. Bytes are handed over as they come; nothing is followed or decoded.
 */

import { LRUCache } from 'lru-cache'
import { Client, type Dispatcher, Pool } from 'undici'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Secret } from '../platform/secret.ts'
import type { Sealer } from '../platform/secrets.ts'
import { isOutsideAddress } from './address-guard.ts'
import { createConnector, createDial, createPlainConnector, type Dial } from './connect.ts'
import { createConnections } from './connections.ts'
import { createCredentials, type SealedCredential } from './credentials.ts'
import { Exchange, type ExchangeHandler, type ExchangeLimits } from './exchange.ts'
import { CallRefused, type Place, placeOf } from './place.ts'
import { type AskDns, createResolver } from './resolve.ts'

// Connections to one origin; listings bound their own concurrency far below this.
const MAX_CONNECTIONS_PER_ORIGIN = 2_000
// Origins with connections at a time: a market's providers are dozens, with sellers' own servers hundreds.
const MAX_ORIGINS = 1_000
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024
const KEEP_ALIVE_MS = 30_000

// Who we are, and that nothing is to be compressed: a small answer must not unfold into a large one.
const OUR_HEADERS = { 'accept-encoding': 'identity', 'user-agent': 'bourse' } as const

/** Where a call goes and with which credential. */
export interface EgressTarget extends SealedCredential {
  /** Its origin is the one that `credentialAad` ends with. */
  baseUrl: string
  auth: { header: string; prefix: string }
}

export interface EgressCall {
  method: 'POST' | 'GET'
  path: string
  headers: Readonly<Record<string, string>>
  body?: Buffer
}

export interface Egress {
  /** Starts a call; everything that follows goes to `handler`. Never throws. */
  send(target: EgressTarget, call: EgressCall, limits: ExchangeLimits, handler: ExchangeHandler): Exchange
  /** A GET of `path` at `origin` that carries no credential. Never throws. */
  get(origin: string, path: string, limits: ExchangeLimits, handler: ExchangeHandler): Exchange
  /** Forgets the opened credentials of all listings but those with these `credentialAad`s. */
  keepCredentials(aads: ReadonlySet<string>): void
  close(): Promise<void>
}

/** How the outside is found, told from the inside, and reached. Tests bring their own. */
export interface Outside {
  ask?: AskDns
  isPublic?: (address: string) => boolean
  dial?: Dial
}

interface EgressDeps {
  sealer: Sealer
  clock: Clock
  logger: Logger
  allowPrivate: boolean
  /** Exact origins of our own, such as the demo upstream, and where they really listen. */
  internalOrigins: ReadonlyMap<string, string>
  outside?: Outside | undefined
}

export function createEgress(deps: EgressDeps): Egress {
  const pools = createPools(deps)
  const credentials = createCredentials(deps)

  function dispatch(
    exchange: Exchange,
    place: Place,
    { method, path, body }: Omit<EgressCall, 'headers'>,
    headers: Record<string, string>,
  ): void {
    // With a host of its own a call would be for another name than the one that was checked.
    if ('host' in headers) throw new CallRefused('a call cannot choose its host')
    const request = { method, path: place.pathOf(path), headers, body: body ?? null }
    exchange.onStart = () => pools.connections.starting(exchange)
    exchange.redial = (error) => {
      exchange.redial = undefined
      if (!pools.connections.isStale(error)) return false
      attempt(exchange, () => pools.once(place.origin, request, exchange))
      return true
    }
    pools.of(place.origin).dispatch(request, exchange)
  }

  return {
    send(target, call, limits, handler) {
      const exchange = new Exchange(deps.clock, limits, handler)
      attempt(exchange, () => {
        const place = placeOf(target.baseUrl)
        if (!target.credentialAad.endsWith(place.binding)) {
          throw new CallRefused('this credential is bound to another origin')
        }
        const go = (secret: Secret) => {
          const { header, prefix } = target.auth
          const headers = { ...OUR_HEADERS, ...call.headers, [header]: prefix + secret.reveal() }
          dispatch(exchange, place, call, headers)
        }
        const known = credentials.known(target)
        if (known) go(known)
        else
          credentials.open(target).then(
            (secret) => attempt(exchange, () => go(secret)),
            (error) => exchange.onResponseError(undefined, error),
          )
      })
      return exchange
    },
    get(origin, path, limits, handler) {
      const exchange = new Exchange(deps.clock, limits, handler)
      attempt(exchange, () => dispatch(exchange, placeOf(origin), { method: 'GET', path }, OUR_HEADERS))
      return exchange
    },
    keepCredentials: credentials.keepOnly,
    close: pools.close,
  }
}

function attempt(exchange: Exchange, begin: () => void): void {
  if (exchange.isOver) return
  try {
    begin()
  } catch (error) {
    exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
  }
}

function createPools({ allowPrivate, internalOrigins, outside }: EgressDeps) {
  const { ask, isPublic = isOutsideAddress, dial = createDial() } = outside ?? {}
  const resolve = createResolver({ allowPrivate, isPublic, ask })
  const connections = createConnections()
  const connect = createConnector({ resolve, isPublic, allowPrivate, dial, onConnected: connections.watch })
  const connectInside = createPlainConnector(connections.watch)
  const retired = new Set<Dispatcher>()
  const pools = new LRUCache<string, Pool>({
    max: MAX_ORIGINS,
    dispose: retire,
  })

  /** What still runs over it runs to its end. */
  function retire(dispatcher: Dispatcher): void {
    retired.add(dispatcher)
    const gone = () => retired.delete(dispatcher)
    dispatcher.close().then(gone, gone)
  }

  function optionsFor(internal: string | undefined) {
    return {
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // A server may not ask for more than that.
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      // The exchange has its own timers; undici's are coarse and cannot tell first byte from idle.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: internal === undefined ? connect : connectInside,
    }
  }

  return {
    of(origin: string): Pool {
      const known = pools.get(origin)
      if (known) return known
      const internal = internalOrigins.get(origin)
      const pool = new Pool(internal ?? origin, {
        ...optionsFor(internal),
        connections: MAX_CONNECTIONS_PER_ORIGIN,
        pipelining: 1,
      })
      pools.set(origin, pool)
      return pool
    },
    connections,
    /** One call over a connection of its own. */
    once(origin: string, request: Dispatcher.DispatchOptions, exchange: Exchange): void {
      const internal = internalOrigins.get(origin)
      const client = new Client(internal ?? origin, { ...optionsFor(internal), pipelining: 0 })
      client.dispatch(request, exchange)
      retire(client)
    },
    async close(): Promise<void> {
      connections.close()
      await Promise.all([...pools.values(), ...retired].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}
