import { expect, test } from 'vitest'
import { makeProvider } from '../../test/support/market.ts'
import { answerToVerification } from '../../test/support/verification.ts'
import { anthropicFormat } from '../providers/anthropic.ts'
import { openAiFormat } from '../providers/openai.ts'
import { isListed, readModelIds } from './listed-models.ts'
import type { UpstreamAnswer } from './upstream-answer.ts'
import { type Candidate, MAX_RETRIES, PROBE_TEXT, retryDelayMs, verifyListing } from './verify-listing.ts'

const KEY = 'sk-a-key-that-nobody-may-see'

interface Asked {
  method: string
  path: string
  body?: Record<string, unknown>
}

/** Verifies against upstream answers that are given by path; what is not given is answered well. */
async function verify(
  answers: Record<string, UpstreamAnswer | UpstreamAnswer[]>,
  change: Partial<Candidate> = {},
  format = openAiFormat,
) {
  const asked: Asked[] = []
  const steps: string[] = []
  const queues = new Map(Object.entries(answers).map(([path, answer]) => [path, [answer].flat()]))
  const verdict = await verifyListing(
    {
      format,
      async call(call) {
        const text = 'body' in call ? call.body.toString() : ''
        asked.push({
          method: call.method,
          path: call.path,
          ...(text === '' ? {} : { body: JSON.parse(text) }),
        })
        const queue = queues.get(call.path)
        const given = queue && (queue.length > 1 ? queue.shift() : queue[0])
        return given ?? ok(answerToVerification(call.path, text) ?? '')
      },
      async onStep(step) {
        steps.push(step)
      },
      nowMs: () => 0,
    },
    {
      provider: makeProvider('openai'),
      hasKey: true,
      upstreamModels: ['gpt-4o-mini'],
      mayLack: false,
      ...change,
    },
  )
  return { verdict, asked, steps }
}

const ok = (body: string): UpstreamAnswer => ({ status: 200, headers: {}, body: Buffer.from(body) })
const error = (status: number, code: string, headers = {}): UpstreamAnswer => ({
  status,
  headers,
  body: Buffer.from(JSON.stringify({ error: { message: `${KEY} is why`, code } })),
})
const chat = '/chat/completions'

test('a key that lists its models and answers one token is verified', async () => {
  const { verdict, asked, steps } = await verify({})
  expect(verdict).toEqual({ outcome: 'passed', unlisted: [] })
  expect(steps).toEqual(['listing_models', 'probing'])
  expect(asked).toMatchObject([
    { method: 'GET', path: '/models' },
    { method: 'POST', path: chat, body: { model: 'gpt-4o-mini', max_completion_tokens: 1 } },
  ])
})

test('the probe speaks the wire format of the provider', async () => {
  const provider = makeProvider('anthropic', {
    format: 'anthropic',
    chatPath: '/messages',
    modelsPath: '/models?limit=1000',
  })
  const { verdict, asked } = await verify(
    {},
    { provider, upstreamModels: ['claude-haiku-4-5'] },
    anthropicFormat,
  )
  expect(verdict).toMatchObject({ outcome: 'passed' })
  expect(asked[1]).toMatchObject({ path: '/messages', body: { model: 'claude-haiku-4-5', max_tokens: 1 } })
})

test('a vendor without a list of models is probed only', async () => {
  const { verdict, asked } = await verify({}, { provider: makeProvider('openai', { modelsPath: null }) })
  expect(verdict).toMatchObject({ outcome: 'passed' })
  expect(asked.map(({ path }) => path)).toEqual([chat])
})

test.each<[string, Record<string, UpstreamAnswer | UpstreamAnswer[]>, string]>([
  ['a key that the list refuses', { '/models': error(401, 'invalid_api_key') }, 'key_rejected'],
  ['a key that only the probe refuses', { [chat]: error(403, 'permission') }, 'key_rejected'],
  ['an account without credit', { [chat]: error(429, 'insufficient_quota') }, 'quota_exhausted'],
  ['a model that is not served', { [chat]: error(404, 'model_not_found') }, 'model_refused'],
  ['a base URL without a list', { '/models': error(404, 'not_found') }, 'no_model_list'],
  ['a page where the list should be', { '/models': ok('<html>hello') }, 'no_model_list'],
  ['a page where the answer should be', { [chat]: ok('<html>hello') }, 'malformed'],
  ['a list that lacks the model', { '/models': ok('{"data":[{"id":"gpt-4o"}]}') }, 'models_not_listed'],
  ['an address of our own network', { '/models': { failure: 'blocked' } }, 'address_blocked'],
  ['a model that refuses every probe', { [chat]: error(400, 'unsupported') }, 'user_error'],
])('%s is refused for good, in words of ours', async (_what, answers, reason) => {
  const { verdict } = await verify(answers)
  expect(verdict).toMatchObject({ outcome: 'refused', reason })
  expect(JSON.stringify(verdict)).not.toContain(KEY)
})

