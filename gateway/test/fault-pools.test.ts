/** One of three listings of a model is broken; who asks again and again hardly meets it. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connectClient, type DatabaseClient } from '../src/platform/database.ts'
import { breakerRules } from '../src/routing/health.ts'
import type { Ask } from './support/fault.ts'
import { chargeAt, readBooked, requestIdOf } from './support/fault-examination.ts'
import { type FaultMarket, openFaultMarket, POOR_USD, PRICES } from './support/fault-market.ts'
import { faults } from './support/faults.ts'
import type { Answer } from './support/gateway-client.ts'

const REQUESTS = Number(process.env.FAULT_REQUESTS ?? 21)
const SETTLED = { timeout: 20_000, interval: 20 }
const TIMEOUT_MS = 60_000 + REQUESTS * 500

let market: FaultMarket
let admin: DatabaseClient

beforeAll(async () => {
  market = await openFaultMarket()
  admin = await connectClient(market.gateway.database.adminUrl)
})
afterAll(async () => {
  await admin?.end()
  await market?.close()
})

/** The books of these requests, when they are written. */
async function settled(answers: readonly Answer[]) {
  const ids = answers.map(requestIdOf)
  let booked = await readBooked(admin, ids)
  await vi.waitUntil(async () => {
    booked = await readBooked(admin, ids)
    return [...booked.values()].every(({ holdState }) => holdState !== 'open')
  }, SETTLED)
  return booked
}

/** Sends requests for a model of which one of three equal offers has this fault, one after the other. */
async function askPool(
  name: string,
  { kind, requests, poor = false }: { kind: Ask; requests: number; poor?: boolean },
) {
  const model = market.nextModel([])
  const listing = await market.faultyListing(name, { models: [model], price: PRICES.well })
  if (faults.get(name)?.dial) await market.arm()
  const only = [listing, market.listings.well, market.listings.twin]
  const answers = []
  for (let request = 0; request < requests; request += 1) {
    answers.push((await market.ask({ model, kind, only, poor })).answer)
  }
  return answers
}

// One of each row, in both ways to ask.
const beforeContent: readonly [string, Ask][] = [
  ['U03.seconds', 'json'],
  ['U04.plain', 'stream'],
  ['U05.insufficient-quota', 'json'],
  ['U06.500', 'stream'],
  ['U07.529', 'json'],
  ['U08.401', 'stream'],
  ['U10.error-event-first', 'stream'],
  ['U11.invalid-json', 'json'],
  ['U13.silence', 'stream'],
  ['U25.404', 'json'],
  ['U28.302', 'stream'],
  ['U30.gzip', 'json'],
  ['U01.reset-at-once', 'json'],
]

test.concurrent.each(beforeContent)(
  'while one of three listings is broken by %s no client gets an error, and only who answered is paid',
  async (name, kind) => {
    const answers = await askPool(name, { kind, requests: REQUESTS })
    expect(answers.filter(({ status }) => status !== 200).map(({ text }) => text)).toEqual([])
    const booked = await settled(answers)
    const { costNanos } = chargeAt(PRICES.well, { input: 10, output: 5 })
    expect([...booked.values()].map(({ record }) => record?.costNanos)).toEqual(answers.map(() => costNanos))
    const visits = market.upstreamLog().filter((line) => line.at === 'request' && line.fault === name)
    expect(visits.every((line) => line.at === 'request' && !booked.has(line.ask))).toBe(true)
  },
  TIMEOUT_MS,
)

test.concurrent.each(['U09.fin', 'U09.reset', 'U09.error-event'])(
  'while one of three listings breaks after content (%s), no more clients notice than its breaker needs',
  async (name) => {
    const startedMs = performance.now()
    const answers = await askPool(name, { kind: 'stream', requests: Math.max(100, REQUESTS), poor: true })
    const openings = Math.ceil(
      (performance.now() - startedMs) / (breakerRules.openMs * (1 - breakerRules.openJitter)),
    )
    const broken = answers.filter(({ text }) => text.includes('"error"'))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    expect(broken.length).toBeGreaterThan(0)
    expect(broken.length).toBeLessThanOrEqual(breakerRules.openAfterConsecutive + openings)
    const booked = await settled(broken)
    expect([...booked.values()].filter(({ record, entries }) => record || entries.length > 0)).toEqual([])
  },
  TIMEOUT_MS,
)

test.each(['U09.fin', 'U09.error-event', 'U18.line-after-content'])(
  'the OpenAI SDK raises an error for an answer that broke off (%s)',
  async (name) => {
    const model = market.nextModel([])
    const listing = await market.faultyListing(name, { models: [model] })
    const buyer = await market.gateway.buyer({ usd: POOR_USD, key: { policy: { only: [listing] } } })
    const stream = await buyer.openai.chat.completions.create({
      model,
      messages: [{ role: 'user', content: 'hi' }],
      max_tokens: 50,
      stream: true,
    })
    let read = ''
    const reading = async () => {
      for await (const part of stream) read += part.choices[0]?.delta.content ?? ''
    }
    await expect(reading()).rejects.toThrow('broke off upstream')
    expect(read).toBe('so far')
    await market.gateway.settleAndAudit()
    expect((await market.gateway.balanceNanos(buyer)).availableNanos).toBe(4_000_000n)
  },
)

test('afterwards nothing is held and every invariant holds', async () => {
  await market.gateway.settleAndAudit()
})
