/**
 * Every recorded chat answer, served by a replay upstream behind the whole gateway and read by the real SDK: the text,
 * the calls and the usage are the provider's, and the cost is what that usage is worth, in the answer and in the books.
 */
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { priceUsage } from '../src/metering/price-usage.ts'
import { parseScaled } from '../src/platform/money.ts'
import { inputTokens, outputTokens, type Usage } from '../src/providers/usage.ts'
import { randomOf } from '../src/routing/seeded-random.ts'
import {
  type Json,
  loadRecordings,
  type Recording,
  seenInChunks,
  seenInReply,
} from './providers/read-recording.ts'
import { saidIn, usageIn } from './providers/recorded-truth.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { type Script, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

const recordings = loadRecordings('openai.chat', 'anthropic.messages')
const broken = recordings.filter(({ features }) => features.includes('in-band-error'))
const refusals = recordings.filter(({ status }) => status !== 200)
const whole = recordings.filter((recording) => ![...broken, ...refusals].includes(recording))
const read = new Set<string>()

// What is sent a byte at a time must stay short: every byte is a frame, and a turn through the whole corridor.
const BYTEWISE_MAX = 4_096
const SEEDS = [1, 2]

let gateway: TestGateway
let upstream: ScriptedUpstream
let sdk: OpenAI
/** What the upstream answers next, and the bytes that the SDK was given for it. */
let playing: { recording: Recording; cut: Cut }
let answered: Promise<string>

interface Cut {
  name: string
  of(bytes: Buffer): Buffer[]
}

const uncut: Cut = { name: 'whole', of: (bytes) => [bytes] }
const bytewise: Cut = { name: 'byte by byte', of: (bytes) => Array.from(bytes, (byte) => Buffer.of(byte)) }
const seeded = (seed: number): Cut => ({
  name: `cut by seed ${seed}`,
  of: (bytes) => cutAtRandom(bytes, seed),
})

const MODELS = {
  'openai.chat': { provider: 'openai', model: 'openai/gpt-4.1', refusing: 'openai/gpt-4.1-mini' },
  'anthropic.messages': {
    provider: 'anthropic',
    model: 'anthropic/claude-sonnet-4-5',
    refusing: 'anthropic/claude-haiku-4-5',
  },
}
const modelsOf = ({ api }: Recording) => MODELS[api as keyof typeof MODELS]

if (recordings.length === 0) console.log('recordings skipped: RECORDINGS_DIR is not set')

describe.runIf(recordings.length > 0)('recordings through the whole gateway', () => {
  beforeAll(async () => {
    upstream = await startScriptedUpstream()
    gateway = await startTestGateway({ vendorOrigin: upstream.origin })
    for (const { provider, model, refusing } of Object.values(MODELS)) {
      const baseUrl = upstream.serve(provider, replay)
      await gateway.listing({ provider, models: [model, refusing], baseUrl })
    }
    const { key } = await gateway.buyer({ usd: '1000' })
    sdk = new OpenAI({ apiKey: key, baseURL: `${gateway.origin}/v1`, maxRetries: 0, fetch: overheard })
  })
  afterAll(async () => {
    console.log(`recordings ${read.size}/${recordings.length} read through the gateway`)
    await gateway.close()
    await upstream.close()
  })

  test.each(named(whole.filter(({ stream }) => !stream)))('%s reads as recorded', async (_id, recording) => {
    const completion = await ask(recording)
    expect(seenInReply(completion)).toEqual(saidIn(recording))
    expect(completion).toMatchObject({ object: 'chat.completion', model: modelsOf(recording).model })
    await expectCharge(recording, completion.id, completion.usage)
  })

  test.each(named(whole.filter(({ stream }) => stream)))('%s reads as recorded', async (_id, recording) => {
    const short = recording.body.length <= BYTEWISE_MAX
    for (const cut of [uncut, ...SEEDS.map(seeded), ...(short ? [bytewise] : [])]) {
      const chunks = await askForStream(recording, cut)
      expect(seenInChunks(chunks), cut.name).toEqual(saidIn(recording))
      expect(chunks.every(({ id }) => id === chunks[0]?.id)).toBe(true)
      const last = chunks.at(-1)
      expect(last?.choices).toEqual([])
      expect(await answered).toMatch(/\ndata: \[DONE\]\n\n$/)
      await expectCharge(recording, last?.id as string, last?.usage)
    }
  })

  test.each(named(whole.filter(({ stream }) => stream)))(
    "%s is put together by the SDK's own helper",
    async (_id, recording) => {
      playing = { recording, cut: seeded(3) }
      const completion = await sdk.chat.completions.stream(question(recording)).finalChatCompletion()
      const { content, toolCalls, finish } = saidIn(recording)
      const [choice] = completion.choices
      expect(choice?.message.content ?? '').toBe(content)
      const calls = (choice?.message.tool_calls ?? []).map((call: Json) => ({
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
      }))
      expect(calls).toEqual(toolCalls)
      expect(choice?.finish_reason).toBe(finish)
    },
  )

  test.each(named(broken))(
    '%s, which broke off, ends in an error and costs nothing',
    async (_id, recording) => {
      for (const cut of [uncut, ...SEEDS.map(seeded), bytewise]) {
        // In one piece the error comes with the first content, before anything was sent: another offer could have served.
        const told = cut === uncut ? /^502 The upstream for .* failed/ : /broke off upstream/
        await expect(askForStream(recording, cut), cut.name).rejects.toThrow(told)
        const text = await answered
        expect(text).not.toContain('[DONE]')
        expect(
          await gateway.bookedNanos(/"request_id":"(gen-\w+)"/.exec(text)?.[1] as string),
        ).toBeUndefined()
      }
      read.add(recording.id)
    },
  )

  test.each(named(refusals))(
    '%s is told without a word about the seller, and costs nothing',
    async (_id, recording) => {
      const { refusing } = modelsOf(recording)
      const error = await ask(recording, refusing).catch((thrown) => thrown)
      // A model that this vendor does not have is the listing's fault; the others are the caller's.
      expect(error.status).toBe(recording.status === 404 ? 503 : 400)
      expect(error.requestID).toMatch(/^gen-/)
      expect(error.error).toMatchObject({ param: expect.toSatisfy(isTextOrNull), code: expect.any(String) })
      const { message } = JSON.parse(recording.body).error
      if (recording.status === 400) expect(error.message).toContain(message.slice(0, 40))
      else expect(error.message).not.toContain(message)
      expect(await gateway.bookedNanos(error.requestID)).toBeUndefined()
      read.add(recording.id)
    },
  )

  test('all of them were read, nothing is held, and the books balance', async () => {
    expect([...read].sort()).toEqual(recordings.map(({ id }) => id).sort())
    await gateway.settleAndAudit()
  })
})

