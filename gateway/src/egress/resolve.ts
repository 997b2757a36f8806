import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'

/**
 * A host that is not called. `blocked`: its name leads where it must not; `our_rules`: we were told not to call such
 * hosts; `unresolved`: its name leads nowhere.
 */
export class AddressRefused extends Error {
  readonly reason: 'blocked' | 'our_rules' | 'unresolved'

  constructor(reason: AddressRefused['reason'], message: string) {
    super(message)
    this.name = 'AddressRefused'
    this.reason = reason
  }
}

export interface DnsAnswer {
  addresses: readonly string[]
  /** How long the answer may be kept. */
  ttlMs: number
}

/** Asks for the addresses of a name; throws `AddressRefused`, or anything. */
export type AskDns = (hostname: string) => Promise<DnsAnswer>
/** The addresses a host may be connected to. */
export type ResolveHost = (hostname: string) => Promise<readonly string[]>

const DNS_TRY_MS = 2_000
const DNS_TRIES = 2
// The resolver doubles its patience at the second try, and asks every server of the machine.
const DNS_MS = 5_000
const MAX_ADDRESSES = 8
const CACHE_MS = 60_000
const CACHED_HOSTS = 1_000

/**
 * Resolves a host to addresses that may be connected to. One bad address refuses the lot: a name that answers
 * public and private at once is an attack or a mistake. Literals are checked too, undici never asks for them.
 */
export function createResolver({
  allowPrivate,
  isPublic,
  ask = allowPrivate ? askSystem : askDns,
}: {
  allowPrivate: boolean
  isPublic: (address: string) => boolean
  ask?: AskDns | undefined
}): ResolveHost {
  const cache = new LRUCache<string, readonly string[]>({
    max: CACHED_HOSTS,
    ttl: CACHE_MS,
    ttlResolution: 0,
  })
  const asking = new Map<string, Promise<readonly string[]>>()

  async function askFor(host: string): Promise<readonly string[]> {
    const { addresses, ttlMs } = await inTime(host, ask(host))
    if (addresses.length === 0) throw new AddressRefused('unresolved', `${host} has no address`)
    const bad = allowPrivate ? undefined : addresses.find((address) => !isPublic(address))
    if (bad !== undefined) {
      throw new AddressRefused('blocked', `${host} resolves to ${bad}, which is not on the public internet`)
    }
    const usable = addresses.slice(0, MAX_ADDRESSES)
    // A time of nought would mean for ever to the cache.
    if (ttlMs > 0) cache.set(host, usable, { ttl: Math.min(ttlMs, CACHE_MS) })
    return usable
  }

  return async function resolveChecked(hostname) {
    const host = hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0) {
      if (allowPrivate || isPublic(host)) return [host]
      throw new AddressRefused(
        'our_rules',
        `${host} is not on the public internet; set ALLOW_PRIVATE_UPSTREAMS=true to allow it`,
      )
    }
    const known = cache.get(host)
    if (known) return known
    const running = asking.get(host) ?? askFor(host).finally(() => asking.delete(host))
    asking.set(host, running)
    return running
  }
}

function inTime(host: string, asked: Promise<DnsAnswer>): Promise<DnsAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new AddressRefused('unresolved', `${host} was not resolved in ${DNS_MS} ms`))
    }, DNS_MS)
    asked.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** By our own resolver, which knows no hosts file and no search domains. */
async function askDns(host: string): Promise<DnsAnswer> {
  const resolver = new dns.Resolver({ timeout: DNS_TRY_MS, tries: DNS_TRIES })
  const [v4, v6] = await Promise.allSettled([
    resolver.resolve4(host, { ttl: true }),
    resolver.resolve6(host, { ttl: true }),
  ])
  const records = [
    ...(v4.status === 'fulfilled' ? v4.value : []),
    ...(v6.status === 'fulfilled' ? v6.value : []),
  ]
  if (records.length === 0 && v4.status === 'rejected') throw unresolved(host, v4.reason)
  return {
    addresses: records.map(({ address }) => address),
    ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1_000,
  }
}

/** With private upstreams allowed, names such as `localhost` come from the hosts file. */
async function askSystem(host: string): Promise<DnsAnswer> {
  try {
    const records = await dns.lookup(host, { all: true })
    return { addresses: records.map(({ address }) => address), ttlMs: CACHE_MS }
  } catch (error) {
    throw unresolved(host, error)
  }
}

function unresolved(host: string, error: unknown): AddressRefused {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown'
  return new AddressRefused('unresolved', `${host} does not resolve (${code})`)
}
