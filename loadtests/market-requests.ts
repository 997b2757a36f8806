/** The requests of a planned market in the order of time, each with what it used, what it cost and how it ended. */
import { priceUsage, splitCost } from '../gateway/src/metering/price-usage.ts'
import { randomOf } from '../gateway/src/routing/seeded-random.ts'
import type { Field } from './copy-in.ts'
import { DAY_MS, HOUR_MS, idAt, type Market, type OfferPlan } from './market-plan.ts'

/** The table that a chunk of requests is copied into before it is booked. */
export const REQUEST_TABLE = `CREATE TEMP TABLE seed_request (
  n integer PRIMARY KEY, id uuid, organisation uuid, key uuid, payer bigint, offer integer, outcome text, status smallint,
  error text, finish text, stream boolean, attempts jsonb, started timestamptz, settled timestamptz, overhead real,
  ttft integer, duration integer, input bigint, cache_read bigint, output bigint, reasoning bigint, held bigint,
  cost bigint, seller_nanos bigint, fee_nanos bigint, fee bigint, billed text)`

/** What all requests together come to, for the journals around them. */
export interface Totals {
  /** By organisation. */
  spent: Map<string, bigint>
  /** By seller and UTC day. */
  earned: Map<string, Map<number, bigint>>
}

interface Accounts {
  payerOf: (organisationId: string) => bigint
  /** Sixteen of them. */
  fees: readonly bigint[]
}

const BILLED = new Set(['answered', 'free', 'left'])

export function* requestRows(market: Market, accounts: Accounts, totals: Totals): Generator<Field[]> {
  const random = randomOf(`requests ${market.size.seed}`)
  let n = 0
  for (const startedMs of timesOf(market, random)) {
    yield requestRow(market, accounts, totals, { n, startedMs, random })
    n += 1
  }
}

interface Draw {
  n: number
  startedMs: number
  random: () => number
}

function requestRow(
  market: Market,
  accounts: Accounts,
  totals: Totals,
  { n, startedMs, random }: Draw,
): Field[] {
  const key = market.pickKey(random())
  const offer = market.pickOffer(random())
  const outcome = outcomeOf(random())
  const billed = BILLED.has(outcome)
  const usage = usageOf(outcome, random)
  const costNanos = outcome === 'free' || !billed ? 0n : priceUsage(usage, offer.price)
  const { sellerNanos, feeNanos } = splitCost(costNanos, offer.price.feeBps)
  const ttft = Math.round(120 + 600 * random() ** 3 + (outcome === 'failed' ? 4_000 * random() : 0))
  const duration = ttft + Math.round(usage.output * (4 + 14 * random()))
  const settledMs = Math.min(startedMs + duration + 20, market.size.endMs)
  const served = outcome !== 'refused'
  const failure = FAILURES[outcome]?.[Math.floor(random() * 3)]
  if (costNanos > 0n) count(totals, key.organisationId, offer, { settledMs, costNanos, sellerNanos })
  return [
    n,
    idAt(startedMs, random),
    key.organisationId,
    key.id,
    accounts.payerOf(key.organisationId),
    offer.n,
    outcome,
    failure?.[0] ?? (outcome === 'left' ? 499 : 200),
    failure?.[1] ?? null,
    billed ? finishOf(outcome, random()) : null,
    random() < 0.7,
    served ? attemptsOf(market, offer, { outcome, ttft, duration, random }) : '[]',
    new Date(startedMs),
    billed ? new Date(settledMs) : null,
    Math.round(4 + 30 * random()) / 10,
    served ? ttft : null,
    served ? duration : 2,
    usage.uncachedInput,
    usage.cacheRead,
    usage.output,
    usage.reasoning,
    costNanos * 3n + 1_000n,
    costNanos,
    sellerNanos,
    feeNanos,
    accounts.fees[n % accounts.fees.length] as bigint,
    outcome === 'free' ? 'nothing' : outcome === 'left' ? 'delivered' : 'whole',
  ]
}