const named = (list: Recording[]) => list.map((recording) => [recording.id, recording] as const)

const isTextOrNull = (value: unknown) => value === null || typeof value === 'string'

const replay: Script = async (wire) => {
  const { recording, cut } = playing
  if (!recording.stream || recording.status !== 200) return wire.json(recording.status, recording.body)
  await wire.stream()
  await wire.body(...cut.of(Buffer.from(recording.body)))
  await wire.endStream()
}

/** `fetch` that keeps what the SDK was given, so that figures can be read without a float in between. */
async function overheard(url: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  answered = response.clone().text()
  answered.catch(() => undefined)
  return response
}

function question(recording: Recording, model = modelsOf(recording).model) {
  const tools = whole.includes(recording) ? toolsCalledIn(recording) : []
  return {
    model,
    messages: [{ role: 'user' as const, content: 'Go on' }],
    max_completion_tokens: 16_000,
    ...(tools.length > 0 ? { tools } : {}),
  }
}

/** A model may only call what the request declares. */
function toolsCalledIn(recording: Recording): OpenAI.ChatCompletionFunctionTool[] {
  const names = new Set(saidIn(recording).toolCalls.map(({ name }) => name))
  return [...names].map((name) => ({ type: 'function', function: { name, parameters: { type: 'object' } } }))
}

async function ask(recording: Recording, model?: string): Promise<OpenAI.ChatCompletion> {
  playing = { recording, cut: uncut }
  return sdk.chat.completions.create(question(recording, model))
}

async function askForStream(recording: Recording, cut: Cut): Promise<OpenAI.ChatCompletionChunk[]> {
  playing = { recording, cut }
  const chunks: OpenAI.ChatCompletionChunk[] = []
  const stream = await sdk.chat.completions.create({
    ...question(recording),
    stream: true,
    stream_options: { include_usage: true },
  })
  for await (const chunk of stream) chunks.push(chunk)
  return chunks
}

/** The usage is the recorded one, and its price is what the client was told and what was booked. */
async function expectCharge(
  recording: Recording,
  id: string,
  told: OpenAI.CompletionUsage | null | undefined,
) {
  const usage = usageIn(recording)
  expect(told).toMatchObject(openAiUsage(usage))
  const { model, provider } = modelsOf(recording)
  const offers = gateway.context.marketplace.offersFor(model)
  const offer = offers.find((each) => each.provider.id === provider) as (typeof offers)[number]
  const costNanos = priceUsage(usage, offer.price)
  expect(costNanos).toBeGreaterThan(0n)
  expect(parseScaled(/"cost":([\d.]+)/.exec(await answered)?.[1] as string, 9)).toBe(costNanos)
  expect(await gateway.bookedNanos(id)).toBe(costNanos)
  read.add(recording.id)
}

function openAiUsage(usage: Usage) {
  return {
    prompt_tokens: inputTokens(usage),
    completion_tokens: outputTokens(usage),
    total_tokens: inputTokens(usage) + outputTokens(usage),
    prompt_tokens_details: {
      cached_tokens: usage.cacheRead,
      cache_write_tokens: usage.cacheWrite5m + usage.cacheWrite1h,
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  }
}

/** Pieces of 1 to 400 bytes. */
function cutAtRandom(bytes: Buffer, seed: number): Buffer[] {
  const random = randomOf(String(seed))
  const pieces: Buffer[] = []
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + Math.floor(random() ** 2 * 400)
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  return pieces
}
