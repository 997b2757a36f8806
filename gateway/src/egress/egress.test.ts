import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { createLocalKms } from '../platform/kms.ts'
import { createLogger } from '../platform/logger.ts'
import { createSealer, type Sealer } from '../platform/secrets.ts'
import { createEgress, type Egress, type EgressTarget, type Outside } from './egress.ts'
import { Exchange, type ExchangeFailure, type ExchangeHandler } from './exchange.ts'

const sealer = createSealer(createLocalKms({ current: Buffer.alloc(32, 7) }))
const open: (() => Promise<void>)[] = []

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const close of open.splice(0)) await close()
})

/** A raw TCP upstream that does with each connection what the story needs. */
async function upstream(
  onConnection: (socket: Socket) => void,
): Promise<{ origin: string; connections: () => number }> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
  }
}

function egressWith(options: {
  allowPrivate?: boolean
  outside?: Outside
  internal?: [string, string][]
  sealer?: Sealer
}): Egress {
  const egress = createEgress({
    sealer: options.sealer ?? sealer,
    clock: systemClock,
    logger: createLogger({ level: 'silent' }),
    allowPrivate: options.allowPrivate ?? false,
    internalOrigins: new Map(options.internal ?? []),
    outside: options.outside,
  })
  open.push(() => egress.close())
  return egress
}

/** A resolver that answers each name with these, and is asked again each time. */
const answering = (...addresses: string[]): Outside => ({ ask: async () => ({ addresses, ttlMs: 0 }) })

async function targetAt(baseUrl: string, key = 'sk-upstream'): Promise<EgressTarget> {
  const credentialAad = `v1|listing:l|seller:s|origin:${new URL(baseUrl).origin}`
  return {
    baseUrl,
    auth: { header: 'authorization', prefix: 'Bearer ' },
    sealedCredential: await sealer.seal(key, credentialAad),
    credentialAad,
  }
}

const limits = { firstByteMs: 2_000, idleMs: 2_000, totalMs: 5_000, maxBytes: 1_000_000 }
const deaf: ExchangeHandler = {
  onHeaders: () => undefined,
  onData: () => undefined,
  onEnd: () => undefined,
  onFailure: () => undefined,
}

interface Heard {
  status?: number
  body: string
  failure?: ExchangeFailure
}

