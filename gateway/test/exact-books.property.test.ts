/** Whatever mix of requests, failures and departures comes: the books balance, and what clients were told is what was booked. */
import { request } from 'node:http'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseId } from '../src/platform/ids.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

const REQUESTS = 2_000
const AT_ONCE = 40
const models = ['openai/gpt-4o-mini', 'openai/gpt-4.1-mini', 'openai/gpt-4.1-nano']

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyers: Buyer[]

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({
    env: { GATEWAY_FIRST_BYTE_SECONDS: '1', GATEWAY_STREAM_IDLE_SECONDS: '1' },
  })
  for (const [index, model] of models.entries()) {
    for (const copy of [0, 1]) {
      await gateway.listing({
        model,
        ppm: 500_000 + copy * 700_000,
        name: `${index}-${copy}`,
        baseUrl: upstream.serve(`u${index}${copy}`, obey),
      })
    }
  }
  // One is rich, so that holds overlap the upstream call; one has just enough for a few; one is poor.
  buyers = [
    await gateway.buyer({ usd: '1000', key: { policy: { only: ['openai'] } } }),
    await gateway.buyer({ usd: '0.02', key: { policy: { only: ['openai'] } } }),
    await gateway.buyer({ usd: '0.0005', key: { policy: { only: ['openai'] } } }),
  ]
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

/** What the upstream is to do stands in the user's message, so that one script serves every case. */
interface Case {
  model: string
  buyer: number
  stream: boolean
  includeUsage: boolean
  behaviour: 'fine' | 'silent' | 'empty' | 'fail' | 'busy' | 'garbage' | 'cut' | 'odd_usage'
  words: number
  maxTokens: number
  /** Leave after this many bytes; undefined: stay to the end. */
  leaveAfter: number | undefined
}

/** Sick behaviour stays on one model, or its breakers would leave nothing to serve. */
const sick = new Set(['fail', 'busy', 'garbage', 'cut'])

const drawnCases = fc.record({
  model: fc.constantFrom('openai/gpt-4o-mini', 'openai/gpt-4.1-mini'),
  buyer: fc.constantFrom(0, 0, 0, 1, 2),
  stream: fc.boolean(),
  includeUsage: fc.boolean(),
  behaviour: fc.oneof(
    { weight: 12, arbitrary: fc.constant<Case['behaviour']>('fine') },
    {
      weight: 4,
      arbitrary: fc.constantFrom<Case['behaviour']>(
        'silent',
        'empty',
        'fail',
        'busy',
        'garbage',
        'cut',
        'odd_usage',
      ),
    },
  ),
  words: fc.integer({ min: 1, max: 30 }),
  maxTokens: fc.integer({ min: 30, max: 400 }),
  leaveAfter: fc.option(fc.integer({ min: 0, max: 3_000 }), { nil: undefined, freq: 5 }),
})

const cases: fc.Arbitrary<Case> = drawnCases.map((each) =>
  sick.has(each.behaviour) ? { ...each, model: 'openai/gpt-4.1-nano' } : each,
)

const obey: Script = async (wire) => {
  const [{ content }] = wire.visit.json.messages as [{ content: string }]
  const { behaviour, words, seed } = JSON.parse(content) as {
    behaviour: Case['behaviour']
    words: number
    seed: number
  }
  const text = Array.from({ length: words }, (_, index) => `w${index} `)
  if (behaviour === 'fail') return wire.json(500, { error: { message: 'boom' } })
  if (behaviour === 'busy' && seed % 3 === 0)
    return wire.json(429, { error: { message: 'slow down' } }, { 'retry-after-ms': '20' })
  if (behaviour === 'garbage')
    return wire.raw('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<ht>')
  const usage = usageFor(behaviour, words)
  if (wire.visit.json.stream !== true) {
    if (behaviour === 'cut')
      return wire
        .raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"id":')
        .then(wire.close)
    return wire.json(200, completion(behaviour === 'empty' ? '' : text.join(''), { usage }))
  }
  await wire.stream()
  await wire.event(chunk({ role: 'assistant', content: '' }))
  if (behaviour !== 'empty') for (const word of text) await wire.event(chunk({ content: word }))
  if (behaviour === 'cut') return wire.reset()
  await wire.event(chunk({}, 'stop'))
  if (usage) await wire.event({ ...chunk({}), choices: [], usage })
  await wire.event('[DONE]')
  await wire.endStream()
}

