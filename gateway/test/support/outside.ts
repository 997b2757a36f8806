/**
 * The outside world of a story, in this process: names resolve as the story says, and whatever would be dialled ends on
 * the loopback. A public address leads to `internet`, every other one to `decoy`, which stands for all that a seller's
 * listing must never reach. Both speak HTTPS and keep a log of every connection, so that nothing leaves the machine and
 * nothing goes unseen.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { isPublicAddress } from '../../src/egress/address-guard.ts'
import { createDial, type Dial } from '../../src/egress/connect.ts'
import type { Outside } from '../../src/egress/egress.ts'
import { makeCertificate, type TestCertificate } from './certificate.ts'

export interface Host {
  /** TCP connections so far. */
  connections(): number
  /** `GET /path` of every request so far. */
  requests: string[]
  /** Answers a request; a listing's upstream with every model, and the proof that it asks for, unless a story says otherwise. */
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void
}

export interface OutsideWorld {
  outside: Required<Outside>
  /** What a name answers; a function is called at each question. What is not here does not exist. */
  names: Map<string, readonly string[] | (() => readonly string[])>
  /** Every address that was about to be dialled. */
  dialled: string[]
  internet: Host
  decoy: Host
  /** Who counts as public; stories let the decoy's addresses through by it. */
  guard: { isPublic: (address: string) => boolean }
  /** Forgets what was seen and said, and closes every connection. */
  reset(): void
  close(): Promise<void>
}

export async function startOutside(hostNames: readonly string[]): Promise<OutsideWorld> {
  const certificate = makeCertificate(hostNames)
  const [internet, decoy] = [await startHost(certificate), await startHost(certificate)]
  const names: OutsideWorld['names'] = new Map()
  const dialled: string[] = []
  const guard = { isPublic: isPublicAddress }
  const dialReally = createDial({ ca: certificate.cert })

  const dial: Dial = (addresses, options, callback) => {
    dialled.push(...addresses)
    const address = addresses[0] as string
    const { port } = isPublicAddress(address) ? internet : decoy
    const detour = { ...options, hostname: '127.0.0.1', host: '127.0.0.1', port: String(port) }
    dialReally(['127.0.0.1'], detour, (...[error, socket]) => {
      if (error) callback(error, null)
      else {
        Object.defineProperty(socket, 'remoteAddress', { value: address })
        callback(null, socket)
      }
    })
  }

  return {
    outside: {
      async ask(hostname) {
        const answer = names.get(hostname) ?? []
        return { addresses: typeof answer === 'function' ? answer() : answer, ttlMs: 0 }
      },
      isPublic: (address) => guard.isPublic(address),
      dial,
    },
    names,
    dialled,
    guard,
    reset() {
      names.clear()
      dialled.length = 0
      guard.isPublic = isPublicAddress
      for (const each of [internet, decoy]) each.reset()
    },
    internet: internet.host,
    decoy: decoy.host,
    async close() {
      await Promise.all([internet.close(), decoy.close()])
    },
  }
}

async function startHost(certificate: TestCertificate) {
  const sockets = new Set<Socket>()
  let connections = 0
  const host: Host = { connections: () => connections, requests: [], answer: answerAsUpstream }
  const web = createServer(async (request, response) => {
    host.requests.push(`${request.method} ${request.url}`)
    let body = ''
    for await (const piece of request) body += piece
    host.answer(request, response, body)
  })
  const server = createTlsServer(certificate, (socket) => web.emit('connection', socket))
  server.on('tlsClientError', () => undefined)
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host,
    reset() {
      for (const socket of sockets) socket.destroy()
      connections = 0
      host.requests.length = 0
      host.answer = answerAsUpstream
    },
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const MODELS = ['gpt-4o-mini', 'gpt-4.1-nano', 'gpt-4o']

/** An upstream in OpenAI's format, on a host whose owner has put the proof where it is looked for. */
export function answerAsUpstream(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? ''
  const token = /^\/\.well-known\/bourse-(\w+)$/.exec(url)?.[1]
  if (token !== undefined) response.end(token)
  else if (url.endsWith('/models')) sendJson(response, { data: MODELS.map((id) => ({ id })) })
  else sendJson(response, completion)
}

const completion = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o-mini',
  choices: [{ index: 0, message: { role: 'assistant', content: 'OK' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 },
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(body))
}
