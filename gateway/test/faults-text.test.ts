/**
 * Characters that a database, a log or a terminal may stumble over: zero, halves of pairs, right-to-left marks, a
 * megabyte of emoji. In prompts, in names and in what upstreams answer: never our fault, and always billed.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parseId } from '../src/platform/ids.ts'
import { createLogger } from '../src/platform/logger.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { type Answer, call, toldNanos } from './support/gateway-client.ts'
import {
  chunk,
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 60_000 })

const MODEL = 'openai/gpt-4.1'
const usage = { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 }

const texts = {
  'a zero': 'a\u0000b',
  'half a pair': 'a\ud800b',
  'the other half': '\udc00',
  'halves in the wrong order': '\udc00\ud800',
  'right to left': '\u202eevil\u202c שלום عليكم',
  'a megabyte of emoji': '👩‍👩‍👧‍👦'.repeat(42_000),
  'control characters': '\u0001\u001b[31m\u007f\u0085\u2028\ufeff',
  'no character': '\uffff\ufffe',
}
const short = Object.entries(texts).filter(([, text]) => text.length < 100)

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer
const logged: string[] = []

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  const destination = { write: (line: string) => void logged.push(line) }
  gateway = await startTestGateway({ logger: createLogger({ level: 'info', destination }) })
  buyer = await gateway.buyer({ usd: '100' })
  const baseUrl = upstream.serve('plain', (wire) => wire.json(200, completion('fine', { usage })))
  await gateway.listing({ model: MODEL, baseUrl })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

const ask = (body: Record<string, unknown>): Promise<Answer> =>
  call(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    token: buyer.key,
    body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 50, ...body },
  })

/** The row that an answer came to, with the cost that the client was told. */
async function expectBilled({ status, text }: Pick<Answer, 'status' | 'text'>) {
  expect(status, text).toBe(200)
  const id = parseId('gen-', /gen-[0-9a-z]+/.exec(text)?.[0] as string)
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    'SELECT model, finish_reason, cost_nanos FROM ledger.usage_record WHERE id = $1',
    [id],
  )
  expect(rows, text).toHaveLength(1)
  expect(BigInt(rows[0].cost_nanos)).toBe(toldNanos(text))
  return rows[0] as { model: string; finish_reason: string }
}

const isWhole = ([, text]: [string, string]) => text === Buffer.from(text).toString()
const [whole, halves] = [
  Object.entries(texts).filter(isWhole),
  Object.entries(texts).filter((each) => !isWhole(each)),
]

const saying = (text: string) => [
  { role: 'system', content: text },
  { role: 'user', content: text, name: 'n' },
]

test.each(whole)('a prompt with %s reaches the upstream as it was, and is billed', async (_, text) => {
  await expectBilled(await ask({ messages: saying(text) }))
  const asked = upstream.visitsOf('plain').at(-1)?.json.messages as { content: string }[] | undefined
  expect(asked?.map(({ content }) => content === text)).toEqual([true, true])
})

// They are no text: UTF-8 cannot say them, so no upstream could be sent what was asked.
test.each(halves)(
  'a prompt with %s is refused before anything is sent or held, and says why',
  async (_, text) => {
    const asked = upstream.visits.length
    const { status, json } = await ask({ messages: saying(text) })
    expect(status).toBe(400)
    expect(json.error).toMatchObject({ code: 'invalid_json', message: expect.stringContaining('surrogate') })
    expect(upstream.visits).toHaveLength(asked)
    await gateway.settleAndAudit()
  },
)

test.each(short)(
  '%s where a name, a stop word or a tool is expected is answered, and never with a fault of ours',
  async (_, text) => {
    const tool = {
      type: 'function',
      function: { name: text, parameters: { type: 'object', properties: { [text]: {} } } },
    }
    const bodies = [
      { user: text, metadata: { [text]: text }, stop: [text] },
      { tools: [tool] },
      { model: text },
      { messages: [{ role: text, content: 'hi' }] },
      { [text]: text },
    ]
    for (const body of bodies) {
      const { status, json } = await ask(body)
      expect(status).toBeLessThan(500)
      expect(typeof (json.error?.message ?? json.id)).toBe('string')
    }
  },
)

