// Every upstream of a model is down, and the client is the real OpenAI SDK, which by itself tries three times. Its tries
// and ours must not multiply.
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { type Script, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

// Who is asked to come back in ten seconds has shown all that this story looks at.
const PATIENCE_MS = 3_000

let gateway: TestGateway
let upstreams: ScriptedUpstream[]

beforeAll(async () => {
  upstreams = await Promise.all([startScriptedUpstream(), startScriptedUpstream(), startScriptedUpstream()])
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.close()
  for (const upstream of upstreams) await upstream.close()
})

const down: Script = (wire) => wire.json(500, { error: { message: 'down', type: 'server_error' } })

/** Three listings of a model, each with a server of its own, and a count of the calls they got. */
async function pool(model: string): Promise<() => number> {
  const name = model.split('/')[1] as string
  for (const upstream of upstreams) await gateway.listing({ model, baseUrl: upstream.serve(name, down) })
  return () => upstreams.reduce((sum, upstream) => sum + upstream.visitsOf(name).length, 0)
}

interface Heard {
  /** Answers that one call of the SDK got, one after the other. */
  status: number
  shouldRetry: string | null
  retryAfterMs: string | null
}

function sdk(buyer: Buyer): { openai: OpenAI; heard: Heard[] } {
  const heard: Heard[] = []
  const openai = new OpenAI({
    apiKey: buyer.key,
    baseURL: `${gateway.origin}/v1`,
    async fetch(url, init) {
      const response = await fetch(url, init)
      heard.push({
        status: response.status,
        shouldRetry: response.headers.get('x-should-retry'),
        retryAfterMs: response.headers.get('retry-after-ms'),
      })
      return response
    },
  })
  return { openai, heard }
}

const ask = (openai: OpenAI, model: string, stream: boolean) =>
  openai.chat.completions
    .create(
      { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 10, stream },
      { signal: AbortSignal.timeout(PATIENCE_MS) },
    )
    .then(
      () => 'served',
      () => 'failed',
    )

test('one request of the SDK makes three calls upstream, and no more', async () => {
  for (const [model, stream] of [
    ['openai/gpt-4o', false],
    ['openai/gpt-4.1', true],
  ] as const) {
    const calls = await pool(model)
    const { openai, heard } = sdk(await gateway.buyer())
    expect(await ask(openai, model, stream)).toBe('failed')
    expect(calls()).toBe(3)
    expect(heard).toEqual([{ status: 502, shouldRetry: 'false', retryAfterMs: null }])
  }
})

test('a hundred requests of the SDK make at most 120 calls upstream; who may come back is told when', async () => {
  for (const [model, width] of [
    ['openai/gpt-4o-mini', 10],
    ['openai/gpt-4.1-mini', 100],
  ] as const) {
    const calls = await pool(model)
    const { openai, heard } = sdk(await gateway.buyer())
    const outcomes: string[] = []
    for (let asked = 0; asked < 100; asked += width)
      outcomes.push(...(await Promise.all(Array.from({ length: width }, () => ask(openai, model, false)))))
    expect(outcomes).toEqual(Array(100).fill('failed'))
    expect(calls()).toBeGreaterThan(0)
    expect(calls()).toBeLessThanOrEqual(120)
    expect(heard.every(({ status }) => status >= 502 && status <= 504)).toBe(true)
    const invited = heard.filter(({ shouldRetry }) => shouldRetry === 'true')
    expect(invited.length).toBeLessThanOrEqual(3)
    for (const { retryAfterMs } of invited) expect(Number(retryAfterMs)).toBeGreaterThanOrEqual(1_000)
  }
  await gateway.settleAndAudit()
})
