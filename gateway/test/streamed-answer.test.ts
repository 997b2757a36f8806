import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
} from './support/scripted-upstream.ts'

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

interface StreamEvent {
  id: string
  model: string
  choices: { delta: { content?: string } }[]
  usage?: { prompt_tokens: number; completion_tokens: number } | null
  error?: Record<string, unknown>
}

async function rawStream(
  key: string,
  body: Record<string, unknown>,
): Promise<{ response: Response; text: string; events: StreamEvent[] }> {
  const response = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Say it' }], stream: true, ...body }),
  })
  const text = await response.text()
  const events = text
    .split('\n\n')
    .filter((part) => part.startsWith('data: {'))
    .map((part) => JSON.parse(part.slice(6)))
  return { response, text, events }
}

test('an SDK streams an answer from the demo, piece by piece, and the usage at the end carries the booked cost', async () => {
  const client = new OpenAI({ baseURL: gateway.summary.baseUrl, apiKey: gateway.summary.apiKey as string })
  const stream = await client.chat.completions.create({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Tell me something' }],
    stream: true,
    stream_options: { include_usage: true },
  })
  let text = ''
  const ids = new Set<string>()
  const created = new Set<number>()
  let last: OpenAI.ChatCompletionChunk | undefined
  for await (const part of stream) {
    text += part.choices[0]?.delta.content ?? ''
    ids.add(part.id)
    created.add(part.created)
    last = part
  }
  expect(text).toMatch(/demo upstream/i)
  expect(ids.size).toBe(1)
  expect(created.size).toBe(1)
  expect(last?.choices).toEqual([])
  const usage = last?.usage as OpenAI.CompletionUsage & { cost: number }
  const booked = await gateway.bookedNanos(last?.id as string)
  expect(Number(booked) / 1e9).toBeCloseTo(usage.cost, 12)
  await gateway.settleAndAudit()
})

test('a client that did not ask for usage gets no usage chunk, and [DONE] exactly once at the end', async () => {
  const buyer = await gateway.buyer()
  await gateway.listing({
    model: 'openai/gpt-4.1',
    baseUrl: upstream.serve('plain', streaming(['Hel', 'lo'])),
  })
  const { response, text, events } = await rawStream(buyer.key, { model: 'gpt-4.1' })
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(response.headers.get('cache-control')).toBe('no-cache')
  expect(response.headers.get('x-accel-buffering')).toBe('no')
  expect(events.every(({ choices }) => choices.length === 1)).toBe(true)
  expect(events.every((event) => !event.usage)).toBe(true)
  expect(events.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe('Hello')
  expect(
    events.every(
      ({ id, model }) => id === response.headers.get('x-request-id') && model === 'openai/gpt-4.1',
    ),
  ).toBe(true)
  expect(text.match(/data: \[DONE\]\n\n/g)).toHaveLength(1)
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  expect(text).not.toMatch(/^(event|id):/m)
  // Internally usage was asked for, and it is what was billed: 10 + 2 tokens at $2 and $8 a million.
  expect(upstream.visitsOf('plain')[0]?.json).toMatchObject({ stream_options: { include_usage: true } })
  expect(await gateway.bookedNanos(String(events[0]?.id))).toBe(10n * 2_000n + 2n * 8_000n)
  await gateway.settleAndAudit()
})

test('an upstream that reports nothing is billed by our own count', async () => {
  const buyer = await gateway.buyer()
  await gateway.listing({
    model: 'openai/gpt-4.1-mini',
    baseUrl: upstream.serve('silent', streaming(['Hello', ' world'], null)),
  })
  const { events } = await rawStream(buyer.key, {
    model: 'gpt-4.1-mini',
    stream_options: { include_usage: true },
  })
  const usage = events.at(-1)?.usage
  expect(usage?.completion_tokens).toBe(2)
  expect(usage?.prompt_tokens).toBeGreaterThan(3)
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    `SELECT usage_source FROM ledger.usage_record WHERE model = 'openai/gpt-4.1-mini'`,
  )
  expect(rows).toEqual([{ usage_source: 'counted' }])
})

test('a stream that breaks after content ends with an error event and without [DONE], and costs nothing', async () => {
  const buyer = await gateway.buyer()
  await gateway.listing({
    model: 'openai/gpt-4.1-nano',
    baseUrl: upstream.serve('cut', async (wire) => {
      await wire.stream()
      await wire.event(chunk({ role: 'assistant', content: 'Once' }))
      await wire.event(chunk({ content: ' upon' }))
      wire.reset()
    }),
  })
  const { response, text, events } = await rawStream(buyer.key, { model: 'gpt-4.1-nano' })
  expect(response.status).toBe(200)
  expect(text).not.toContain('[DONE]')
  expect(events.at(-1)?.error).toMatchObject({
    type: 'server_error',
    code: 'upstream_failed',
    param: null,
    request_id: response.headers.get('x-request-id'),
  })
  await expect(
    (async () => {
      const stream = await buyer.openai.chat.completions.create({
        model: 'gpt-4.1-nano',
        messages: [{ role: 'user', content: 'x' }],
        stream: true,
      })
      for await (const _ of stream);
    })(),
  ).rejects.toThrow(/broke off/)
  await gateway.settleAndAudit()
  expect((await gateway.balanceNanos(buyer)).balanceNanos).toBe(10_000_000_000n)
})

test('an empty answer is free', async () => {
  const buyer = await gateway.buyer()
  await gateway.listing({
    model: 'openai/o3-mini',
    baseUrl: upstream.serve(
      'empty',
      streaming([], { prompt_tokens: 10, completion_tokens: 0, total_tokens: 10 }),
    ),
  })
  const { text } = await rawStream(buyer.key, { model: 'o3-mini' })
  expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  await gateway.settleAndAudit()
  expect((await gateway.balanceNanos(buyer)).balanceNanos).toBe(10_000_000_000n)
})
