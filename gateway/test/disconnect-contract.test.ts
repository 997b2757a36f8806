/**
 * The disconnect contract through the door: who pays for a request, whatever way it ends, and whatever its upstream
 * says of its usage.
 */
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
} from './support/scripted-upstream.ts'

// $0.15 and $0.60 a million tokens.
const MODEL = 'openai/gpt-4o-mini'
const nanos = (input: number, output: number) => BigInt(input) * 150n + BigInt(output) * 600n

let gateway: TestGateway
let upstream: ScriptedUpstream
let stories = 0

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

interface Outcome {
  text: string
  status: number | undefined
  buyerPaid: bigint
  sellerEarned: bigint
  /** Of that, what we paid because we broke it. */
  fromUs: bigint
  record: { billed: string; usage_source: string; input: number; output: number } | undefined
}

/** One request on a listing of its own, from a buyer of its own; `leave` says when the client goes. */
async function tell(
  script: Script,
  {
    stream = true,
    leave = () => false,
  }: { stream?: boolean; leave?: (text: string, visits: number) => boolean },
): Promise<Outcome> {
  stories += 1
  const name = `story-${stories}`
  const listing = await gateway.listing({ model: MODEL, baseUrl: upstream.serve(name, script), name })
  const buyer = await gateway.buyer({ key: { policy: { only: [listing] } } })
  const before = await totals()
  const { text, status } = await converse(buyer, {
    stream,
    leave: (read) => leave(read, upstream.visitsOf(name).length),
  })
  await gateway.settleAndAudit()
  const after = await totals()
  const { balanceNanos } = await gateway.balanceNanos(buyer)
  const { rows } = await gateway.database.database.pool.query(
    `SELECT billed, usage_source, uncached_input::int AS input, output::int AS output
     FROM ledger.usage_record ORDER BY id DESC LIMIT 1 OFFSET $1`,
    [0],
  )
  const isNew = after.records > before.records
  return {
    text,
    status,
    buyerPaid: 10_000_000_000n - balanceNanos,
    sellerEarned: after.earned - before.earned,
    fromUs: after.lost - before.lost,
    record: isNew ? rows[0] : undefined,
  }
}

async function totals(): Promise<{ earned: bigint; lost: bigint; records: number }> {
  const { rows } = await gateway.database.database.pool.query(
    `SELECT (SELECT coalesce(sum(credits), 0) FROM ledger.account WHERE code = 'seller_pending')::text AS earned,
       (SELECT coalesce(sum(debits), 0) FROM ledger.account WHERE code = 'unbilled_usage_loss')::text AS lost,
       (SELECT count(*)::int FROM ledger.usage_record) AS records`,
  )
  return { earned: BigInt(rows[0].earned), lost: BigInt(rows[0].lost), records: rows[0].records }
}

function converse(
  buyer: Buyer,
  { stream, leave }: { stream: boolean; leave: (text: string) => boolean },
): Promise<{ text: string; status: number | undefined }> {
  return new Promise((resolve) => {
    let text = ''
    let status: number | undefined
    const call = request(
      `${gateway.origin}/v1/chat/completions`,
      {
        method: 'POST',
        headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
      },
      (response) => {
        status = response.statusCode
        response.on('data', (bytes) => {
          text += bytes.toString()
        })
        response.on('close', over)
      },
    )
    const watch = setInterval(() => {
      if (leave(text)) call.destroy()
    }, 2)
    const over = () => {
      clearInterval(watch)
      resolve({ text, status })
    }
    call.on('error', () => undefined).on('close', over)
    const messages = [{ role: 'user', content: 'Count to a hundred' }]
    const options = stream ? { stream_options: { include_usage: true } } : {}
    call.end(JSON.stringify({ model: MODEL, messages, stream, max_tokens: 500, ...options }))
  })
}

const silent: Script = async (wire) => {
  while (!wire.gone()) await delay(5)
}
const talking: Script = async (wire) => {
  await wire.stream()
  await wire.event(chunk({ role: 'assistant', content: '' }))
  for (let index = 0; index < 400 && !wire.gone(); index += 1) {
    await wire.event(chunk({ content: ' word' }))
    await delay(3)
  }
}
const words = (text: string) => text.split(' word').length - 1

for (const stream of [true, false]) {
  test(`the client leaves before the upstream has answered: nobody pays (stream: ${stream})`, async () => {
    const told = await tell(silent, { stream, leave: (_, visits) => visits > 0 })
    expect(told).toMatchObject({ buyerPaid: 0n, sellerEarned: 0n, record: undefined })
  })

  test(`an empty answer is free, and it is on record (stream: ${stream})`, async () => {
    const nothing = { prompt_tokens: 12, completion_tokens: 0, total_tokens: 12 }
    const script: Script = stream
      ? streaming([], nothing)
      : (wire) => wire.json(200, completion('', { usage: nothing }))
    const told = await tell(script, { stream })
    expect(told.status).toBe(200)
    expect(told.text).toMatch(/"cost":0[,}]/)
    expect(told).toMatchObject({
      buyerPaid: 0n,
      sellerEarned: 0n,
      record: { billed: 'nothing', usage_source: 'reported', input: 12, output: 0 },
    })
  })

  test(`the upstream dies with half an answer: nobody pays (stream: ${stream})`, async () => {
    const told = await tell(
      async (wire) => {
        if (stream) {
          await wire.stream()
          await wire.event(chunk({ content: ' word' }))
          await delay(30)
        } else
          await wire.raw(
            'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"id"',
          )
        wire.reset()
      },
      { stream },
    )
    expect(told).toMatchObject({ buyerPaid: 0n, sellerEarned: 0n, fromUs: 0n, record: undefined })
    expect(told.text).toContain('"error"')
  })
}

