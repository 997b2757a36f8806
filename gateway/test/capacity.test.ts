/** What a listing may carry, seen from outside: by callers who wait and who do not, by its seller, and over a restart. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Offer } from '../src/marketplace/offer.ts'
import { systemClock } from '../src/platform/clock.ts'
import { createCapacity } from '../src/routing/capacity.ts'
import { readSpent } from '../src/routing/quota-store.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'
import { StrictUpstream } from './support/strict-upstream.ts'

const PLACES = 'openai/gpt-4o-mini'
const DAILY = 'openai/gpt-4.1-mini'
const MONTHLY = 'openai/gpt-4.1'
const BURST = 'openai/gpt-4.1-nano'

let upstream: ScriptedUpstream
let gateway: TestGateway
let buyer: Buyer
// A minute before midnight in UTC, until a story moves it.
const untilMidnightMs = 86_400_000 - (Date.now() % 86_400_000)
let aheadMs = untilMidnightMs - 60_000
const clock = { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() }

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ clock })
  buyer = await gateway.buyer({ usd: '100' })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

/** Answers after 50 ms, like a vendor that counts: 429 for what is too much. */
function counting(vendor: StrictUpstream): Script {
  return async (wire) => {
    const visit = vendor.arrive(performance.now(), 1)
    if (!visit)
      return wire.json(429, { error: { message: 'Rate limit reached', code: 'rate_limit_exceeded' } })
    await delay(50)
    vendor.leave(visit, performance.now(), 1)
    await wire.json(200, completion('done'))
  }
}

function ask(model: string, body: Record<string, unknown> = {}, { key = buyer.key, signal }: Asking = {}) {
  return fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello.' }], max_tokens: 5, ...body }),
    ...(signal ? { signal } : {}),
  })
}

interface Asking {
  key?: string
  signal?: AbortSignal
}

const statuses = (responses: readonly Response[]) => responses.map(({ status }) => status)

test('of thirty callers at a listing with three places all are served if they wait two seconds, else three', async () => {
  const vendor = new StrictUpstream({ concurrency: 3 })
  await gateway.listing({
    model: PLACES,
    baseUrl: upstream.serve('places', counting(vendor)),
    capacity: { concurrency: 3 },
  })
  const callers = Array.from({ length: 30 })
  const waited = await Promise.all(callers.map(() => ask(PLACES, { max_wait_ms: 2_000 })))
  expect(statuses(waited)).toEqual(callers.map(() => 200))
  const flexible = await Promise.all(callers.slice(0, 6).map(() => ask(PLACES, { service_tier: 'flex' })))
  expect(statuses(flexible)).toEqual([200, 200, 200, 200, 200, 200])
  const hasty = await Promise.all(callers.map(() => ask(PLACES)))
  const refused = hasty.filter(({ status }) => status === 503)
  expect(hasty.filter(({ status }) => status === 200)).toHaveLength(30 - refused.length)
  expect(refused.length).toBeGreaterThan(0)
  const again = Number(refused[0]?.headers.get('retry-after'))
  expect(await refused[0]?.json()).toMatchObject({ error: { code: 'no_capacity' } })
  await delay(again * 1_000)
  expect(statuses([await ask(PLACES)])).toEqual([200])
  expect(vendor.refused).toEqual([])
  expect(vendor.mostAtOnce).toBe(3)
})

test('a wait that is no number of milliseconds up to 2,000 is refused, in the body and in the header', async () => {
  for (const max_wait_ms of [-1, 2_001, 1.5, 'soon', true]) {
    const refused = await ask(PLACES, { max_wait_ms })
    expect([max_wait_ms, refused.status]).toEqual([max_wait_ms, 400])
    expect(await refused.json()).toMatchObject({ error: { param: 'max_wait_ms' } })
  }
})

test('bursts of hundreds never cause a 429 at three vendors who count, whoever hangs up meanwhile', async () => {
  const vendors = ['one', 'two', 'three'].map((name) => ({
    name,
    vendor: new StrictUpstream({ concurrency: 4, requestsPerMinute: 60 }),
  }))
  for (const { name, vendor } of vendors) {
    const baseUrl = upstream.serve(name, counting(vendor))
    await gateway.listing({
      name,
      model: BURST,
      baseUrl,
      capacity: { concurrency: 4, requestsPerMinute: 60 },
    })
  }
  const served: number[] = []
  const used = () => vendors.reduce((sum, { vendor }) => sum + vendor.log.length, 0)
  // A busy machine needs more of them.
  for (let burst = 0; burst < 8 && used() < 0.9 * 180; burst += 1) {
    const callers = Array.from({ length: 100 }, async (_, index) => {
      const leaves = index % 10 === 0 ? AbortSignal.timeout(30) : undefined
      const answer = await ask(BURST, { max_wait_ms: 2_000 }, leaves ? { signal: leaves } : {}).catch(
        () => undefined,
      )
      await answer?.arrayBuffer()
      return answer?.status ?? 0
    })
    served.push(...(await Promise.all(callers)))
  }
  expect(vendors.flatMap(({ vendor }) => vendor.refused)).toEqual([])
  expect(served.filter((status) => ![0, 200, 503].includes(status))).toEqual([])
  expect(used()).toBeGreaterThanOrEqual(0.9 * 180)
  expect(used()).toBeLessThanOrEqual(180)
})

