import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

// Public by every registry and still not the internet: Azure's wire server, and a discard-only block.
const DENIED = [ipaddr.parseCIDR('168.63.129.16/32'), ipaddr.parseCIDR('100:0:0:1::/64')]

/** True for an address on the public internet; false for loopback, private, link-local, mapped and reserved ones. */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return !DENIED.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match(network, bits))
}