test.each(short)(
  '%s in names of users, keys and listings and in reasons is kept or refused, whole',
  async (_, text) => {
    const unique = Buffer.from(text).toString('hex').slice(0, 20)
    const attempts = [
      gateway
        .api('post', '/api/users')
        .send({ email: `n-${unique}@example.test`, name: text, roles: ['buyer'] }),
      gateway.api('post', `/api/keys?organisation=${buyer.organisationId}`).send({ name: text }),
      gateway
        .api('post', `/api/users/${buyer.userId}/credits`)
        .set('idempotency-key', `reason-${unique}`)
        .send({ amountNanos: '1', reason: text }),
      gateway.api('post', '/api/marketplace/listings').send({
        provider: 'openai',
        name: text,
        baseUrl: upstream.serve(`named-${unique}`, (wire) => wire.json(200, completion('fine', { usage }))),
        key: `sk-${unique}-of-an-upstream`,
        models: [{ model: 'openai/gpt-4.1-nano', price: { kind: 'multiplier', ppm: 1_000_000 } }],
        ground: 'own_endpoint',
      }),
      gateway.api('post', '/api/login').send({ email: text, password: text }),
      gateway.api('get', `/api/statements?cursor=${encodeURIComponent(Buffer.from(text).toString())}`),
    ]
    for (const attempt of attempts) {
      const { status, body, request } = await attempt
      expect(status, `${request.url} ${JSON.stringify(body)}`).toBeLessThan(500)
      if (status === 201 && 'name' in body) expect(body.name).toBe(text)
    }
  },
)

interface Odd {
  finish?: unknown
  content?: string
  more?: Record<string, unknown>
}

const oddities: [string, Odd][] = [
  ['a finish reason with a zero', { finish: 'a\u0000b' }],
  ['a finish reason with half a pair', { finish: 'st\ud800p' }],
  ['a finish reason that is an object', { finish: { why: '\u0000' } }],
  [
    'a model with a zero',
    { more: { model: 'gpt\u0000', system_fingerprint: '\u0000', service_tier: 'a\u0000' } },
  ],
  ['an id with a zero', { more: { id: 'chat\u0000cmpl', object: '\u0000' } }],
  ['content with a zero and halves of pairs', { content: 'a\u0000b \ud800 \udc00' }],
  ['right-to-left content', { content: '\u202eabc' }],
]

const oddJson = ({ finish = 'stop', content = 'fine', more = {} }: Odd): Script => {
  const { choices, ...rest } = completion(content, { usage })
  const [choice] = choices
  return (wire) => wire.json(200, { ...rest, ...more, choices: [{ ...choice, finish_reason: finish }] })
}

const oddStream =
  ({ finish = 'stop', content = 'fine', more = {} }: Odd): Script =>
  async (wire) => {
    await wire.stream()
    await wire.event(chunk({ role: 'assistant', content }, null, more))
    await wire.event({ ...chunk({}), ...more, choices: [{ index: 0, delta: {}, finish_reason: finish }] })
    await wire.event({ ...chunk({}), ...more, choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  }

test.each(oddities)(
  'an answer with %s is billed, whole and as a stream, and so are its neighbours',
  async (name, odd) => {
    const models = ['openai/gpt-4.1-mini', 'openai/o4-mini']
    const scripts = [oddJson(odd), oddStream(odd)]
    for (const [index, script] of scripts.entries()) {
      const only = await gateway.listing({
        model: models[index] as string,
        name,
        baseUrl: upstream.serve(`odd-${name}-${index}`.replaceAll(/[^a-z0-9-]/g, ''), script),
      })
      const { key } = await gateway.buyer({ key: { policy: { only: [only] } } })
      const stream = index === 1
      const odds = Array.from({ length: 3 }, () =>
        call(`${gateway.origin}/v1/chat/completions`, {
          method: 'POST',
          token: key,
          body: {
            model: models[index],
            messages: [{ role: 'user', content: 'hi' }],
            max_tokens: 50,
            stream,
            ...(stream ? { stream_options: { include_usage: true } } : {}),
          },
        }),
      )
      const neighbours = Array.from({ length: 5 }, () => ask({}))
      for (const answer of await Promise.all([...odds, ...neighbours])) {
        const { finish_reason: finish } = await expectBilled(answer)
        expect(finish).toBe('stop')
      }
    }
  },
)

test('nothing of all this was parked, and every line of the log is one line of JSON', async () => {
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query('SELECT * FROM ledger.dead_letter')
  expect(rows).toEqual([])
  for (const line of logged.join('').trim().split('\n')) expect(() => JSON.parse(line), line).not.toThrow()
})

test('what the ledger itself cannot book is parked with every character, and read back', async () => {
  const letter = { finishReason: 'a\u0000b', name: '\ud800', text: '\u202e' }
  const { pool } = gateway.database.database
  await pool.query('SELECT ledger.park($1, $2, $3::json, $4, $5)', [
    'settle',
    'a story',
    JSON.stringify(letter),
    '22P05',
    'a story',
  ])
  const { rows } = await pool.query("SELECT payload FROM ledger.dead_letter WHERE operation_id = 'a story'")
  expect(rows[0].payload).toEqual(letter)
})
