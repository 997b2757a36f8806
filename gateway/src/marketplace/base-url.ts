/**
 * Where a listing may point. This is the check at the door, on the parsed URL; `egress/` checks every address again
 * when it connects, because a name can mean another machine by then.
 */
import { isIP } from 'node:net'
import { isPublicAddress } from '../egress/address-guard.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ProviderConfig } from '../providers/provider.ts'

const MAX_URL_CHARACTERS = 512
const MAX_HOST_CHARACTERS = 253
const PATH = /^\/[A-Za-z0-9._~/-]{0,128}$/
// Labels of letters, digits and hyphens, two at least; the last is no number, which would make it an address.
const DNS_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
// What a URL parser drops or turns into something else; nobody means it.
const UNMEANT = /[\p{Cc}\s\\@]/u
const PRIVATE_NAME = /^[a-z0-9_-]+$|\.(localhost|local|lan|internal|home\.arpa)$/

export interface Freedom {
  provider: ProviderConfig
  anyHost: boolean
  custom?: 'port_443' | 'any_port' | undefined
}

/**
 * `text` as the base URL of a listing for `provider`, without a slash at the end; the provider's own when absent.
 * `anyHost` lifts the provider's list of hosts and allows plain http in one's own network (ALLOW_PRIVATE_UPSTREAMS, for
 * operators). `custom` lifts it for hosts of the public internet (ALLOW_CUSTOM_ENDPOINTS), on port 443 or any. Throws
 * `invalid_value`.
 */
export function checkBaseUrl(text: string | undefined, { provider, anyHost, custom }: Freedom): string {
  if (text === undefined) return withoutSlash(provider.baseUrl)
  if (text.length > MAX_URL_CHARACTERS || !URL.canParse(text)) refuse('is not a URL')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '')
    refuse('must not contain a user name or password; send the key as key')
  if (UNMEANT.test(text)) refuse('must not contain spaces, control characters, backslashes or @')
  if (text.includes('?') || text.includes('#')) refuse('must not contain a query or fragment')
  if (!PATH.test(url.pathname) || url.pathname.includes('//')) {
    refuse('has a path that is too long or has characters other than letters, digits and ._~-')
  }
  // The provider's own origin is the operator's word in config/providers.json, scheme and port included.
  if (url.origin !== new URL(provider.baseUrl).origin) checkOrigin(url, { provider, anyHost, custom })
  return withoutSlash(url.origin + url.pathname)
}

/** True when `baseUrl` leads to the provider itself, so that what is answered there is the provider's word. */
export function isHostOf(provider: ProviderConfig, baseUrl: string): boolean {
  const url = new URL(baseUrl)
  if (url.origin === new URL(provider.baseUrl).origin) return true
  return url.protocol === 'https:' && provider.allowedHosts.some((allowed) => matches(url.host, allowed))
}

function checkOrigin(url: URL, { provider, anyHost, custom }: Freedom): void {
  if (url.hostname.length > MAX_HOST_CHARACTERS) refuse('has a host name that is too long')
  if (url.hostname.endsWith('.')) refuse('has a host that ends with a dot')
  if (url.protocol !== 'https:' && !(anyHost && url.protocol === 'http:' && isPrivate(url.hostname))) {
    refuse(
      anyHost
        ? 'must begin with https://, or http:// for a host of your own network'
        : 'must begin with https://',
    )
  }
  if (anyHost) return
  // `host` has the port unless it is 443, so a port of one's own passes only where the list names it.
  if (provider.allowedHosts.some((allowed) => matches(url.host, allowed))) return
  if (custom) checkPublicHost(url, custom)
  else refuse(`must be on a host of ${provider.name}: ${provider.allowedHosts.join(', ')}`)
}

/** A name that can be in the public DNS. Where it leads is looked at each time it is called. */
function checkPublicHost({ hostname, port }: URL, custom: 'port_443' | 'any_port'): void {
  if (!DNS_NAME.test(hostname) || PRIVATE_NAME.test(hostname)) {
    refuse('must have a host name of the public internet, such as llm.example.com; addresses are not taken')
  }
  if (port !== '' && custom === 'port_443') refuse('must be on port 443; ask an operator for another one')
}

/** A machine here or in one's own network: a key sent to it in the clear does not cross the internet. */
function isPrivate(hostname: string): boolean {
  const address = hostname.replace(/^\[|\]$/g, '')
  return isIP(address) === 0 ? PRIVATE_NAME.test(hostname) : !isPublicAddress(address)
}

/** `*.example.com` stands for any host below it. */
function matches(host: string, allowed: string): boolean {
  return allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '')
}

function refuse(why: string): never {
  throw new GatewayError('invalid_value', `baseUrl ${why}.`, { param: 'baseUrl' })
}