test('the client leaves between the headers and the first content: it pays for its prompt', async () => {
  let answered = false
  const told = await tell(
    async (wire) => {
      await wire.stream()
      answered = true
      await delay(30)
      await silent(wire)
    },
    { leave: () => answered },
  )
  const { record, buyerPaid, sellerEarned } = told
  // When the headers were still on their way to us, nobody pays.
  if (record) {
    expect(record).toMatchObject({ billed: 'delivered', usage_source: 'counted', output: 0 })
    expect(record.input).toBeGreaterThan(3)
    expect(buyerPaid).toBe(nanos(record.input, 0))
  } else expect([buyerPaid, sellerEarned]).toEqual([0n, 0n])
})

test('the client leaves in mid-stream: it pays for its prompt and what was delivered, by our count', async () => {
  const told = await tell(talking, { leave: (text) => words(text) >= 30 })
  const { record } = told
  expect(record).toMatchObject({ billed: 'delivered', usage_source: 'counted' })
  expect(record?.output).toBeGreaterThanOrEqual(words(told.text))
  expect(record?.output).toBeLessThan(words(told.text) + 40)
  expect(told.buyerPaid).toBe(nanos(record?.input ?? 0, record?.output ?? 0))
  expect(told.sellerEarned).toBe((told.buyerPaid * 95n) / 100n)
})

test('the client leaves after the last content, before the end: it pays what the upstream reports, once', async () => {
  const told = await tell(
    async (wire) => {
      await streaming([' word', ' word'])(wire)
    },
    { leave: (text) => text.includes('"finish_reason":"stop"') },
  )
  expect(told.buyerPaid).toBe(nanos(10, 2))
  expect(told.record?.usage_source).toBe('reported')
})

test('we stop in mid-stream: the buyer pays nothing, and the seller gets his share from us', async () => {
  const other = await startTestGateway()
  const baseUrl = upstream.serve('stopped', talking)
  await other.listing({ model: MODEL, baseUrl })
  const buyer = await other.buyer()
  const answer = await fetch(`${other.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, stream: true, messages: [{ role: 'user', content: 'Count' }] }),
  })
  let text = ''
  const reading = (async () => {
    for await (const bytes of answer.body as unknown as AsyncIterable<Uint8Array>) text += Buffer.from(bytes)
  })()
  await expect.poll(() => words(text)).toBeGreaterThan(20)
  other.stop()
  await reading
  expect(text).toContain('You were not charged')
  expect(text).not.toContain('[DONE]')
  await other.settleAndAudit()
  const { rows } = await other.database.database.pool.query(
    `SELECT a.code, e.amount::text, j.memo FROM ledger.journal j
     JOIN ledger.entry e ON e.journal_id = j.id JOIN ledger.account a ON a.id = e.account_id
     WHERE j.code = 'unbilled_usage' ORDER BY e.amount DESC`,
  )
  expect(rows.map(({ code }) => code)).toEqual(['unbilled_usage_loss', 'seller_pending'])
  expect(rows[0].memo).toMatch(/^openai\/gpt-4o-mini: \d+ prompt and \d+ completion tokens, counted$/)
  const [, input, output] = /: (\d+) prompt and (\d+) completion/.exec(rows[0].memo) as string[]
  expect(Number(output)).toBeGreaterThanOrEqual(words(text))
  expect(BigInt(rows[0].amount)).toBe((nanos(Number(input), Number(output)) * 95n) / 100n)
  expect((await other.balanceNanos(buyer)).balanceNanos).toBe(10_000_000_000n)
  await other.close()
})

const content = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 }
const usages: [string, unknown[], bigint | 'by our count'][] = [
  ['missing', [], 'by our count'],
  ['null', [null], 'by our count'],
  // A prompt has tokens: some servers send zeros for what they have not counted.
  ['all zeros', [{ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 }], 'by our count'],
  ['zero for the answer', [{ prompt_tokens: 10, completion_tokens: 0, total_tokens: 10 }], nanos(10, 0)],
  ['negative', [{ prompt_tokens: -10, completion_tokens: 2, total_tokens: -8 }], 'by our count'],
  [
    'absurd',
    [{ prompt_tokens: 675_947_905, completion_tokens: 2, total_tokens: 675_947_907 }],
    'by our count',
  ],
  ['a fraction', [{ prompt_tokens: 10.5, completion_tokens: 2, total_tokens: 12.5 }], 'by our count'],
  ['told twice', [content, content], nanos(10, 2)],
  ['cumulative', [{ ...content, completion_tokens: 1, total_tokens: 11 }, content], nanos(10, 2)],
]

test.each(usages)('usage that is %s', async (_, reports, expected) => {
  const streamed = await tell(async (wire) => {
    await wire.stream()
    await wire.event(chunk({ content: ' word' }))
    await wire.event(chunk({ content: ' word' }))
    await wire.event(chunk({}, 'stop'))
    for (const usage of reports) await wire.event({ ...chunk({}), choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  }, {})
  const last = reports.at(-1)
  const whole = await tell((wire) => wire.json(200, { ...completion(' word word'), usage: last }), {
    stream: false,
  })
  for (const told of [streamed, whole]) {
    expect(told.status).toBe(200)
    expect(told.record?.usage_source).toBe(expected === 'by our count' ? 'counted' : 'reported')
    const counted = nanos(told.record?.input ?? 0, told.record?.output ?? 0)
    expect(told.buyerPaid).toBe(expected === 'by our count' ? counted : expected)
    if (expected === 'by our count') expect(told.record?.output).toBe(2)
  }
  expect(streamed.buyerPaid).toBe(whole.buyerPaid)
})