/** Answers with 15 tokens, whatever it is asked. */
const brief: Script = (wire) => wire.json(200, completion('done'))

test('a listing that has sold its day shows that it is cooling, and is back at midnight in UTC', async () => {
  const id = await gateway.listing({
    model: DAILY,
    baseUrl: upstream.serve('daily', brief),
    capacity: { tokensPerDay: 60 },
  })
  const answers: Response[] = []
  for (let count = 0; count < 6; count += 1) answers.push(await ask(DAILY))
  const served = answers.filter(({ status }) => status === 200).length
  expect(served).toBeGreaterThanOrEqual(2)
  expect(served).toBeLessThanOrEqual(4)
  const refused = answers.at(-1) as Response
  expect(refused.status).toBe(503)
  const again = Number(refused.headers.get('retry-after'))
  expect(again).toBeGreaterThan(20)
  expect(again).toBeLessThanOrEqual(60)
  await expect
    .poll(async () => (await gateway.api('get', `/api/marketplace/listings/${id}`)).body)
    .toMatchObject({ capacity: { tokensPerDay: 60, usdPerDay: null } })
  aheadMs = untilMidnightMs + 1_000
  expect((await ask(DAILY)).status).toBe(200)
})

test('a spent month is shown and noted, and a restart does not begin it anew', async () => {
  const id = await gateway.listing({
    model: MONTHLY,
    baseUrl: upstream.serve('monthly', brief),
    capacity: { tokensPerMonth: 1_500 },
  })
  let answered = 0
  while (answered < 150 && (await ask(MONTHLY)).status === 200) answered += 1
  // Each may use some 50 and is counted with 15, so the last one that fits leaves little.
  expect(answered).toBeGreaterThan(90)
  expect(answered).toBeLessThanOrEqual(100)
  const shown = await gateway.api('get', `/api/marketplace/listings/${id}`)
  expect(shown.body).toMatchObject({ state: 'cooling', stateReason: 'month_limit', health: 'resting' })
  const notes = async () => (await gateway.api('get', '/api/audit?action=listing.cooling')).body.data
  await expect.poll(notes, { timeout: 5_000 }).toContainEqual(expect.objectContaining({ subject: id }))
  await gateway.settleAndAudit()
  // The next life begins from what was billed, by the database's clock.
  const spent = await readSpent(gateway.context.database.pool, Date.now())
  const restarted = createCapacity({ clock: systemClock, spent })
  const [offer] = gateway.context.marketplace
    .offersFor(MONTHLY)
    .filter(({ tokensPerMonth }) => tokensPerMonth)
  const left = 1_500 - 15 * answered
  expect(restarted.nextFreeMs(offer as Offer, { tokens: left })).toBe(0)
  expect(restarted.whyFull(offer as Offer, { tokens: left + 1 }, performance.now())).toBe('month')
})

test('limits of a day and a month are set in tokens and in USD, for the listing and for a model of it', async () => {
  const baseUrl = upstream.serve('limits', brief)
  const id = await gateway.listing({ model: PLACES, baseUrl, capacity: { tokensPerDay: 1_000_000 } })
  const limits = { usdPerDay: '20.00', usdPerMonth: '0.000000001', tokensPerMonth: 5_000_000_000 }
  const path = `/api/marketplace/listings/${id}`
  const price = { kind: 'multiplier', ppm: 1_000_000 }
  const changed = await gateway.api('put', path).send({
    capacity: limits,
    models: [{ model: PLACES, price, capacity: { concurrency: 2, usdPerDay: '1.5' } }],
  })
  expect(changed.status).toBe(200)
  expect(changed.body).toMatchObject({
    capacity: { ...limits, usdPerDay: '20', tokensPerDay: 1_000_000, concurrency: null },
    models: [{ model: PLACES, capacity: { concurrency: 2, usdPerDay: '1.5' } }],
  })
  const offers = gateway.context.marketplace.offersFor(PLACES)
  expect(offers.find(({ baseUrl: at }) => at === baseUrl)).toMatchObject({
    tokensPerDay: 1_000_000,
    tokensPerMonth: 5_000_000_000,
    nanosPerDay: 20_000_000_000n,
    nanosPerMonth: 1n,
    modelCapacity: { concurrency: 2, nanosPerDay: 1_500_000_000n },
  })
  for (const usdPerDay of ['0', '-1', '1e3', '0.0000000001', 5]) {
    const refused = await gateway.api('put', path).send({ capacity: { usdPerDay } })
    expect([usdPerDay, refused.status]).toEqual([usdPerDay, 400])
  }
})