function usageFor(behaviour: Case['behaviour'], words: number): unknown {
  if (behaviour === 'silent') return null
  if (behaviour === 'empty') return { prompt_tokens: 9, completion_tokens: 0, total_tokens: 9 }
  if (behaviour === 'odd_usage') return { prompt_tokens: -5, completion_tokens: 675_947_905, total_tokens: 3 }
  return {
    prompt_tokens: 20,
    completion_tokens: words * 2,
    total_tokens: 20 + words * 2,
    prompt_tokens_details: { cached_tokens: 7 },
  }
}

interface Told {
  requestId: string
  status: number
  cost: string | undefined
  complete: boolean
}

function send(each: Case, seed: number): Promise<Told | undefined> {
  const body = JSON.stringify({
    model: each.model,
    messages: [
      { role: 'user', content: JSON.stringify({ behaviour: each.behaviour, words: each.words, seed }) },
    ],
    max_tokens: each.maxTokens,
    stream: each.stream,
    ...(each.includeUsage && each.stream ? { stream_options: { include_usage: true } } : {}),
  })
  return new Promise((resolve) => {
    const call = request(
      `${gateway.origin}/v1/chat/completions`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${buyers[each.buyer]?.key}`, 'content-type': 'application/json' },
      },
      (response) => {
        let text = ''
        response.on('data', (bytes) => {
          text += bytes.toString()
          if (each.leaveAfter !== undefined && text.length > each.leaveAfter) call.destroy()
        })
        response.on('close', () =>
          resolve({
            requestId: String(response.headers['x-request-id']),
            status: response.statusCode ?? 0,
            cost: /"cost":([\d.]+)\}/.exec(text)?.[1],
            complete: response.complete,
          }),
        )
        response.on('error', () => undefined)
      },
    )
    call.on('error', () => resolve(undefined))
    call.end(body)
    if (each.leaveAfter === 0) setTimeout(() => call.destroy(), seed % 15)
  })
}

function nanosOf(usd: string): bigint {
  const [whole = '0', fraction = ''] = usd.split('.')
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
}

test(`after ${REQUESTS} random requests nothing is held, nobody is below zero, and costs told are costs booked`, {
  timeout: 180_000,
}, async () => {
  const drawn = fc.sample(cases, { numRuns: REQUESTS, seed: 20_261_122 })
  const told: Told[] = []
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < drawn.length) {
        const seed = next
        next += 1
        const answer = await send(drawn[seed] as Case, seed)
        if (answer) told.push(answer)
      }
    }),
  )
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query<{ id: string; cost: string }>(
    `SELECT e.journal_id::text AS id, sum(e.amount)::text AS cost FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id
     WHERE a.code IN ('buyer_cash', 'receivable_buyer') AND e.amount > 0 GROUP BY e.journal_id`,
  )
  const booked = new Map(rows.map(({ id, cost }) => [id, BigInt(cost)]))
  const withCost = told.filter(({ cost }) => cost !== undefined)
  for (const { requestId, cost } of withCost) {
    expect(booked.get(parseId('gen-', requestId) as string) ?? 0n, requestId).toBe(nanosOf(cost as string))
  }
  // An answer that failed is not in the books, whatever happened on the way.
  for (const { requestId, status } of told.filter(({ status }) => status >= 400)) {
    expect(booked.has(parseId('gen-', requestId) as string), `${status} ${requestId}`).toBe(false)
  }
  const statuses: Record<string, number> = {}
  for (const { status } of told) statuses[status] = (statuses[status] ?? 0) + 1
  console.log(
    `${told.length} answers by status ${JSON.stringify(statuses)}, ${withCost.length} with a cost, ${booked.size} booked`,
  )
  // The run must have met what it is about.
  expect(withCost.length).toBeGreaterThan(300)
  expect(told.filter(({ status }) => status === 402).length).toBeGreaterThan(100)
  expect(told.filter(({ status }) => status === 502 || status === 503).length).toBeGreaterThan(10)
  expect(told.length).toBeGreaterThan(REQUESTS / 2)
  const { rows: sums } = await gateway.database.database.pool.query(
    'SELECT sum(amount)::text AS sum FROM ledger.entry',
  )
  expect(sums).toEqual([{ sum: '0' }])
})
