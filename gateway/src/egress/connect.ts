import { isIP, type LookupFunction, type Socket } from 'node:net'
import { buildConnector } from 'undici'
import { isSameAddress } from './address-guard.ts'
import { AddressRefused, type ResolveHost } from './resolve.ts'

const CONNECT_TIMEOUT_MS = 3_000

/** Opens a connection to one of `addresses`, which were checked, in the name of `options.hostname`. */
export type Dial = (
  addresses: readonly string[],
  options: buildConnector.Options,
  callback: buildConnector.Callback,
) => void

/** Connects only to checked addresses, and looks at the peer again once connected. */
export function createConnector({
  resolve,
  isPublic,
  allowPrivate,
  dial,
  onConnected = () => undefined,
}: {
  resolve: ResolveHost
  isPublic: (address: string) => boolean
  allowPrivate: boolean
  dial: Dial
  /** Told of each connection before it is used. */
  onConnected?: (socket: Socket) => void
}): buildConnector.connector {
  return function connect(options, callback) {
    const { hostname, protocol, port } = options
    if ('socketPath' in options && options.socketPath) {
      callback(new AddressRefused('our_rules', 'a socket of this machine is no upstream'), null)
      return
    }
    if (protocol !== 'https:' && !allowPrivate) {
      callback(
        new AddressRefused('our_rules', `${hostname} asks for ${protocol}, only https is allowed`),
        null,
      )
      return
    }
    // What else the options have (a bound address, a name of somebody's choice for TLS) is not passed on.
    const servername = isIP(hostname) === 0 ? hostname : undefined
    const clean = { hostname, host: hostname, protocol, port, ...(servername ? { servername } : {}) }
    resolve(hostname).then(
      (addresses) =>
        dial(addresses, clean, (...[error, socket]) => {
          if (error) {
            callback(error, null)
            return
          }
          const refused = allowPrivate ? undefined : badPeer(socket.remoteAddress, addresses, isPublic)
          if (refused) {
            socket.destroy()
            callback(refused, null)
            return
          }
          socket.setNoDelay(true)
          onConnected(socket)
          callback(null, socket)
        }),
      (error: Error) => callback(error, null),
    )
  }
}

function badPeer(
  peer: string | undefined,
  addresses: readonly string[],
  isPublic: (address: string) => boolean,
): Error | undefined {
  // A connection that has gone again has no peer, and is nobody's attack.
  if (peer === undefined) return new Error('the connection was closed as soon as it was open')
  if (isPublic(peer) && addresses.some((address) => isSameAddress(address, peer))) return undefined
  return new AddressRefused('blocked', `the connection led to ${peer}`)
}

/** Over TCP and, for https, TLS 1.2 or newer with the certificate checked, whatever the environment says. */
export function createDial({ ca }: { ca?: string } = {}): Dial {
  return function dial(addresses, options, callback) {
    const connector = buildConnector({
      timeout: CONNECT_TIMEOUT_MS,
      allowH2: false,
      autoSelectFamily: true,
      lookup: lookupOf(addresses),
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(ca === undefined ? {} : { ca }),
    })
    connector(options, callback)
  }
}

/** To an origin of our own. */
export function createPlainConnector(onConnected: (socket: Socket) => void): buildConnector.connector {
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS })
  return (options, callback) =>
    connect(options, (...[error, socket]) => {
      if (error) {
        callback(error, null)
        return
      }
      onConnected(socket)
      callback(null, socket)
    })
}

/** Node asks this instead of DNS: the checked addresses and nothing else. */
function lookupOf(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_hostname, options, callback) => {
    const first = all[0] as { address: string; family: number }
    if (options.all) callback(null, all)
    else callback(null, first.address, first.family)
  }
}
