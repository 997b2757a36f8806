/** Connections that end under calls, over real sockets: the client library's own view of them is not to be trusted. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'undici'
import { afterEach, expect, test, vi } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import { createPlainConnector } from './connect.ts'
import { type Connections, createConnections } from './connections.ts'
import { Exchange, type ExchangeFailure } from './exchange.ts'

const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const HEAD = 'HTTP/1.1 200 OK\r\n'
const LIMITS = { firstByteMs: 5_000, idleMs: 5_000, totalMs: 5_000, maxBytes: 1_000_000 }

async function startServer(onRequest: (socket: Socket, nth: number) => void): Promise<string> {
  const server = createServer((socket) => {
    let requests = 0
    socket.on('error', () => undefined)
    socket.on('data', () => {
      requests += 1
      onRequest(socket, requests)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function openClient(origin: string): { client: Client; connections: Connections } {
  const connections = createConnections()
  const client = new Client(origin, { connect: createPlainConnector(connections.watch) })
  closers.push(
    () => connections.close(),
    () => client.destroy(),
  )
  return { client, connections }
}

interface Ended {
  text: string
  failure: ExchangeFailure | undefined
  /** Whether a failure was one of a connection that had been given up. */
  stale: boolean
}

/** Asks, and holds the answer back from its first bytes on, if told to. */
function ask(
  { client, connections }: ReturnType<typeof openClient>,
  { holdsBack = false } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    let text = ''
    let stale = false
    const exchange = new Exchange(systemClock, LIMITS, {
      onHeaders: () => undefined,
      onData(chunk) {
        text += chunk.toString()
        if (holdsBack) exchange.pause()
      },
      onEnd: () => resolve({ text, failure: undefined, stale }),
      onFailure: (failure) => resolve({ text, failure, stale }),
    })
    exchange.onStart = () => connections.starting(exchange)
    exchange.redial = (error) => {
      stale = connections.isStale(error)
      return false
    }
    client.dispatch({ path: '/', method: 'POST', body: Buffer.from('x') }, exchange)
  })
}

test('an answer that ends with its connection is whole, though it was held back when that happened', async () => {
  const origin = await startServer((socket) => {
    socket.end(`${HEAD}connection: close\r\n\r\nall of it`)
  })
  const uncaught = vi.fn()
  process.on('uncaughtException', uncaught)
  closers.push(() => process.off('uncaughtException', uncaught))
  expect(await ask(openClient(origin), { holdsBack: true })).toEqual({
    text: 'all of it',
    failure: undefined,
    stale: false,
  })
  expect(uncaught).not.toHaveBeenCalled()
})

test('an answer without an end of its own that is reset while it is held back has failed, and nothing else', async () => {
  const origin = await startServer((socket) => {
    socket.write(`${HEAD}connection: close\r\n\r\npart of it`, () =>
      setTimeout(() => socket.resetAndDestroy(), 20),
    )
  })
  const uncaught = vi.fn()
  process.on('uncaughtException', uncaught)
  closers.push(() => process.off('uncaughtException', uncaught))
  const { text, failure } = await ask(openClient(origin), { holdsBack: true })
  expect(text).toBe('part of it')
  expect(failure?.class).toBe('server_error')
  expect(uncaught).not.toHaveBeenCalled()
})

test.each(['end', 'resetAndDestroy'] as const)(
  'an answer in pieces that is cut (%s) was cut, with keep-alive or without',
  async (end) => {
    for (const connection of ['close', 'keep-alive']) {
      const origin = await startServer((socket) => {
        socket.write(
          `${HEAD}connection: ${connection}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`,
          () => setTimeout(() => socket[end](), 20),
        )
      })
      expect(await ask(openClient(origin))).toMatchObject({
        text: 'hello',
        failure: { class: 'server_error' },
      })
    }
  },
)

const ok = `${HEAD}content-length: 2\r\n\r\nok`

test.each(['destroy', 'resetAndDestroy'] as const)(
  'a kept connection that is closed instead of answered (%s) had been given up',
  async (end) => {
    const origin = await startServer((socket, nth) => {
      if (nth === 1) socket.write(ok)
      else socket[end]()
    })
    const client = openClient(origin)
    expect((await ask(client)).text).toBe('ok')
    await delay(20)
    expect(await ask(client)).toMatchObject({ failure: { class: 'network' }, stale: true })
  },
)

test('a connection that is closed at its first request, or after a byte of the answer, was alive', async () => {
  const first = openClient(await startServer((socket) => void socket.destroy()))
  expect(await ask(first)).toMatchObject({ failure: { class: 'network' }, stale: false })
  const second = openClient(
    await startServer((socket, nth) => {
      if (nth === 1) socket.write(ok)
      else socket.end('HTTP/1.1 200 O')
    }),
  )
  await ask(second)
  await delay(20)
  expect(await ask(second)).toMatchObject({ stale: false })
})
