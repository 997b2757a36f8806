import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const model = 'anthropic/claude-haiku-4-5'
const ask = (key: string, more: Record<string, unknown> = {}) =>
  fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 20, ...more }),
  })

test('a request that one wire format cannot say is served by an offer of another; alone, it is refused by name', async () => {
  const messages = await gateway.listing({
    provider: 'anthropic',
    model,
    ppm: 50_000,
    baseUrl: upstream.serve('messages', (wire) => wire.json(500, {})),
  })
  const alone = await gateway.buyer({ key: { policy: { only: [messages] } } })
  const refused = await ask(alone.key, { n: 2 })
  expect(refused.status).toBe(400)
  expect(await refused.json()).toMatchObject({ error: { code: 'invalid_value', param: 'n' } })
  const two = completion('one')
  const [choice] = two.choices
  const dialect = await gateway.listing({
    provider: 'openrouter',
    model,
    ppm: 10_000_000,
    baseUrl: upstream.serve('dialect', (wire) =>
      wire.json(200, { ...two, choices: [choice, { ...choice, index: 1 }] }),
    ),
  })
  const both = await gateway.buyer({ key: { policy: { sort: 'price', only: [messages, dialect] } } })
  const served = await ask(both.key, { n: 2 })
  expect(served.status).toBe(200)
  expect(upstream.visitsOf('messages')).toHaveLength(0)
  expect(upstream.visitsOf('dialect')).toHaveLength(1)
  await gateway.settleAndAudit()
})

test('requests sent one behind the other on a connection are answered in turn, and a client that leaves ends both', async () => {
  const buyer = await gateway.buyer({ demo: true })
  const body = JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 5,
  })
  const one = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${buyer.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  const { hostname, port } = new URL(gateway.origin)
  const both = await new Promise<string>((resolve) => {
    let text = ''
    const socket = connect(Number(port), hostname, () => socket.write(one + one))
    socket.on('data', (data) => {
      text += data.toString()
      if (text.split('"object":"chat.completion"').length === 3) {
        socket.destroy()
        resolve(text)
      }
    })
  })
  expect(both.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
  const socket = connect(Number(port), hostname, () => {
    socket.write(one + one)
    setTimeout(() => socket.destroy(), 5)
  })
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.on('close', resolve))
  await gateway.settleAndAudit()
})