/** More in the working hours of a weekday than at night, and twice as much at the end as at the beginning. */
function* timesOf({ size, startMs }: Market, random: () => number): Generator<number> {
  const hours = size.days * 24
  const weights = Array.from({ length: hours }, (_, hour) => {
    const at = new Date(startMs + hour * HOUR_MS)
    const isWeekend = at.getUTCDay() % 6 === 0
    const ofDay = 1.2 + Math.sin(((at.getUTCHours() - 8) / 24) * 2 * Math.PI)
    return ofDay * (isWeekend ? 0.5 : 1) * (1 + hour / hours)
  })
  const whole = weights.reduce((sum, weight) => sum + weight, 0)
  let reached = 0
  let made = 0
  for (const [hour, weight] of weights.entries()) {
    reached += weight
    const until = hour === hours - 1 ? size.requests : Math.round((reached / whole) * size.requests)
    const here = until - made
    for (let at = 0; at < here; at += 1)
      yield startMs + hour * HOUR_MS + ((at + random()) / here) * HOUR_MS * 0.999
    made = until
  }
}

function outcomeOf(chance: number): string {
  if (chance < 0.93) return 'answered'
  if (chance < 0.935) return 'free'
  if (chance < 0.95) return 'left'
  return chance < 0.97 ? 'failed' : 'refused'
}

const FAILURES: Record<string, [status: number, code: string][]> = {
  failed: [
    [502, 'upstream_failed'],
    [503, 'no_capacity'],
    [504, 'upstream_timeout'],
  ],
  refused: [
    [429, 'rate_limit_exceeded'],
    [402, 'insufficient_quota'],
    [400, 'invalid_value'],
  ],
}

function usageOf(outcome: string, random: () => number) {
  const input = Math.round(60 + 8_000 * random() ** 4)
  const cacheRead = random() < 0.2 ? Math.floor(input * 0.6) : 0
  const output = outcome === 'free' ? 0 : Math.round(10 + 1_200 * random() ** 3)
  return {
    uncachedInput: input - cacheRead,
    cacheRead,
    cacheWrite5m: 0,
    cacheWrite1h: 0,
    audioInput: 0,
    output,
    audioOutput: 0,
    reasoning: random() < 0.15 ? Math.floor(output / 2) : 0,
  }
}

function finishOf(outcome: string, chance: number): string {
  if (outcome === 'left') return 'client_gone'
  if (chance < 0.9) return 'stop'
  return chance < 0.96 ? 'length' : 'tool_calls'
}

function attemptsOf(
  market: Market,
  offer: OfferPlan,
  {
    outcome,
    ttft,
    duration,
    random,
  }: { outcome: string; ttft: number; duration: number; random: () => number },
): string {
  const before = random() < 0.04 ? [market.pickOffer(random())] : []
  const end = outcome === 'failed' ? 'server_error' : outcome === 'left' ? 'client_gone' : 'ok'
  return JSON.stringify([
    ...before.map(({ listingId, provider }) => ({
      listing: listingId,
      provider,
      outcome: 'rate_limited',
      afterMs: 2.1,
      durationMs: Math.round(ttft / 2),
    })),
    { listing: offer.listingId, provider: offer.provider, outcome: end, afterMs: 2.4, durationMs: duration },
  ])
}

function count(
  { spent, earned }: Totals,
  organisationId: string,
  { sellerOrganisationId }: OfferPlan,
  { settledMs, costNanos, sellerNanos }: { settledMs: number; costNanos: bigint; sellerNanos: bigint },
): void {
  spent.set(organisationId, (spent.get(organisationId) ?? 0n) + costNanos)
  const day = Math.floor(settledMs / DAY_MS)
  let days = earned.get(sellerOrganisationId)
  if (!days) {
    days = new Map()
    earned.set(sellerOrganisationId, days)
  }
  days.set(day, (days.get(day) ?? 0n) + sellerNanos)
}
