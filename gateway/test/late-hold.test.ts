/**
 * Money that comes late, or not at all: a rich buyer's hold is written while the upstream already works, so it may be
 * refused when much has happened. Nothing reaches the client before the hold is committed, and nothing after a
 * settlement that failed.
 */
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connectClient } from '../src/platform/database.ts'
import { GatewayError } from '../src/platform/errors.ts'
import { parseId, uuidv7 } from '../src/platform/ids.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
  streaming,
} from './support/scripted-upstream.ts'

const MODEL = 'openai/gpt-4.1'

let gateway: TestGateway
let upstream: ScriptedUpstream
/** What the upstream waits for before it answers. */
let mayAnswer: Promise<void>

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  const baseUrl = upstream.serve('late', async (wire) => {
    await mayAnswer
    await (wire.visit.json.stream ? streaming(['Hel', 'lo'])(wire) : wire.json(200, completion('Hello')))
  })
  await gateway.listing({ model: MODEL, baseUrl })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

interface Call {
  status: number | undefined
  text: string
  over: Promise<void>
}

/** Sends a request and notes what has come back so far. */
function send(buyer: Buyer, stream: boolean): Call {
  const headers = { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' }
  const call: Call = { status: undefined, text: '', over: Promise.resolve() }
  call.over = new Promise((resolve, reject) => {
    request(`${gateway.origin}/v1/chat/completions`, { method: 'POST', headers }, (response) => {
      call.status = response.statusCode
      response.on('data', (bytes) => {
        call.text += bytes.toString()
      })
      response.on('close', resolve)
    })
      .on('error', reject)
      .end(
        JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: 'hi' }], max_tokens: 50, stream }),
      )
  })
  return call
}

/** A buyer whose balance the gateway has just seen. */
async function knownBuyer(): Promise<Buyer> {
  const buyer = await gateway.buyer({ usd: '100' })
  mayAnswer = Promise.resolve()
  const call = send(buyer, false)
  await call.over
  expect(call.status).toBe(200)
  return buyer
}

async function accountOf(buyer: Buyer): Promise<bigint> {
  return gateway.context.ledger.accountId({
    code: 'buyer_cash',
    owner: parseId('org-', buyer.organisationId) as string,
  })
}

/** Keeps every hold on the buyer's wallet waiting until it is called. */
async function keepWaiting(buyer: Buyer): Promise<() => Promise<void>> {
  const client = await connectClient(gateway.database.adminUrl)
  await client.query('BEGIN')
  await client.query('SELECT FROM ledger.account WHERE id = $1 FOR UPDATE', [
    (await accountOf(buyer)).toString(),
  ])
  return async () => {
    await client.query('COMMIT')
    await client.end()
  }
}

/** Another node's request takes nearly everything; this gateway has not heard of it. */
async function takeNearlyAll(buyer: Buyer): Promise<() => Promise<void>> {
  const id = uuidv7()
  const { availableNanos } = await gateway.balanceNanos(buyer)
  const payer = await accountOf(buyer)
  expect(await gateway.context.ledger.hold({ id, payer, amountNanos: availableNanos - 7n })).toMatchObject({
    status: 'held',
  })
  return () => gateway.context.ledger.void(id, 'the story is over')
}

const visits = () => upstream.visitsOf('late')

for (const stream of [true, false]) {
  test(`a rich buyer's request goes out while its hold is written, and no byte comes back before (stream: ${stream})`, async () => {
    const buyer = await knownBuyer()
    const letHold = await keepWaiting(buyer)
    const before = visits().length
    const call = send(buyer, stream)
    await expect.poll(() => visits()[before]?.finished).toBe(true)
    // The whole answer is here, and the client has heard nothing.
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([call.status, call.text]).toEqual([undefined, ''])
    await letHold()
    await call.over
    expect(call.status).toBe(200)
    expect(call.text).toMatch(stream ? /Hel.*lo.*\[DONE\]/s : /Hello/)
    await gateway.settleAndAudit()
  })

  test(`a hold refused after dispatch stops the upstream, and the client is told 402 as if nothing had been (stream: ${stream})`, async () => {
    const buyer = await knownBuyer()
    const giveBack = await takeNearlyAll(buyer)
    const letHold = await keepWaiting(buyer)
    mayAnswer = new Promise(() => undefined)
    const before = visits().length
    const call = send(buyer, stream)
    await expect.poll(() => visits().length).toBe(before + 1)
    await letHold()
    await call.over
    expect(call.status).toBe(402)
    const { error } = JSON.parse(call.text)
    expect(error).toMatchObject({
      code: 'insufficient_quota',
      type: 'insufficient_quota',
      metadata: { available_nanos: '7' },
    })
    await expect.poll(() => visits()[before]?.abortedAtMs).toBeDefined()
    expect(await gateway.bookedNanos(error.request_id)).toBeUndefined()
    await giveBack()
    await gateway.settleAndAudit()
    // It is nobody's fault: the listing serves the next buyer.
    await knownBuyer()
  })

  test(`a hold refused when the answer is already here is a 402 too (stream: ${stream})`, async () => {
    const buyer = await knownBuyer()
    const giveBack = await takeNearlyAll(buyer)
    const letHold = await keepWaiting(buyer)
    const before = visits().length
    const call = send(buyer, stream)
    await expect.poll(() => visits()[before]?.finished).toBe(true)
    await letHold()
    await call.over
    expect(call.status).toBe(402)
    expect(call.text).not.toContain('Hel')
    expect(JSON.parse(call.text).error.code).toBe('insufficient_quota')
    await giveBack()
    await gateway.settleAndAudit()
  })

  test(`an answer that could not be booked is not confirmed, and costs nothing (stream: ${stream})`, async () => {
    const buyer = await knownBuyer()
    const { balanceNanos } = await gateway.balanceNanos(buyer)
    const unbooked = new GatewayError('unavailable', 'The books cannot be written; try again.')
    vi.spyOn(gateway.context.settlement, 'settle').mockRejectedValueOnce(unbooked)
    const call = send(buyer, stream)
    await call.over
    expect(call.status).toBe(stream ? 200 : 503)
    expect(call.text).not.toContain('[DONE]')
    const last = stream ? (call.text.trim().split('\n\n').at(-1)?.replace('data: ', '') as string) : call.text
    expect(JSON.parse(last).error).toMatchObject({ code: 'unavailable', retryable: true, param: null })
    await gateway.settleAndAudit()
    expect((await gateway.balanceNanos(buyer)).balanceNanos).toBe(balanceNanos)
  })
}
