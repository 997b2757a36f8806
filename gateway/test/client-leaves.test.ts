import { request } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Exchange } from '../src/egress/exchange.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { chunk, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ vendorOrigin: upstream.origin })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const until = async (ready: () => boolean) => {
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A client that reads until `enough` and then closes its connection; resolves with what it read and when it left. */
function leavingClient(
  buyer: Buyer,
  model: string,
  enough: (text: string) => boolean,
  stream = true,
): Promise<{ text: string; leftAtMs: number }> {
  return new Promise((resolve) => {
    let text = ''
    const call = request(
      `${gateway.origin}/v1/chat/completions`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
      },
      (response) =>
        response.on('data', (bytes) => {
          text += bytes.toString()
          if (enough(text)) leave()
        }),
    )
    const leave = () => {
      call.destroy()
      resolve({ text, leftAtMs: performance.now() })
    }
    call.on('error', () => undefined)
    call.end(
      JSON.stringify({
        model,
        messages: [{ role: 'user', content: 'Count to a hundred' }],
        stream,
        max_tokens: 500,
      }),
    )
    if (enough('')) call.on('finish', leave)
  })
}

test('a client that leaves after 40 tokens pays for its prompt and about 40 tokens, and the upstream is stopped', async () => {
  const buyer = await gateway.buyer()
  const model = 'openai/gpt-4.1'
  const baseUrl = upstream.serve('endless', async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: '' }))
    for (let index = 0; index < 1_000 && !wire.gone(); index += 1) {
      await wire.event(chunk({ content: ' word' }))
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  })
  await gateway.listing({ model, baseUrl })
  const { text, leftAtMs } = await leavingClient(buyer, model, (read) => read.split(' word').length > 40)
  const [visit] = upstream.visitsOf('endless')
  await until(() => visit?.abortedAtMs !== undefined)
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    `SELECT uncached_input::int AS input, output::int AS output, usage_source, finish_reason FROM ledger.usage_record WHERE model = $1`,
    [model],
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ usage_source: 'counted', finish_reason: 'client_gone' })
  const seen = text.split(' word').length - 1
  expect(rows[0].output).toBeGreaterThanOrEqual(seen)
  // What was under way when the client closed counts as delivered; at 2 ms a word that is not much.
  expect(rows[0].output).toBeLessThan(seen + 200)
  expect(rows[0].input).toBeGreaterThan(5)
  const { balanceNanos } = await gateway.balanceNanos(buyer)
  expect(balanceNanos).toBeLessThan(10_000_000_000n)
  expect((visit?.abortedAtMs ?? 0) - leftAtMs).toBeLessThan(5_000)
})

test('a client that leaves before the upstream has answered pays nothing', async () => {
  const buyer = await gateway.buyer()
  for (const stream of [true, false]) {
    const model = stream ? 'openai/gpt-4.1-mini' : 'openai/gpt-4.1-nano'
    const name = `mute-${stream}`
    await gateway.listing({ model, baseUrl: upstream.serve(name, () => new Promise(() => {})) })
    let leave = false
    const left = leavingClientWhen(buyer, model, () => leave, stream)
    await until(() => upstream.visitsOf(name).length === 1)
    leave = true
    await left
    await until(() => upstream.visitsOf(name)[0]?.abortedAtMs !== undefined)
    await gateway.settleAndAudit()
  }
  expect((await gateway.balanceNanos(buyer)).availableNanos).toBe(10_000_000_000n)
})

async function leavingClientWhen(
  buyer: Buyer,
  model: string,
  when: () => boolean,
  stream: boolean,
): Promise<void> {
  const call = request(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
  })
  call.on('error', () => undefined)
  call.end(JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], stream, max_tokens: 50 }))
  await until(when)
  call.destroy()
}

test('a client that leaves after the finish, before the usage report, pays what the upstream then reports', async () => {
  const buyer = await gateway.buyer()
  const model = 'openai/gpt-4o'
  let release = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const baseUrl = upstream.serve('late-usage', async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content: 'done' }))
    await wire.event(chunk({}, 'stop'))
    await gate
    await wire.event({
      ...chunk({}),
      choices: [],
      usage: { prompt_tokens: 1_000, completion_tokens: 7, total_tokens: 1_007 },
    })
    await wire.event('[DONE]')
    await wire.endStream()
  })
  await gateway.listing({ model, baseUrl })
  const pinned = await gateway.buyer({ key: { policy: { only: ['openai'] } } })
  await leavingClient(pinned, model, (read) => read.includes('"finish_reason":"stop"'))
  release()
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    `SELECT uncached_input::int AS input, output::int AS output, usage_source FROM ledger.usage_record WHERE model = $1`,
    [model],
  )
  expect(rows).toHaveLength(1)
  expect(rows[0]).toMatchObject({ usage_source: 'reported', input: 1_000, output: 7 })
  expect((await gateway.balanceNanos(buyer)).balanceNanos).toBe(10_000_000_000n)
})

test.each([
  ['a stream', true, 'openai/o3-mini'],
  ['a whole answer', false, 'openai/o4-mini'],
])(
  'a client that leaves %s when the upstream has begun to answer, before any content, pays its prompt',
  async (_what, stream, model) => {
    const name = `begun-${stream}`
    const baseUrl = upstream.serve(name, async (wire) => {
      if (stream) {
        await wire.stream()
        await wire.event(chunk({ role: 'assistant', content: '' }))
      } else
        await wire.raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{')
      await new Promise(() => undefined)
    })
    await gateway.listing({ model, baseUrl })
    const answered = vi.spyOn(Exchange.prototype, 'onResponseStart')
    const buyer = await gateway.buyer()
    await leavingClientWhen(buyer, model, () => answered.mock.calls.length > 0, stream)
    await until(() => upstream.visitsOf(name)[0]?.abortedAtMs !== undefined)
    await gateway.settleAndAudit()
    const { rows } = await gateway.database.database.pool.query(
      `SELECT uncached_input::int AS input, output::int AS output, usage_source, finish_reason, stream FROM ledger.usage_record WHERE model = $1`,
      [model],
    )
    expect(rows).toEqual([
      { input: expect.any(Number), output: 0, usage_source: 'counted', finish_reason: 'client_gone', stream },
    ])
    expect(rows[0].input).toBeGreaterThan(3)
    expect((await gateway.balanceNanos(buyer)).balanceNanos).toBeLessThan(10_000_000_000n)
  },
)

test.each([
  ['a stream', true],
  ['a whole answer', false],
])('a client that leaves %s while its upstream is failing pays nothing', async (_what, stream) => {
  const name = `failing-${stream}`
  const baseUrl = upstream.serve(name, async (wire) => {
    await wire.raw('HTTP/1.1 500 Oh\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{')
    await new Promise(() => undefined)
  })
  const model = stream ? 'openai/gpt-4' : 'openai/gpt-4-turbo'
  await gateway.listing({ model, baseUrl })
  const answered = vi.spyOn(Exchange.prototype, 'onResponseStart')
  const buyer = await gateway.buyer()
  await leavingClientWhen(buyer, model, () => answered.mock.calls.length > 0, stream)
  await until(() => upstream.visitsOf(name)[0]?.abortedAtMs !== undefined)
  await gateway.settleAndAudit()
  expect((await gateway.balanceNanos(buyer)).balanceNanos).toBe(10_000_000_000n)
})
