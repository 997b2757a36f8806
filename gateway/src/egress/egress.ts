/**
 * The only door out. Opens the sealed credential, checks where a name leads, bounds time and size, and reports
 * every failure as a class that routing can act on. Bytes are handed over as they come; nothing is followed or decoded.
 */

import type { Dispatcher } from 'undici'
import { Pool } from 'undici'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Sealer } from '../platform/secrets.ts'
import { createConnector } from './connect.ts'
import { Exchange, type ExchangeHandler, type ExchangeLimits } from './exchange.ts'
import { createResolver, type ResolveHost } from './resolve.ts'

// Connections to one origin; listings bound their own concurrency far below this.
const MAX_CONNECTIONS_PER_ORIGIN = 2_000
const MAX_RESPONSE_HEADER_BYTES = 16 * 1024
const KEEP_ALIVE_MS = 30_000

/** Where a call goes and with which credential. */
export interface EgressTarget {
  baseUrl: string
  auth: { header: string; prefix: string }
  sealedCredential: Uint8Array
  credentialAad: string
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
  close(): Promise<void>
}

interface EgressDeps {
  sealer: Sealer
  clock: Clock
  logger: Logger
  allowPrivate: boolean
  /** Exact origins of our own, such as the demo upstream, and where they really listen. */
  internalOrigins: ReadonlyMap<string, string>
  /** Replaces DNS in tests. */
  resolve?: ResolveHost
}

export function createEgress(deps: EgressDeps): Egress {
  const pools = new Map<string, Pool>()
  const opened = new WeakMap<Uint8Array, string>()
  const outside = createConnector({
    resolve: createResolver({ allowPrivate: deps.allowPrivate, resolve: deps.resolve }),
    allowPrivate: deps.allowPrivate,
  })

  function poolOf(origin: string): Pool {
    const known = pools.get(origin)
    if (known) return known
    const internal = deps.internalOrigins.get(origin)
    const pool = new Pool(internal ?? origin, {
      connections: MAX_CONNECTIONS_PER_ORIGIN,
      pipelining: 1,
      maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // The exchange has its own timers; undici's are coarse and cannot tell first byte from idle.
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(internal === undefined ? { connect: outside } : {}),
    })
    pools.set(origin, pool)
    return pool
  }

  function credentialOf(target: EgressTarget): string {
    const known = opened.get(target.sealedCredential)
    if (known !== undefined) return known
    const secret = deps.sealer.open(target.sealedCredential, target.credentialAad)
    opened.set(target.sealedCredential, secret)
    return secret
  }

  return {
    send(target, call, limits, handler) {
      const exchange = new Exchange(deps.clock, limits, handler)
      try {
        const base = splitBase(target.baseUrl)
        const request: Dispatcher.DispatchOptions = {
          method: call.method,
          path: base.prefix + call.path,
          headers: { ...call.headers, [target.auth.header]: target.auth.prefix + credentialOf(target) },
          body: call.body ?? null,
        }
        poolOf(base.origin).dispatch(request, exchange)
      } catch (error) {
        exchange.onResponseError(undefined, error instanceof Error ? error : new Error(String(error)))
      }
      return exchange
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()))
      pools.clear()
    },
  }
}

const bases = new Map<string, { origin: string; prefix: string }>()
const MAX_BASES = 10_000

/** Origin and path prefix of a base URL; remembered, since the same few are asked for all day. */
function splitBase(baseUrl: string): { origin: string; prefix: string } {
  const known = bases.get(baseUrl)
  if (known) return known
  const url = new URL(baseUrl)
  const base = { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') }
  if (bases.size >= MAX_BASES) bases.clear()
  bases.set(baseUrl, base)
  return base
}
