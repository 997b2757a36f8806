import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import { loadCatalog } from './catalog.ts'
import { explainModel } from './explain-model.ts'

const overridesPath = fileURLToPath(new URL('../../../config/models.json', import.meta.url))
const NOW = Date.parse('2026-09-15T12:00:00Z')
const catalog = loadCatalog({ overridesPath, nowMs: NOW })

function refusal(action: () => unknown): GatewayError {
  try {
    action()
  } catch (error) {
    if (error instanceof GatewayError) return error
  }
  throw new Error('it was not refused')
}

test('a model answers to author/name, its bare name, and its dated id', () => {
  const model = catalog.find('gpt-4o-mini')
  expect(model).toMatchObject({
    id: 'openai/gpt-4o-mini',
    author: 'openai',
    name: 'gpt-4o-mini',
    maxOutputTokens: 16_384,
    contextWindow: 128_000,
    tokenizer: 'o200k',
  })
  for (const name of [
    'openai/gpt-4o-mini',
    'gpt-4o-mini-2024-07-18',
    'openai/gpt-4o-mini-2024-07-18',
    'gpt-4o-mini:floor',
  ]) {
    expect(catalog.find(name)).toBe(model)
  }
  expect(model.listPrice?.base).toMatchObject({
    uncachedInput: 150_000n,
    cacheRead: 75_000n,
    output: 600_000n,
  })
  expect(new Date(model.createdS * 1000).toISOString()).toBe('2024-07-18T00:00:00.000Z')
})

test('well-known names of every author resolve to a priced model', () => {
  const expected: Record<string, [id: string, maxOutputTokens: number]> = {
    'gpt-4.1': ['openai/gpt-4.1', 32_768],
    'gpt-4o': ['openai/gpt-4o', 16_384],
    'gpt-3.5-turbo': ['openai/gpt-3.5-turbo', 4_096],
    'o4-mini': ['openai/o4-mini', 100_000],
    'gpt-5': ['openai/gpt-5', 128_000],
    'gpt-5-chat-latest': ['openai/gpt-5-chat', 16_384],
    'claude-sonnet-4-5-20250929': ['anthropic/claude-sonnet-4-5', 64_000],
    'claude-opus-4-20250514': ['anthropic/claude-opus-4-0', 32_000],
    'claude-3-5-haiku-20241022': ['anthropic/claude-3-5-haiku-latest', 8_192],
    'gemini-2.5-pro': ['google/gemini-2.5-pro', 65_536],
    'mistral/codestral-latest': ['mistralai/codestral', 16_384],
    'deepseek-chat': ['deepseek/deepseek-chat', 8_192],
    'xai/grok-4': ['x-ai/grok-4', 131_072],
    'kimi-k2-thinking': ['moonshotai/kimi-k2-thinking', 32_768],
    'meta/llama-3.3-70b': ['meta-llama/llama-3.3-70b-instruct', 32_768],
    'qwen3-32b': ['qwen/qwen3-32b', 40_960],
  }
  for (const [name, [id, maxOutputTokens]] of Object.entries(expected)) {
    const model = catalog.find(name)
    expect([name, model.id, model.maxOutputTokens]).toEqual([name, id, maxOutputTokens])
    expect(model.listPrice, name).toBeDefined()
  }
})

test('an unknown name says what to do', () => {
  const error = refusal(() => catalog.find('gpt-5o'))
  expect(error.code).toBe('model_not_found')
  expect(error.message).toBe("No model named 'gpt-5o'. GET /v1/models lists the models you can use.")
  expect(error.details.param).toBe('model')
  expect(refusal(() => catalog.find('x'.repeat(5_000))).message.length).toBeLessThan(200)
  for (const name of ['__proto__', 'constructor', '', '*', 'openai/'])
    expect(refusal(() => catalog.find(name)).code).toBe('model_not_found')
})

test('every catalogued model is whole: id, bounds, and either a price or the reason why there is none', () => {
  const models = catalog.list()
  expect(models.length).toBeGreaterThan(150)
  expect(new Set(models.map(({ id }) => id)).size).toBe(models.length)
  for (const model of models) {
    expect(catalog.find(model.id)).toBe(model)
    expect(model.maxOutputTokens).toBeGreaterThan(0)
    expect(model.maxOutputTokens).toBeLessThanOrEqual(model.contextWindow ?? Number.POSITIVE_INFINITY)
    expect(Number.isSafeInteger(model.createdS)).toBe(true)
    expect(model.sources.listPrice).not.toBe('')
    if (model.listPrice) expect(model.listPrice.base.uncachedInput).toBeGreaterThan(0n)
  }
})