async function call(
  egress: Egress,
  baseUrl: string,
  bounds: Partial<{ firstByteMs: number; idleMs: number; maxBytes: number; totalMs: number }> = {},
  given?: EgressTarget,
): Promise<Heard> {
  const target = given ?? (await targetAt(baseUrl))
  return new Promise((resolve) => {
    const heard: Heard = { body: '' }
    egress.send(
      target,
      {
        method: 'POST',
        path: '/chat',
        headers: { 'content-type': 'application/json' },
        body: Buffer.from('{}'),
      },
      { ...limits, ...bounds },
      {
        onHeaders: (status) => {
          heard.status = status
        },
        onData: (chunk) => {
          heard.body += chunk.toString()
        },
        onEnd: () => resolve(heard),
        onFailure: (failure) => resolve({ ...heard, failure }),
      },
    )
  })
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'

test('a call arrives with the opened credential at the path under the base URL', async () => {
  let seen = ''
  const { origin } = await upstream((socket) =>
    socket.on('data', (data) => {
      seen += data.toString()
      socket.end(ok)
    }),
  )
  const heard = await call(egressWith({ allowPrivate: true }), `${origin}/v1/`)
  expect(heard).toMatchObject({ status: 200, body: '{}' })
  expect(seen).toMatch(/^POST \/v1\/chat HTTP\/1\.1/)
  expect(seen).toContain('authorization: Bearer sk-upstream')
})

test('loopback is refused by default, by literal, by name and behind a name that turns, and nobody connects', async () => {
  const decoy = await upstream((socket) => socket.end(ok))
  const port = new URL(decoy.origin).port
  const answers = [['93.184.216.34', '127.0.0.1'], ['::ffff:127.0.0.1'], ['127.0.0.1']]
  for (const addresses of answers) {
    const egress = egressWith({ outside: answering(...addresses) })
    const heard = await call(egress, `https://upstream.example:${port}`)
    // Somebody's name leads into our network: that is not our fault, and the listing must not be called again.
    expect(heard.failure).toMatchObject({ class: 'network', blocked: true })
  }
  for (const host of ['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
    const heard = await call(egressWith({}), `https://${host}:${port}`)
    expect(heard.failure, host).toMatchObject({ class: 'own_fault' })
  }
  expect(
    await call(
      egressWith({ outside: answering('93.184.216.34') }),
      decoy.origin.replace('127.0.0.1', 'upstream.example'),
    ),
  ).toMatchObject({
    failure: { class: 'own_fault' },
  })
  expect(decoy.connections()).toBe(0)
})

test('the same decoy hears a call when private upstreams are allowed, so the refusals above mean something', async () => {
  const decoy = await upstream((socket) => socket.once('data', () => socket.end(ok)))
  expect(await call(egressWith({ allowPrivate: true }), decoy.origin)).toMatchObject({ status: 200 })
  expect(decoy.connections()).toBe(1)
})

test('our own internal origin is reached exactly, and is no opening for its neighbours', async () => {
  const demo = await upstream((socket) => socket.once('data', () => socket.end(ok)))
  const egress = egressWith({ internal: [['http://demo.bourse.internal', demo.origin]] })
  expect(await call(egress, 'http://demo.bourse.internal/v1')).toMatchObject({ status: 200 })
  expect(await call(egress, 'http://demo.bourse.internal:81/v1')).toMatchObject({
    failure: { class: 'own_fault' },
  })
  expect(await call(egress, demo.origin)).toMatchObject({ failure: { class: 'own_fault' } })
})

test.each<[string, (socket: Socket) => void, ExchangeFailure['class']]>([
  ['closes at once', (socket) => socket.destroy(), 'network'],
  ['resets', (socket) => socket.resetAndDestroy(), 'network'],
  ['sends garbage', (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'), 'malformed'],
  ['stays silent', () => undefined, 'timeout'],
  [
    'stops in the middle',
    (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nabc'),
    'timeout',
  ],
  [
    'is cut in the middle',
    (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nabc'),
    'server_error',
  ],
  [
    'compresses unasked',
    (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}'),
    'malformed',
  ],
  [
    'sends endless headers',
    (socket) => socket.end(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(9_000)}\r\n`),
    'malformed',
  ],
  [
    'sends more than asked for',
    (socket) => socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n${'z'.repeat(3_000)}`),
    'malformed',
  ],
])('an upstream that %s is named for what it did', async (_name, behave, expected) => {
  const { origin } = await upstream((socket) => socket.once('data', () => behave(socket)))
  const heard = await call(egressWith({ allowPrivate: true }), origin, {
    firstByteMs: 150,
    idleMs: 150,
    maxBytes: 2_000,
  })
  expect(heard.failure?.class).toBe(expected)
})

test('a closed port is a network failure', async () => {
  const { origin } = await upstream(() => undefined)
  for (const close of open.splice(0)) await close()
  expect((await call(egressWith({ allowPrivate: true }), origin)).failure?.class).toBe('network')
})

test('an upstream we keep waiting for a slow reader is not timed out for its silence', async () => {
  const { origin } = await upstream((socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc')),
  )
  const egress = egressWith({ allowPrivate: true })
  const target = await targetAt(origin)
  const outcome = await new Promise<string>((resolve) => {
    const exchange = egress.send(
      target,
      { method: 'POST', path: '/', headers: {} },
      { firstByteMs: 1_000, idleMs: 50, totalMs: 400, maxBytes: 100 },
      {
        onHeaders: () => undefined,
        onData: () => exchange.pause(),
        onEnd: () => resolve('end'),
        onFailure: (failure) => resolve(failure.message),
      },
    )
  })
  expect(outcome).toMatch(/whole answer/)
})

test('a reader that throws at the end of an answer is told of a failure, and nothing waits for ever', async () => {
  const { origin } = await upstream((socket) => socket.once('data', () => socket.end(ok)))
  const egress = egressWith({ allowPrivate: true })
  const target = await targetAt(origin)
  const failure = await new Promise<ExchangeFailure>((resolve) => {
    egress.send(
      target,
      { method: 'POST', path: '/', headers: {} },
      { firstByteMs: 1_000, idleMs: 1_000, totalMs: 2_000, maxBytes: 100 },
      {
        onHeaders: () => undefined,
        onData: () => undefined,
        onEnd: () => {
          throw new TypeError('value.trim is not a function')
        },
        onFailure: resolve,
      },
    )
  })
  expect(failure).toMatchObject({ class: 'malformed', message: expect.stringContaining('trim') })
})

test('a header that was sent twice counts as its first', async () => {
  const twice = 'HTTP/1.1 429 Busy\r\nretry-after: 3\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n'
  const { origin } = await upstream((socket) => socket.once('data', () => socket.end(twice)))
  const target = await targetAt(origin)
  const headers = await new Promise<Readonly<Record<string, string>>>((resolve) => {
    egressWith({ allowPrivate: true }).send(
      target,
      { method: 'POST', path: '/', headers: {} },
      { firstByteMs: 1_000, idleMs: 1_000, totalMs: 2_000, maxBytes: 100 },
      {
        onHeaders: (_status, seen) => resolve(seen),
        onData: () => undefined,
        onEnd: () => undefined,
        onFailure: () => resolve({}),
      },
    )
  })
  expect(headers['retry-after']).toBe('3')
})

test('our own size limit is told apart from an upstream that sends nonsense', async () => {
  const long = `HTTP/1.1 200 OK\r\ncontent-length: 3000\r\n\r\n${'z'.repeat(3_000)}`
  const { origin } = await upstream((socket) => socket.once('data', () => socket.end(long)))
  const heard = await call(egressWith({ allowPrivate: true }), origin, { maxBytes: 2_000 })
  expect(heard.failure).toMatchObject({ cut: 'too_large' })
})

test('an upstream that still talks when our time is up has done nothing wrong; one that hangs has', async () => {
  const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
  const talking = await upstream((socket) =>
    socket.once('data', () => {
      socket.write(head)
      const timer = setInterval(() => socket.write('1\r\nz\r\n'), 10)
      socket.on('close', () => clearInterval(timer))
    }),
  )
  const egress = egressWith({ allowPrivate: true })
  const cut = await call(egress, talking.origin, { idleMs: 200, totalMs: 400 })
  expect(cut.failure).toMatchObject({ class: 'timeout', cut: 'too_long' })
  const hanging = await upstream((socket) => socket.once('data', () => socket.write(head)))
  const silent = await call(egress, hanging.origin, { idleMs: 100, totalMs: 2_000 })
  expect(silent.failure).toMatchObject({ class: 'timeout' })
  expect(silent.failure?.cut).toBeUndefined()
})

test('an upstream that gives up because nobody read from it for long is not to blame', async () => {
  let nowMs = 1_000
  const handlers: ExchangeFailure[] = []
  const exchange = new Exchange(
    { nowMs: () => nowMs, monotonicMs: () => nowMs },
    { firstByteMs: 1_000, idleMs: 60_000, totalMs: 900_000, maxBytes: 1_000 },
    {
      onHeaders: () => undefined,
      onData: () => undefined,
      onEnd: () => undefined,
      onFailure: (failure) => void handlers.push(failure),
    },
  )
  const controller = { abort: () => undefined, pause: () => undefined, resume: () => undefined } as never
  exchange.onRequestStart(controller)
  exchange.onResponseStart(controller, 200, {})
  exchange.pause()
  nowMs += 30_000
  exchange.resume()
  exchange.onResponseError(controller, Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  expect(handlers).toEqual([expect.objectContaining({ class: 'server_error', cut: 'slow_reader' })])
})

test.each([301, 302, 303, 307, 308])(
  'a redirect (%i) is not followed, and is the fault of the upstream',
  async (status) => {
    const decoy = await upstream((socket) => socket.end(ok))
    const { origin } = await upstream((socket) =>
      socket.once('data', () =>
        socket.end(`HTTP/1.1 ${status} Moved\r\nlocation: ${decoy.origin}/\r\ncontent-length: 0\r\n\r\n`),
      ),
    )
    const heard = await call(egressWith({ allowPrivate: true }), origin)
    expect(heard).toMatchObject({ body: '', failure: { class: 'malformed' } })
    expect(heard.status).toBeUndefined()
    expect(heard.failure?.message).not.toContain(decoy.origin)
    expect(decoy.connections()).toBe(0)
  },
)

test('a credential goes to the origin that it is bound to and to no other', async () => {
  const [mine, other] = [
    await upstream((socket) => socket.end(ok)),
    await upstream((socket) => socket.end(ok)),
  ]
  const egress = egressWith({ allowPrivate: true })
  const target = { ...(await targetAt(mine.origin)), baseUrl: other.origin }
  expect((await call(egress, '', {}, target)).failure).toMatchObject({ class: 'own_fault' })
  // Bound anew by hand, it does not open.
  const { origin } = new URL(other.origin)
  const rebound = { ...target, credentialAad: `v1|listing:l|seller:s|origin:${origin}` }
  expect((await call(egress, '', {}, rebound)).failure).toMatchObject({ class: 'own_fault' })
  expect([mine.connections(), other.connections()]).toEqual([0, 0])
})

test.each([
  'no-slash',
  '//evil.example/x',
  '/a/../b',
  '/a/%2e%2e/b',
  '/a\\b',
  '/a b',
  '/a#b',
  '/a\tb',
  '/ü',
  '/a//b',
])('a call to the path %j is not made', async (path) => {
  const { origin, connections } = await upstream((socket) => socket.end(ok))
  const egress = egressWith({ allowPrivate: true })
  const target = await targetAt(`${origin}/v1`)
  const failure = await new Promise<ExchangeFailure>((resolve) => {
    egress.send(target, { method: 'GET', path, headers: {} }, limits, { ...deaf, onFailure: resolve })
  })
  expect(failure).toMatchObject({ class: 'own_fault' })
  expect(connections()).toBe(0)
})

test('a call cannot choose another host by a header, and asks for nothing compressed', async () => {
  let seen = ''
  const { origin } = await upstream((socket) =>
    socket.once('data', (data) => {
      seen += data.toString()
      socket.end(ok)
    }),
  )
  const egress = egressWith({ allowPrivate: true })
  const target = await targetAt(origin)
  const failure = await new Promise<ExchangeFailure>((resolve) => {
    const headers = { host: 'other.example' }
    egress.send(target, { method: 'GET', path: '/', headers }, limits, { ...deaf, onFailure: resolve })
  })
  expect(failure).toMatchObject({ class: 'own_fault' })
  await call(egress, origin)
  expect(seen).toContain('accept-encoding: identity\r\n')
})

test('a call without a credential carries none', async () => {
  let seen = ''
  const { origin } = await upstream((socket) =>
    socket.once('data', (data) => {
      seen += data.toString()
      socket.end(ok)
    }),
  )
  const egress = egressWith({ allowPrivate: true })
  await call(egress, origin)
  seen = ''
  await new Promise<void>((resolve) => {
    egress.get(origin, '/.well-known/x', limits, { ...deaf, onEnd: resolve })
  })
  expect(seen).toMatch(/^GET \/\.well-known\/x HTTP\/1\.1/)
  expect(seen).not.toMatch(/authorization|sk-upstream/i)
})

test('proxies of the environment are not used', async () => {
  const proxy = await upstream((socket) => socket.end(ok))
  const { origin } = await upstream((socket) => socket.once('data', () => socket.end(ok)))
  for (const name of [
    'HTTP_PROXY',
    'HTTPS_PROXY',
    'http_proxy',
    'https_proxy',
    'ALL_PROXY',
    'NODE_USE_ENV_PROXY',
  ])
    vi.stubEnv(name, name === 'NODE_USE_ENV_PROXY' ? '1' : proxy.origin)
  expect(await call(egressWith({ allowPrivate: true }), origin)).toMatchObject({ status: 200 })
  expect(proxy.connections()).toBe(0)
})

/** What opens credentials, and how often it was asked. */
function countingSealer() {
  const counted = { opened: 0, isDown: false }
  const counting: Sealer = {
    ...sealer,
    open(sealed, aad) {
      counted.opened += 1
      return counted.isDown ? Promise.reject(new Error('the key service is down')) : sealer.open(sealed, aad)
    },
  }
  return { counting, counted }
}

test('a credential is opened once for many calls, anew when it changes, and forgotten when its listing leaves', async () => {
  const keys: string[] = []
  const { origin } = await upstream((socket) =>
    socket.on('data', (data) => {
      keys.push(/Bearer (\S+)/.exec(data.toString())?.[1] ?? '')
      socket.write(ok)
    }),
  )
  const { counting, counted } = countingSealer()
  const egress = egressWith({ allowPrivate: true, sealer: counting })
  const first = await targetAt(origin, 'sk-first')
  await Promise.all([call(egress, '', {}, first), call(egress, '', {}, first)])
  // The market was read again: the same bytes in another buffer.
  const again = { ...first, sealedCredential: Uint8Array.from(first.sealedCredential) }
  await call(egress, '', {}, again)
  expect(counted.opened).toBe(1)
  await call(egress, '', {}, await targetAt(origin, 'sk-second'))
  expect(counted.opened).toBe(2)
  egress.keepCredentials(new Set(['another']))
  await call(egress, '', {}, first)
  expect(counted.opened).toBe(3)
  expect(keys).toEqual(['sk-first', 'sk-first', 'sk-first', 'sk-second', 'sk-first'])
})

test('a credential that does not open is our fault, is not tried with every call, and one that is open serves on', async () => {
  let requests = 0
  const { origin } = await upstream((socket) =>
    socket.on('data', () => {
      requests += 1
      socket.write(ok)
    }),
  )
  const { counting, counted } = countingSealer()
  const egress = egressWith({ allowPrivate: true, sealer: counting })
  const open = await targetAt(origin)
  await call(egress, '', {}, open)
  counted.isDown = true
  expect(await call(egress, '', {}, open)).toMatchObject({ status: 200 })
  const closed = await targetAt(origin, 'sk-other')
  for (let count = 0; count < 3; count += 1)
    expect((await call(egress, '', {}, closed)).failure).toMatchObject({ class: 'own_fault' })
  expect(counted.opened).toBe(2)
  expect(requests).toBe(2)
})

test('a call that was given up while its credential was opened is not made', async () => {
  const { origin, connections } = await upstream((socket) => socket.end(ok))
  const egress = egressWith({ allowPrivate: true })
  egress.send(await targetAt(origin), { method: 'GET', path: '/', headers: {} }, limits, deaf).abort()
  await call(egress, origin)
  expect(connections()).toBe(1)
})
