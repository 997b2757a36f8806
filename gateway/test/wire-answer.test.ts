/** The wire of answers: every key that clients index, the models, and OpenAI's own document on both. */
import type OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { faultsOf, hasDocument, schemaOf } from './providers/openai-document.ts'
import { completion, type Script } from './support/scripted-upstream.ts'
import { ask, eventsIn, MODEL, startWireScene, type WireScene } from './support/wire-scene.ts'

let scene: WireScene

beforeAll(async () => {
  scene = await startWireScene()
})
afterAll(() => scene.close())

const answer: Script = (wire) => wire.json(200, completion('Hello'))

describe('a whole answer', () => {
  test('has every key that clients index, whatever the vendor left out, and a time in seconds', async () => {
    const bare = { created: 1_700_000_000_000, choices: [{ message: { content: 'Hello' } }] }
    const { text } = await scene.post((wire) => wire.json(200, bare), ask())
    const reply = JSON.parse(text)
    expect(reply).toMatchObject({
      id: expect.stringMatching(/^gen-/),
      object: 'chat.completion',
      model: MODEL,
    })
    expect(reply.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'Hello', refusal: null },
        finish_reason: 'stop',
        logprobs: null,
      },
    ])
    expect(Math.abs(reply.created - Date.now() / 1000)).toBeLessThan(60)
    const { prompt_tokens: prompt, completion_tokens: completed, total_tokens: total } = reply.usage
    expect(total).toBe(prompt + completed)
    expect([prompt, completed].every((count) => Number.isInteger(count) && count > 0)).toBe(true)
    expect(text).toMatch(/"cost":0\.\d+[},]/)
  })

  test('keeps what the vendor said beside it, byte for byte, and none of his headers', async () => {
    const more =
      '"system_fingerprint":"fp_1","service_tier":"default","x_big":12345678901234567890,"x_float":1.50'
    const body = JSON.stringify(completion('Hé 😀')).replace('"object"', `${more},"object"`)
    const headers = {
      'set-cookie': 'a=b',
      'openai-organization': 'seller',
      'x-ratelimit-limit-requests': '9',
      server: 'v',
    }
    const reply = await scene.post((wire) => wire.json(200, body, headers), ask())
    expect(reply.text).toContain(more)
    for (const name of [...Object.keys(headers), 'content-encoding', 'transfer-encoding'])
      expect(reply.headers.get(name), name).toBeNull()
    expect(Number(reply.headers.get('content-length'))).toBe(Buffer.byteLength(reply.text))
  })

  test('with several choices has each index once, whole and in a stream, and the usage counts them all', async () => {
    // One seller, because the two of the demo have each their own words.
    const listings = await scene.gateway.api('get', '/api/marketplace/listings?provider=demo')
    const demo = await scene.gateway.buyer({ key: { policy: { only: [listings.body.data[0].id] } } })
    const params = { model: 'gpt-4o-mini', n: 3, messages: [{ role: 'user' as const, content: 'Pick' }] }
    const whole = await demo.openai.chat.completions.create(params)
    expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    const stream = await demo.openai.chat.completions.create({
      ...params,
      stream: true,
      stream_options: { include_usage: true },
    })
    const texts = ['', '', '']
    const finishes: [number, string][] = []
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const part of stream) {
      for (const { index, delta, finish_reason: finish } of part.choices) {
        texts[index] += delta.content ?? ''
        if (finish) finishes.push([index, finish])
      }
      usage = part.usage ?? usage
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content))
    expect(finishes).toEqual([0, 1, 2].map((index) => [index, 'stop']))
    expect(usage?.completion_tokens).toBe(whole.usage?.completion_tokens)
  })
})

describe('models', () => {
  test('are those that the key may use, by any of their names', async () => {
    const narrow = await scene.gateway.buyer({
      demo: true,
      key: { models: ['openai/gpt-4o', 'gpt-4o-mini'] },
    })
    const listed = (await narrow.openai.models.list()).data
    expect(listed.map(({ id }) => id).sort()).toEqual(['openai/gpt-4o', 'openai/gpt-4o-mini'])
    expect(await narrow.openai.models.retrieve('openai/gpt-4o-mini')).toEqual(
      listed.find(({ id }) => id.endsWith('mini')),
    )
    expect(await narrow.openai.models.retrieve('gpt-4o-mini')).toMatchObject({ id: 'openai/gpt-4o-mini' })
    await expect(narrow.openai.models.retrieve(MODEL)).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
  })

  test('need a key, and only one that may call models', async () => {
    const reader = await scene.gateway.buyer({ key: { scopes: ['read'] } })
    const list = (authorization: string) =>
      fetch(`${scene.gateway.origin}/v1/models`, { headers: { authorization } })
    expect((await list('')).status).toBe(401)
    expect((await list('Bearer sk-wrong')).status).toBe(401)
    expect((await list(`Bearer ${scene.gateway.operator.token}`)).status).toBe(401)
    expect((await list(`Bearer ${reader.key}`)).status).toBe(403)
  })
})

describe.runIf(hasDocument)("OpenAI's document", () => {
  test('describes what clients get: answers, chunks, models and errors', async () => {
    const demo = await scene.gateway.buyer({ demo: true })
    const get = (path: string) =>
      fetch(scene.gateway.origin + path, { headers: { authorization: `Bearer ${demo.key}` } })
    const asDemo = { authorization: `Bearer ${demo.key}` }
    const tools = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }]
    const requests = [
      { n: 2 },
      { tools, tool_choice: 'required' },
      { response_format: { type: 'json_object' } },
      { max_tokens: 3 },
    ]
    const faults: unknown[] = []
    const [whole, part] = [
      schemaOf('CreateChatCompletionResponse'),
      schemaOf('CreateChatCompletionStreamResponse'),
    ]
    for (const more of requests) {
      const body = { ...ask(more), model: 'gpt-4o-mini' }
      faults.push(...faultsOf(whole, JSON.parse((await scene.post(answer, body, asDemo)).text)))
      const streamed = { ...body, stream: true, stream_options: { include_usage: true } }
      const events = eventsIn((await scene.post(answer, streamed, asDemo)).text)
      expect(events.length).toBeGreaterThan(2)
      for (const event of events) faults.push(...faultsOf(part, event))
    }
    const refused = await scene.post(answer, '{', asDemo)
    faults.push(...faultsOf(schemaOf('ErrorResponse'), JSON.parse(refused.text)))
    faults.push(...faultsOf(schemaOf('ListModelsResponse'), await (await get('/v1/models')).json()))
    faults.push(...faultsOf(schemaOf('Model'), await (await get('/v1/models/gpt-4o-mini')).json()))
    expect(faults).toEqual([])
    // The positive control: the document is really asked.
    expect(faultsOf(whole, { ...completion('x'), object: 'something' })).not.toEqual([])
  })
})
