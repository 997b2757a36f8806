import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import { isPublicAddress } from './address-guard.ts'

/** A host that must not be reached, or whose name does not resolve. `ours` tells a block by our own rules from a DNS fault. */
export class AddressRefused extends Error {
  readonly ours: boolean

  constructor(message: string, { ours }: { ours: boolean }) {
    super(message)
    this.name = 'AddressRefused'
    this.ours = ours
  }
}

export type ResolveHost = (hostname: string) => Promise<readonly string[]>

const MAX_ADDRESSES = 8
const CACHE_MS = 60_000
const CACHED_HOSTS = 1_000

/**
 * Resolves a host to addresses that may be connected to. One bad address refuses the lot: a name that answers
 * public and private at once is an attack or a mistake. Literals are checked too, undici never asks for them.
 */
export function createResolver({
  allowPrivate,
  resolve = resolveByDns,
}: {
  allowPrivate: boolean
  resolve?: ResolveHost | undefined
}): ResolveHost {
  const cache = new LRUCache<string, readonly string[]>({ max: CACHED_HOSTS, ttl: CACHE_MS })
  return async function resolveChecked(hostname) {
    const host = hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0) return [checked(host, host, allowPrivate)]
    const known = cache.get(host)
    if (known) return known
    const addresses = allowPrivate ? await resolveBySystem(host) : await resolve(host)
    if (addresses.length === 0) throw new AddressRefused(`${host} has no address`, { ours: false })
    const usable = addresses.slice(0, MAX_ADDRESSES).map((address) => checked(host, address, allowPrivate))
    cache.set(host, usable)
    return usable
  }
}

function checked(host: string, address: string, allowPrivate: boolean): string {
  if (!allowPrivate && !isPublicAddress(address)) {
    throw new AddressRefused(
      `${host} resolves to ${address}, which is not on the public internet; set ALLOW_PRIVATE_UPSTREAMS=true to allow it`,
      { ours: true },
    )
  }
  return address
}

const resolver = () => new dns.Resolver({ timeout: 2_000, tries: 2 })

async function resolveByDns(host: string): Promise<readonly string[]> {
  const asker = resolver()
  const [v4, v6] = await Promise.allSettled([asker.resolve4(host), asker.resolve6(host)])
  const addresses = [
    ...(v4.status === 'fulfilled' ? v4.value : []),
    ...(v6.status === 'fulfilled' ? v6.value : []),
  ]
  if (addresses.length === 0 && v4.status === 'rejected') {
    throw new AddressRefused(`${host} does not resolve (${codeOf(v4.reason)})`, { ours: false })
  }
  return addresses
}

/** With private upstreams allowed, names such as `localhost` come from the hosts file. */
async function resolveBySystem(host: string): Promise<readonly string[]> {
  try {
    return (await dns.lookup(host, { all: true })).map(({ address }) => address)
  } catch (error) {
    throw new AddressRefused(`${host} does not resolve (${codeOf(error)})`, { ours: false })
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown'
}