test('models that do not chat are not catalogued', () => {
  const ids = catalog.list().map(({ id }) => id)
  expect(ids.filter((id) => /embed|whisper|tts|moderation|realtime|ocr|transcribe|image/.test(id))).toEqual(
    [],
  )
})

test('every rule of config/models.json applies to a model', () => {
  const rules = (JSON.parse(readFileSync(overridesPath, 'utf8')) as { rules: { match: string }[] }).rules
  const ids = catalog.list().map(({ id }) => id)
  const idle = rules.filter(({ match }) => {
    const pattern = new RegExp(
      `^${match
        .split('*')
        .map((part) => part.replaceAll('.', '\\.'))
        .join('.*')}$`,
    )
    return !ids.some((id) => pattern.test(id))
  })
  expect(idle).toEqual([])
})

test('our price wins over the data and missing classes fall back to the dearer one', () => {
  const own = loadCatalog({
    nowMs: NOW,
    overrides: {
      authors: [{ author: 'openai', prices: 'openai' }],
      rules: [],
      models: [
        {
          id: 'openai/gpt-4o-mini',
          aliases: ['house-model'],
          price: {
            input: '0.2',
            output: '0.8',
            cacheWrite: '0.25',
            tiers: [{ aboveInputTokens: 1000, prices: { input: '0.4', output: '1.6' } }],
          },
        },
        { id: 'acme/one', contextWindow: 1_000 },
      ],
    },
  })
  const model = own.find('house-model')
  expect(model.listPrice).toEqual({
    base: {
      uncachedInput: 200_000n,
      cacheRead: 200_000n,
      cacheWrite5m: 250_000n,
      cacheWrite1h: 250_000n,
      audioInput: 200_000n,
      output: 800_000n,
      audioOutput: 800_000n,
    },
    tiers: [
      {
        aboveInputTokens: 1000,
        prices: {
          uncachedInput: 400_000n,
          cacheRead: 400_000n,
          cacheWrite5m: 400_000n,
          cacheWrite1h: 400_000n,
          audioInput: 400_000n,
          output: 1_600_000n,
          audioOutput: 1_600_000n,
        },
      },
    ],
  })
  expect(model.sources.listPrice).toBe('config/models.json')
  const unpriced = own.find('acme/one')
  expect(unpriced).toMatchObject({ listPrice: undefined, maxOutputTokens: 1_000, tokenizer: 'approximate' })
  expect(explainModel(unpriced)).toContain('not sellable until priced')
})

test('a wrong models.json is refused with every fault named', () => {
  const load = (models: object[]) => () =>
    loadCatalog({ nowMs: NOW, overrides: { authors: [], rules: [], models } as never })
  expect(load([{ id: 'acme/one', price: { input: '0', output: '0.1234567' } }])).toThrow(
    /models\.0\.price\.input: .*give tokens away[\s\S]*models\.0\.price\.output: '0\.1234567'/,
  )
  expect(load([{ id: 'acme/one', price: { input: '1e3', output: '-1' } }])).toThrow(/'1e3'[\s\S]*'-1'/)
  expect(load([{ id: 'no-author' }])).toThrow('must be author/name')
  expect(load([{ id: 'acme/one', maxOutputToken: 5 }])).toThrow('maxOutputToken')
  expect(load([{ id: 'acme/one', priceFrom: { provider: 'groq', model: 'nothing' } }])).toThrow(
    'groq/nothing',
  )
})

test('refresh moves a price that depends on the time of day, and only from then on', () => {
  const clockwork = loadCatalog({ overridesPath, nowMs: Date.parse('2026-09-15T12:00:00Z') })
  const offPeak = clockwork.find('deepseek-v4-flash')
  expect(offPeak.listPrice?.base.output).toBe(660_000n)
  clockwork.refresh(Date.parse('2026-09-15T07:00:00Z'))
  expect(clockwork.find('deepseek-v4-flash').listPrice?.base.output).toBe(1_320_000n)
  expect(offPeak.listPrice?.base.output).toBe(660_000n)
})

test('explainModel shows each number with its source', () => {
  const text = explainModel(catalog.find('claude-sonnet-4-5'))
  expect(text).toContain('max output tokens 64000  [config/models.json]')
  expect(text).toContain('base: uncachedInput 3, cacheRead 0.3, cacheWrite5m 3.75, cacheWrite1h 6')
  expect(text).toContain('above 200000 input tokens: uncachedInput 6')
  expect(text).toContain('@pydantic/genai-prices anthropic/claude-sonnet-4-5')
})
