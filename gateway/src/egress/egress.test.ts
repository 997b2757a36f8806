import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { createLogger } from '../platform/logger.ts'
import { createSealer } from '../platform/secrets.ts'
import { createEgress, type Egress } from './egress.ts'
import { Exchange, type ExchangeFailure } from './exchange.ts'
import type { ResolveHost } from './resolve.ts'

const sealer = createSealer(Buffer.alloc(32, 7))
const open: (() => Promise<void>)[] = []

afterEach(async () => {
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
  resolve?: ResolveHost
  internal?: [string, string][]
}): Egress {
  const egress = createEgress({
    sealer,
    clock: systemClock,
    logger: createLogger({ level: 'silent' }),
    allowPrivate: options.allowPrivate ?? false,
    internalOrigins: new Map(options.internal ?? []),
    ...(options.resolve ? { resolve: options.resolve } : {}),
  })
  open.push(() => egress.close())
  return egress
}

const targetAt = (baseUrl: string) => ({
  baseUrl,
  auth: { header: 'authorization', prefix: 'Bearer ' },
  sealedCredential: sealer.seal('sk-upstream', 'aad'),
  credentialAad: 'aad',
})

interface Heard {
  status?: number
  body: string
  failure?: ExchangeFailure
}

function call(
  egress: Egress,
  baseUrl: string,
  bounds: Partial<{ firstByteMs: number; idleMs: number; maxBytes: number; totalMs: number }> = {},
): Promise<Heard> {
  return new Promise((resolve) => {
    const heard: Heard = { body: '' }
    egress.send(
      targetAt(baseUrl),
      {
        method: 'POST',
        path: '/chat',
        headers: { 'content-type': 'application/json' },
        body: Buffer.from('{}'),
      },
      { firstByteMs: 2_000, idleMs: 2_000, totalMs: 5_000, maxBytes: 1_000_000, ...bounds },
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
    const egress = egressWith({ resolve: async () => addresses })
    const heard = await call(egress, `https://upstream.example:${port}`)
    expect(heard.failure).toMatchObject({ class: 'own_fault' })
  }
  for (const host of ['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]']) {
    const heard = await call(egressWith({}), `https://${host}:${port}`)
    expect(heard.failure, host).toMatchObject({ class: 'own_fault' })
  }
  expect(
    await call(
      egressWith({ resolve: async () => ['93.184.216.34'] }),
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
  const outcome = await new Promise<string>((resolve) => {
    const exchange = egress.send(
      targetAt(origin),
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
  const failure = await new Promise<ExchangeFailure>((resolve) => {
    egress.send(
      targetAt(origin),
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
  const headers = await new Promise<Readonly<Record<string, string>>>((resolve) => {
    egressWith({ allowPrivate: true }).send(
      targetAt(origin),
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
