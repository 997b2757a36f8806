/**
 * More is asked for than there is: money, a budget, or room in the queue. What the upstream was asked, what clients
 * heard and what the books say is compared to the piece.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connectClient, type DatabaseClient } from '../src/platform/database.ts'
import { parseId, uuidv7 } from '../src/platform/ids.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { type Answer, call, toldNanos } from './support/gateway-client.ts'
import {
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
} from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 120_000 })

const MODEL = 'openai/gpt-4.1'
const REQUESTS = 500
const AFFORDED = 7
// gateway/src/ledger/batcher.ts: one batch under way and a full queue behind it.
const BATCH = 500
const QUEUE = 5_000

let gateway: TestGateway
let upstream: ScriptedUpstream
let admin: DatabaseClient
/** What every answer of the upstream waits for. */
let mayAnswer = Promise.resolve()

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  admin = await connectClient(gateway.database.adminUrl)
  const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 }
  const baseUrl = upstream.serve('dear', async (wire) => {
    await mayAnswer
    if (wire.visit.json.stream === true) await streaming(['two', ' words'], usage)(wire)
    else await wire.json(200, completion('two words', { usage }))
  })
  await gateway.listing({ model: MODEL, baseUrl })
})
afterAll(async () => {
  await admin.end()
  await gateway.close()
  await upstream.close()
})

const ask = ({ key }: Buyer, stream = false): Promise<Answer> =>
  call(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    token: key,
    body: {
      model: MODEL,
      messages: [{ role: 'user', content: 'hi' }],
      max_tokens: 1_000,
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    },
  })

/** What one request sets aside, as a refusal tells it. */
async function neededNanos(): Promise<bigint> {
  const { status, json } = await ask(await gateway.buyer({ usd: '0' }))
  expect(status).toBe(402)
  return BigInt(json.error.metadata.needed_nanos)
}

async function credit({ userId }: Buyer, nanos: bigint): Promise<void> {
  const answer = await gateway
    .api('post', `/api/users/${userId}/credits`)
    .set('idempotency-key', 'seven')
    .send({ amountNanos: nanos.toString(), reason: 'a story' })
  expect(answer.status).toBe(201)
}

const kinds = {
  async 'a wallet'(nanos: bigint) {
    const buyer = await gateway.buyer({ usd: '0' })
    await credit(buyer, nanos)
    return { buyer, code: 'insufficient_quota' }
  },
  async 'the budget of a key'(nanos: bigint) {
    const budget = { limitNanos: nanos.toString(), period: 'day' }
    return { buyer: await gateway.buyer({ usd: '100', key: { budget } }), code: 'budget_exceeded' }
  },
}

/** Looks at every wallet and budget again and again; what it saw is the least that was free. */
async function watch(over: () => boolean) {
  const seen = { looks: 0, wallet: 0n, budget: 0n }
  while (!over()) {
    const { rows } = await admin.query<{ wallet: string; budget: string }>(
      `SELECT (SELECT min(least(credits - debits, credits - debits - held)) FROM ledger.account WHERE code = 'buyer_cash') AS wallet,
        (SELECT coalesce(min(limit_nanos - spent - held), 0) FROM ledger.budget) AS budget`,
    )
    const least = (left: bigint, right: string) => (BigInt(right) < left ? BigInt(right) : left)
    seen.wallet = least(seen.wallet, rows[0]?.wallet ?? '0')
    seen.budget = least(seen.budget, rows[0]?.budget ?? '0')
    seen.looks += 1
  }
  return seen
}

test.each(Object.keys(kinds) as (keyof typeof kinds)[])(
  `of ${REQUESTS} requests at once on money for exactly ${AFFORDED} in %s, ${AFFORDED} reach the upstream and the rest hear 402`,
  async (kind) => {
    const { buyer, code } = await kinds[kind]((await neededNanos()) * BigInt(AFFORDED))
    const before = (await gateway.balanceNanos(buyer)).balanceNanos
    const asked = upstream.visits.length
    let open = () => {}
    mayAnswer = new Promise((resolve) => {
      open = resolve
    })
    let refusals = 0
    let over = false
    const watching = watch(() => over)
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, async (_, index) => {
        const answer = await ask(buyer, index % 2 === 0)
        if (answer.status === 402) refusals += 1
        // The seven are answered when all others were refused, so that what they do not use pays for no eighth.
        if (refusals === REQUESTS - AFFORDED) open()
        return answer
      }),
    )
    over = true
    const served = answers.filter(({ status }) => status === 200)
    const refused = answers.filter(({ status }) => status === 402)
    expect([served.length, refused.length]).toEqual([AFFORDED, REQUESTS - AFFORDED])
    expect(new Set(refused.map(({ json }) => json.error.code))).toEqual(new Set([code]))
    expect(upstream.visits.length - asked).toBe(AFFORDED)
    const seen = await watching
    expect(seen).toMatchObject({ wallet: 0n, budget: 0n })
    expect(seen.looks).toBeGreaterThan(5)

    await gateway.settleAndAudit()
    const costs = served.reduce((sum, { text }) => sum + (toldNanos(text) as bigint), 0n)
    expect(await gateway.balanceNanos(buyer)).toEqual({
      balanceNanos: before - costs,
      availableNanos: before - costs,
      heldNanos: 0n,
    })
  },
)

test('when 5,000 bookings wait, a request is refused as overloaded before any work, and what waited is booked', async () => {
  mayAnswer = Promise.resolve()
  const [rich, budgeted, crowd] = await Promise.all([
    gateway.buyer({ usd: '100' }),
    gateway.buyer({ usd: '100', key: { budget: { limitNanos: '90000000000', period: 'day' } } }),
    gateway.buyer({ usd: '100' }),
  ])
  // Both are known, so the rich one's requests would go to the upstream before their hold is written.
  for (const buyer of [rich, budgeted]) expect((await ask(buyer)).status).toBe(200)
  const { ledger } = gateway.context
  const owner = parseId('org-', crowd.organisationId) as string
  const payer = await ledger.accountId({ code: 'buyer_cash', owner })
  const asked = upstream.visits.length

  await admin.query('BEGIN')
  await admin.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [payer])
  const crowdIn = (count: number) =>
    Array.from({ length: count }, async () => {
      const id = uuidv7()
      await ledger.hold({ id, payer, amountNanos: 1n })
      return id
    })
  // A batch sets out and stands before the lock; then the queue behind it is filled to the brim.
  const holds = Promise.allSettled([...crowdIn(BATCH), ...(await afterThis(() => crowdIn(QUEUE)))])
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => ask(index % 2 === 0 ? rich : budgeted, index % 4 < 2)),
  )
  await admin.query('COMMIT')

  for (const { status, json, headers, text } of answers) {
    expect(status, text).toBe(503)
    expect(json.error).toMatchObject({ code: 'overloaded', retryable: true })
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  }
  expect(upstream.visits).toHaveLength(asked)
  const held = (await holds).flatMap((hold) => (hold.status === 'fulfilled' ? [hold.value] : []))
  expect(held.length).toBeGreaterThanOrEqual(QUEUE)
  for (let from = 0; from < held.length; from += BATCH)
    await Promise.all(held.slice(from, from + BATCH).map((id) => ledger.void(id, 'a story')))
  expect((await ask(rich)).status).toBe(200)
  await gateway.settleAndAudit()
})

/** In the next turn, when what was asked for in this one is under way. */
async function afterThis<Result>(act: () => Result): Promise<Result> {
  await new Promise((resolve) => setImmediate(resolve))
  return act()
}
