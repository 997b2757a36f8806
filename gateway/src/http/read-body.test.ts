import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { ClientLeft, readBody } from './read-body.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A request as the server sees it, and the client that sends it. */
async function arriving(
  send: (client: ReturnType<typeof request>) => void,
): Promise<{ message: IncomingMessage; client: ReturnType<typeof request> }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const client = request({ port, host: '127.0.0.1', method: 'POST' })
  client.on('error', () => undefined)
  const seen = once(server, 'request')
  send(client)
  const [message] = (await seen) as [IncomingMessage]
  return { message, client }
}

test('a body in several pieces is read whole', async () => {
  const { message } = await arriving((client) => {
    client.write('{"a":')
    client.end('1}')
  })
  expect((await readBody(message, 100)).toString()).toBe('{"a":1}')
})

test('a body without a length is refused as soon as it is too long', async () => {
  const { message } = await arriving((client) => client.write('x'.repeat(2_000)))
  await expect(readBody(message, 1_000)).rejects.toMatchObject({ code: 'request_too_large' })
})

test('a client that leaves in the middle is noticed', async () => {
  const { message, client } = await arriving((sender) => sender.write('{"a":'))
  const read = readBody(message, 100)
  client.destroy()
  await expect(read).rejects.toBeInstanceOf(ClientLeft)
})

test.each([
  ['half a body', (client: ReturnType<typeof request>) => client.write('{"a":')],
  ['its whole body', (client: ReturnType<typeof request>) => client.end('{"a":1}')],
])('a client that sent %s and left before anybody read is noticed too', async (_name, send) => {
  // Before this was told apart, the request waited for events that had been and gone, for ever.
  const { message, client } = await arriving(send)
  const closed = once(message, 'close').catch(() => undefined)
  client.destroy()
  await closed
  await expect(readBody(message, 100)).rejects.toBeInstanceOf(ClientLeft)
})
