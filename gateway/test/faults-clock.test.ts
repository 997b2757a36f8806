/**
 * The machine's clock jumps by an hour, as it does when a virtual machine wakes up or somebody sets it. Intervals run
 * on time that never jumps, and holds and budgets on the database's clock, so money does not notice.
 */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { connectClient } from '../src/platform/database.ts'
import { parseId, uuidv7 } from '../src/platform/ids.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { call, openChat, toldNanos } from './support/gateway-client.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 60_000 })

const HOUR_MS = 3_600_000
const MODEL = 'openai/gpt-4.1'
const usage = { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 }

let jumpedMs = 0
const clock = { nowMs: () => Date.now() + jumpedMs, monotonicMs: () => performance.now() }

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer
let budgeted: Buyer
let goOn = () => {}
let mayGoOn = Promise.resolve()

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ clock })
  buyer = await gateway.buyer()
  budgeted = await gateway.buyer({ key: { budget: { limitNanos: '1000000000', period: 'day' } } })
  const baseUrl = upstream.serve('slow', async (wire) => {
    if (wire.visit.json.stream !== true) return wire.json(200, completion('one two three', { usage }))
    await wire.stream()
    await wire.event(chunk({ content: 'one two three' }))
    await mayGoOn
    await wire.event(chunk({}, 'stop'))
    await wire.event({ ...chunk({}), choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  })
  await gateway.listing({ model: MODEL, baseUrl })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  jumpedMs = 0
  mayGoOn = new Promise((resolve) => {
    goOn = resolve
  })
})

const ask = ({ key }: Buyer) =>
  call(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    token: key,
    body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 50 },
  })

const rows = async <Row>(sql: string, values: unknown[] = []): Promise<Row[]> =>
  (await gateway.database.database.pool.query(sql, values)).rows as Row[]

const openHolds = () =>
  rows<{ id: string; seconds: number }>(
    `SELECT id, extract(epoch FROM expires_at - now())::float8 AS seconds FROM ledger.hold WHERE state = 'open'`,
  )

/** The record of an answer: with the cost that was told, and times that can be. */
async function expectBooked(text: string) {
  const id = parseId('gen-', /gen-[0-9a-z]+/.exec(text)?.[0] as string)
  const [record] = await rows<{ cost_nanos: string; duration_ms: number; ttft_ms: number }>(
    'SELECT cost_nanos, duration_ms, ttft_ms FROM ledger.usage_record WHERE id = $1',
    [id],
  )
  expect(BigInt(record?.cost_nanos ?? -1)).toBe(toldNanos(text))
  for (const ms of [record?.duration_ms, record?.ttft_ms]) {
    expect(ms).toBeGreaterThanOrEqual(0)
    expect(ms).toBeLessThan(HOUR_MS / 60)
  }
}

/** Seconds of every request so far, as a graph would show them. */
async function secondsServed(): Promise<number> {
  const text = await gateway.context.metrics.render()
  return [...text.matchAll(/^gateway_(?:request_duration|overhead)_seconds_sum\S* (\S+)$/gm)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  )
}

test.each([
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
])(
  'an hour %s in the middle of an answer: its hold stays, its cost is booked, its times are true',
  async (_, jumpMs) => {
    const before = (await gateway.balanceNanos(buyer)).balanceNanos
    const secondsBefore = await secondsServed()
    const stream = openChat(gateway, buyer.key, { model: MODEL, stream: true })
    await stream.until((text) => text.includes('three'))
    await vi.waitUntil(async () => (await openHolds()).length === 1)
    jumpedMs = jumpMs

    await gateway.context.ledger.renew((await openHolds()).map(({ id }) => id))
    expect(await gateway.context.ledger.expireHolds()).toBe(0)
    const [hold] = await openHolds()
    expect(hold?.seconds).toBeGreaterThan(60)
    expect(hold?.seconds).toBeLessThanOrEqual(90)

    goOn()
    expect(await stream.ended, stream.text()).toBe(true)
    await gateway.settleAndAudit()
    await expectBooked(stream.text())
    const spent = toldNanos(stream.text()) as bigint
    expect(await gateway.balanceNanos(buyer)).toMatchObject({ balanceNanos: before - spent, heldNanos: 0n })
    const seconds = (await secondsServed()) - secondsBefore
    expect(seconds).toBeGreaterThanOrEqual(0)
    expect(seconds).toBeLessThan(HOUR_MS / 1_000)
  },
)

test.each([
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
])(
  'an hour %s between requests: the next is served, and its hold lives 90 seconds like any',
  async (_, jumpMs) => {
    jumpedMs = jumpMs
    const answer = await ask(buyer)
    expect(answer.status, answer.text).toBe(200)
    const stream = openChat(gateway, buyer.key, { model: MODEL, stream: true })
    await stream.until((text) => text.includes('three'))
    await vi.waitUntil(async () => (await openHolds()).length === 1)
    const [hold] = await openHolds()
    expect(hold?.seconds).toBeGreaterThan(60)
    expect(hold?.seconds).toBeLessThanOrEqual(90)
    jumpedMs = -jumpMs
    goOn()
    await stream.ended
    await gateway.settleAndAudit()
    await expectBooked(answer.text)
    await expectBooked(stream.text())
  },
)

test('a hold that nobody renews ends by the time of the database, whatever the gateway thinks it is', async () => {
  const { ledger } = gateway.context
  const owner = parseId('org-', buyer.organisationId) as string
  const payer = await ledger.accountId({ code: 'buyer_cash', owner })
  for (const jumpMs of [HOUR_MS, -HOUR_MS]) {
    jumpedMs = jumpMs
    const id = uuidv7(clock.nowMs())
    expect((await ledger.hold({ id, payer, amountNanos: 5n })).status).toBe('held')
    expect(await ledger.expireHolds()).toBe(0)
    await age(id)
    expect(await ledger.expireHolds()).toBe(1)
    expect((await gateway.balanceNanos(buyer)).heldNanos).toBe(0n)
  }
})

/** As if its 90 seconds had passed. */
async function age(id: string): Promise<void> {
  const admin = await connectClient(gateway.database.adminUrl)
  await admin.query("UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE id = $1", [id])
  await admin.end()
}

test.each([
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
])('an hour %s opens no new window for a budget and forgets nothing that was spent', async (_, jumpMs) => {
  const budgetNow = async () =>
    (await rows<{ spent: string; window_start: Date }>('SELECT spent, window_start FROM ledger.budget'))[0]
  expect((await ask(budgeted)).status).toBe(200)
  await gateway.settleAndAudit()
  const before = await budgetNow()
  jumpedMs = jumpMs
  const answer = await ask(budgeted)
  expect(answer.status, answer.text).toBe(200)
  await gateway.settleAndAudit()
  const after = await budgetNow()
  expect(after?.window_start).toEqual(before?.window_start)
  expect(BigInt(after?.spent ?? 0)).toBe(BigInt(before?.spent ?? 0) + (toldNanos(answer.text) as bigint))
})