test.each<[string, UpstreamAnswer, string]>([
  ['a network that is down', { failure: 'network' }, 'network'],
  ['an upstream that hangs', { failure: 'timeout' }, 'timeout'],
  ['a broken upstream', error(502, 'bad_gateway'), 'server_error'],
  ['an upstream with too much to do', error(529, 'overloaded'), 'overloaded'],
  ['a key at its rate limit', error(429, 'rate_limit_exceeded', { 'retry-after': '70' }), 'rate_limited'],
])('%s is tried again later', async (_what, answer, reason) => {
  for (const path of ['/models', chat]) {
    const { verdict } = await verify({ [path]: answer })
    expect(verdict).toMatchObject({ outcome: 'failed_for_now', reason })
    expect(JSON.stringify(verdict)).not.toContain(KEY)
    if (reason === 'rate_limited') expect(verdict).toMatchObject({ retryAfterMs: 70_000 })
  }
})

test('a model that takes no single token gets a few; one that cannot chat is not the end of the key', async () => {
  const tooFew = await verify({
    [chat]: [error(400, 'unsupported'), ok(String(answerToVerification(chat, PROBE_TEXT)))],
  })
  expect(tooFew.verdict).toMatchObject({ outcome: 'passed' })
  expect(tooFew.asked.map(({ body }) => body?.max_completion_tokens)).toEqual([undefined, 1, 16])
  const embeddings = [error(404, 'model_not_found'), ok(String(answerToVerification(chat, PROBE_TEXT)))]
  const other = await verify({ [chat]: embeddings }, { upstreamModels: ['gpt-4o-mini', 'gpt-4o'] })
  expect(other.verdict).toMatchObject({ outcome: 'passed' })
  expect(other.asked.map(({ body }) => body?.model)).toEqual([undefined, 'gpt-4o-mini', 'gpt-4o'])
})

test('a key that is refused is not tried with the other models', async () => {
  const models = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1']
  const { asked } = await verify({ [chat]: error(401, 'invalid_api_key') }, { upstreamModels: models })
  expect(asked).toHaveLength(2)
})

test('a listing without a key asks nobody', async () => {
  const { verdict, asked } = await verify({}, { hasKey: false })
  expect(verdict).toMatchObject({ outcome: 'refused', reason: 'key_missing' })
  expect(asked).toEqual([])
})

test('a listing of all models goes on with those that the key lists, unless there is none', async () => {
  const list = { '/models': ok('{"data":[{"id":"gpt-4o"}]}') }
  const some = await verify(list, { mayLack: true, upstreamModels: ['gpt-4o-mini', 'gpt-4o'] })
  expect(some.verdict).toEqual({ outcome: 'passed', unlisted: ['gpt-4o-mini'] })
  expect(some.asked[1]?.body?.model).toBe('gpt-4o')
  const none = await verify(list, { mayLack: true })
  expect(none.verdict).toMatchObject({ outcome: 'refused', reason: 'models_not_listed' })
})

test('retries come after 5 s, then twice as late, six times; a vendor who names a time is believed up to ten minutes', () => {
  const delays = Array.from({ length: MAX_RETRIES + 1 }, (_, index) => retryDelayMs(index + 1))
  expect(delays).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000, undefined])
  expect(retryDelayMs(1, 70_000)).toBe(70_000)
  expect(retryDelayMs(1, 86_400_000)).toBe(600_000)
})

test('a name is listed as itself, by a dated version, or in the spelling of Google, Ollama and aliases', () => {
  const ids = new Set([
    'gpt-4o-2024-08-06',
    'claude-sonnet-4-20250514',
    'models/gemini-2.0-flash',
    'llama3:latest',
    'gpt-5-chat-latest',
  ])
  for (const name of [
    'gpt-4o-2024-08-06',
    'gpt-4o',
    'claude-sonnet-4-0',
    'gemini-2.0-flash',
    'llama3',
    'gpt-5-chat',
  ])
    expect(isListed(name, ids), name).toBe(true)
  for (const name of ['gpt-4', 'claude-sonnet', 'gpt-4o-mini', 'gemini-2.0', ''])
    expect(isListed(name, ids), name).toBe(false)
})

test('a list is read as OpenAI and Together write it, and nothing else is a list', () => {
  const read = (text: string) => readModelIds(Buffer.from(text))
  expect(read('{"data":[{"id":"a"},{"id":1},null]}')).toEqual(new Set(['a']))
  expect(read('[{"id":"a"}]')).toEqual(new Set(['a']))
  for (const text of ['', 'null', '{}', '{"data":{}}', '"x"', '[']) expect(read(text), text).toBeUndefined()
})
