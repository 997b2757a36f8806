import type { LookupFunction } from 'node:net'
import { buildConnector } from 'undici'
import { isPublicAddress } from './address-guard.ts'
import { AddressRefused, type ResolveHost } from './resolve.ts'

const CONNECT_TIMEOUT_MS = 3_000

/** Connects only to checked addresses, and looks at the peer again once connected. */
export function createConnector({
  resolve,
  allowPrivate,
}: {
  resolve: ResolveHost
  allowPrivate: boolean
}): buildConnector.connector {
  return function connect(options, callback) {
    if (options.protocol !== 'https:' && !allowPrivate) {
      callback(
        new AddressRefused(`${options.hostname} asks for ${options.protocol}, only https is allowed`, {
          ours: true,
        }),
        null,
      )
      return
    }
    resolve(options.hostname).then(
      (addresses) => connectTo(addresses, allowPrivate, options, callback),
      (error: Error) => callback(error, null),
    )
  }
}

function connectTo(
  addresses: readonly string[],
  allowPrivate: boolean,
  options: buildConnector.Options,
  callback: buildConnector.Callback,
): void {
  const connector = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    allowH2: false,
    autoSelectFamily: true,
    lookup: lookupOf(addresses),
  })
  connector(options, (...result) => {
    const [error, socket] = result
    if (error === null && !allowPrivate && !isPublicAddress(socket.remoteAddress ?? '')) {
      socket.destroy()
      callback(new AddressRefused(`${options.hostname} led to ${socket.remoteAddress}`, { ours: true }), null)
      return
    }
    socket?.setNoDelay(true)
    if (error) callback(error, null)
    else callback(null, socket)
  })
}

/** Node asks this instead of DNS: the checked addresses and nothing else. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  return (_hostname, options, callback) => {
    const first = all[0] as { address: string; family: number }
    if (options.all) callback(null, all)
    else callback(null, first.address, first.family)
  }
}
