/**
 * Ports whose fault is in the connection itself. Until they are armed they let a listing be verified; from then on
 * nobody gets as far as a request.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Worker } from 'node:worker_threads'
import type { Dial } from './fault.ts'
import { certificates } from './fault-certificates.ts'
import { type Listener, noteConnection, serveSocket } from './fault-wire.ts'

export interface OpenDials {
  origins: Record<Dial, string>
  arm(): Promise<void>
}

/** What becomes of a connection to an armed port. */
const armedBy: Record<Exclude<Dial, 'refused' | 'never_accepted'>, (socket: Socket) => void> = {
  reset_at_once: (socket) => void socket.resetAndDestroy(),
  closed_at_once: (socket) => void socket.destroy(),
  // Set below: it shows a certificate of somebody else.
  tls_untrusted: () => undefined,
  tls_to_plain_port: (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'))
  },
  tls_silent: () => undefined,
  // Stays as it is.
  tls_well: () => undefined,
  tls_cut: (socket) => void socket.once('data', () => socket.destroy()),
}

export async function openDials(listener: Listener, well: Listener): Promise<OpenDials> {
  let armed = false
  const secure = createTlsServer(certificates.known, (socket) => serveSocket(socket, listener))
  const secureWell = createTlsServer(certificates.known, (socket) => serveSocket(socket, well))
  for (const server of [secure, secureWell]) server.on('tlsClientError', () => undefined)
  const accept = (dial: keyof typeof armedBy, socket: Socket) => {
    socket.on('error', () => undefined)
    const isTls = dial.startsWith('tls_')
    if (dial === 'tls_well') {
      secureWell.emit('connection', socket)
      return
    }
    if (armed) noteConnection(listener, dial === 'reset_at_once' ? 'rst' : 'fin')
    if (armed && dial !== 'tls_untrusted') armedBy[dial](socket)
    else if (isTls) secure.emit('connection', socket)
    else serveSocket(socket, listener)
  }
  const origins: Partial<Record<Dial, string>> = {}
  for (const dial of Object.keys(armedBy) as (keyof typeof armedBy)[]) {
    const port = await listenOn((socket) => accept(dial, socket))
    origins[dial] = `${dial.startsWith('tls_') ? 'https' : 'http'}://127.0.0.1:${port.number}`
  }
  const refused = await listenOn((socket) => serveSocket(socket, listener))
  origins.refused = `http://127.0.0.1:${refused.number}`
  const behindQueue = await listenOn((socket) => serveSocket(socket, listener))
  const queue = await openQueue(behindQueue.number)
  origins.never_accepted = `http://127.0.0.1:${queue.port}`
  return {
    origins: origins as Record<Dial, string>,
    async arm() {
      armed = true
      secure.setSecureContext(certificates.stranger)
      refused.close()
      await queue.fill()
    },
  }
}

export async function listenOn(
  onSocket: (socket: Socket) => void,
): Promise<{ number: number; close(): void }> {
  const server = createServer(onSocket)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { number: (server.address() as AddressInfo).port, close: () => void server.close() }
}

// In the plainest words: threads do not read TypeScript everywhere.
const QUEUE_THREAD = `
  const { createServer, connect } = require('node:net')
  const { parentPort, workerData } = require('node:worker_threads')
  const server = createServer((socket) => {
    const other = connect(workerData.port, '127.0.0.1')
    for (const end of [socket, other]) end.on('error', () => undefined)
    socket.pipe(other).pipe(socket)
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => parentPort.postMessage(server.address().port))
  parentPort.on('message', () => {
    parentPort.postMessage('stopped')
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
  })`

/**
 * A port with room for one connection that has not been accepted, on a thread that passes connections on to `port` until
 * it is told to stop. Once that room is taken, the system answers nobody.
 */
async function openQueue(port: number): Promise<{ port: number; fill(): Promise<void> }> {
  const worker = new Worker(QUEUE_THREAD, { eval: true, workerData: { port } })
  const [queue] = (await once(worker, 'message')) as [number]
  return {
    port: queue,
    async fill() {
      worker.postMessage('stop')
      await once(worker, 'message')
      // More than there is room for; the last ones stay unanswered as the gateway's will.
      for (let caller = 0; caller < 4; caller += 1) connect(queue, '127.0.0.1').on('error', () => undefined)
    },
  }
}
