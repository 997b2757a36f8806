import { isIP } from 'node:net'
import os from 'node:os'
import ipaddr from 'ipaddr.js'

// Public by every registry and still not the internet: Azure's wire server.
const DENIED = [ipaddr.parseCIDR('168.63.129.16/32')]
// All that has been given out of IPv6; the rest of it leads nowhere that is known.
const GLOBAL_IPV6 = ipaddr.parseCIDR('2000::/3')

/** True for an address on the public internet; false for loopback, private, link-local, mapped and reserved ones. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  if (parsed.kind() === 'ipv6' && !parsed.match(...GLOBAL_IPV6)) return false
  return !DENIED.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits))
}

/**
 * True for a public address that is not this machine's own: called from inside, its ports stand open that a firewall
 * closes to everybody outside.
 */
export function isOutsideAddress(address: string): boolean {
  if (!isPublicAddress(address)) return false
  const own = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return !own.some((each) => isSameAddress(each.address, address))
}

/** Whether two spellings mean the same address: `::ffff:1.2.3.4` is `1.2.3.4`. */
export function isSameAddress(one: string, other: string): boolean {
  if (isIP(one) === 0 || isIP(other) === 0) return false
  return ipaddr.process(one).toNormalizedString() === ipaddr.process(other).toNormalizedString()
}
