import { once } from 'node:events'
import { type AddressInfo, Socket } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import { afterEach, expect, test, vi } from 'vitest'
import { makeCertificate } from '../../test/support/certificate.ts'
import { isPublicAddress } from './address-guard.ts'
import { createConnector, createDial, type Dial } from './connect.ts'
import { AddressRefused, type AskDns, createResolver } from './resolve.ts'

const NAME = 'upstream.example.com'
const trusted = makeCertificate([NAME])
const closers: (() => unknown)[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of closers.splice(0)) await close()
})

/** A TLS server on the loopback that counts who got through the handshake and what was said. */
async function tlsServer(options: TlsOptions = trusted) {
  const heard = { handshakes: 0, bytes: 0 }
  const server = createServer(options, (socket) => {
    heard.handshakes += 1
    socket.on('error', () => undefined)
    socket.on('data', (data) => {
      heard.bytes += data.length
    })
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return { port: String((server.address() as AddressInfo).port), heard }
}

/** Connects as an exchange does; the loopback counts as public here, or nothing could be reached. */
function connect(
  port: string,
  {
    hostname = NAME,
    protocol = 'https:',
    ask = async () => ({ addresses: ['127.0.0.1'], ttlMs: 0 }),
    isPublic = (address: string) => address === '127.0.0.1',
    dial = createDial({ ca: trusted.cert }),
    more = {},
  }: {
    hostname?: string
    protocol?: string
    ask?: AskDns
    isPublic?: (address: string) => boolean
    dial?: Dial
    more?: object
  } = {},
): Promise<Error | 'connected'> {
  const resolve = createResolver({ allowPrivate: false, isPublic, ask })
  const connector = createConnector({ resolve, isPublic, allowPrivate: false, dial })
  return new Promise((told) => {
    connector({ hostname, host: hostname, protocol, port, ...more }, (error, socket) => {
      socket?.on('error', () => undefined).destroy()
      told(error ?? 'connected')
    })
  })
}

test('a server that shows a certificate for its name is reached', async () => {
  const { port } = await tlsServer()
  expect(await connect(port)).toBe('connected')
})

test.each([
  ['for another name', makeCertificate(['other.example.com']), true],
  ['that has run out', makeCertificate([NAME], { untilMs: Date.now() - 1_000 }), true],
  ['that nobody vouches for', makeCertificate([NAME]), false],
])(
  'a certificate %s ends the call, also where the environment says that it need not',
  async (_what, shown, known) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const { port, heard } = await tlsServer(shown)
    const dial = createDial({ ca: known ? shown.cert : trusted.cert })
    const refused = await connect(port, { dial })
    expect(refused).toBeInstanceOf(Error)
    expect(refused).not.toBeInstanceOf(AddressRefused)
    expect(heard.bytes).toBe(0)
  },
)

test('TLS older than 1.2 is not spoken', async () => {
  const old = await tlsServer({
    ...trusted,
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  expect(await connect(old.port)).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })
  const today = await tlsServer({ ...trusted, maxVersion: 'TLSv1.2' })
  expect(await connect(today.port)).toBe('connected')
})

test('a name for TLS that somebody chose is not taken instead of the one that was asked for', async () => {
  const { port } = await tlsServer(makeCertificate(['other.example.com']))
  expect(await connect(port, { more: { servername: 'other.example.com' } })).toBeInstanceOf(Error)
})

test('sockets of this machine and plain http are not for outsiders', async () => {
  const { port, heard } = await tlsServer()
  for (const refused of [
    await connect(port, { more: { socketPath: '/run/docker.sock' } }),
    await connect(port, { protocol: 'http:' }),
  ]) {
    expect(refused).toMatchObject({ reason: 'our_rules' })
  }
  expect(heard.handshakes).toBe(0)
})

test('a connection that led to another machine than was checked is closed before anything is said', async () => {
  const { port, heard } = await tlsServer()
  const elsewhere: Dial = (_addresses, options, callback) =>
    createDial({ ca: trusted.cert })(['127.0.0.1'], options, callback)
  const ask: AskDns = async () => ({ addresses: ['93.184.216.34'], ttlMs: 0 })
  // Once because the loopback is not public, once because it is not what was checked.
  for (const isPublic of [isPublicAddress, () => true])
    expect(await connect(port, { ask, isPublic, dial: elsewhere })).toMatchObject({ reason: 'blocked' })
  expect(heard.bytes).toBe(0)
})

test('a connection that is gone as soon as it is open is no attack', async () => {
  const gone: Dial = (_addresses, _options, callback) => callback(null, new Socket())
  const refused = await connect('443', { dial: gone })
  expect(refused).toBeInstanceOf(Error)
  expect(refused).not.toBeInstanceOf(AddressRefused)
})

test('a name is asked for once for each connection, and only what was answered then is dialled', async () => {
  const { port } = await tlsServer()
  const answers = [['127.0.0.1'], ['10.0.0.1'], ['10.0.0.1']]
  const dialled: string[] = []
  let asked = 0
  const ask: AskDns = async () => ({ addresses: answers[asked++] as string[], ttlMs: 0 })
  const dial: Dial = (addresses, options, callback) => {
    dialled.push(...addresses)
    createDial({ ca: trusted.cert })(addresses, options, callback)
  }
  expect(await connect(port, { ask, dial })).toBe('connected')
  expect(await connect(port, { ask, dial })).toMatchObject({ reason: 'blocked' })
  expect([asked, dialled]).toEqual([2, ['127.0.0.1']])
})
