/** What a price would come to before it is asked, by the arithmetic that bills: pure. */
import type { PriceSnapshot, PriceTable } from '../catalog/price.ts'
import type { ServedRow } from '../ledger/served-requests.ts'
import { FILL_STEPS, type PriceRule } from './price-rule.ts'
import { showPrice } from './price-show.ts'
import { compilePrices, type PriceSchedule } from './price-versions.ts'

const WEEK_MS = 7 * 86_400_000
// Four prices a day for a week, and as many again.
const MOST_STRETCHES = 64

/** How usage is billed and split; the rooms above fulfil it. */
export interface Billing {
  priceUsage(usage: ServedRow['usage'], price: PriceSnapshot): bigint
  sellerShare(costNanos: bigint, feeBps: bigint): bigint
}

export interface Earned {
  costNanos: bigint
  sellerNanos: bigint
}

export interface Priced {
  input: string
  output: string
  usdPerRequest: string
}

/** Throws `invalid_value` for a rule that has no price. */
export function scheduleOf(
  rule: PriceRule,
  listPrice: PriceTable | undefined,
  feeBps: bigint,
): PriceSchedule {
  return compilePrices([{ version: 1, rule, fromMs: 0 }], listPrice, feeBps)
}

/** The price at `nowMs` for every step of fill. */
export function priceByFill(schedule: PriceSchedule, nowMs: number): ({ fill: number } & Priced)[] {
  return Array.from({ length: FILL_STEPS + 1 }, (_, step) => ({
    fill: step / FILL_STEPS,
    ...priced(schedule.at(nowMs, step).price),
  }))
}

/** The prices of an idle listing over the coming week, a stretch each. */
export function priceByTime(
  schedule: PriceSchedule,
  nowMs: number,
): ({ fromMs: number; untilMs: number } & Priced)[] {
  const stretches: ({ fromMs: number; untilMs: number } & Priced)[] = []
  const endMs = nowMs + WEEK_MS
  for (let fromMs = nowMs; fromMs < endMs && stretches.length < MOST_STRETCHES; ) {
    const untilMs = Math.min(schedule.nextChangeMs(fromMs) ?? endMs, endMs)
    stretches.push({ fromMs, untilMs, ...priced(schedule.at(fromMs, 0).price) })
    fromMs = untilMs
  }
  return stretches
}

function priced(price: PriceSnapshot): Priced {
  const { usdPerMTok, usdPerRequest } = showPrice(price)
  return { input: usdPerMTok.input, output: usdPerMTok.output, usdPerRequest }
}

/** What these requests were billed, and what they would have been with the listing always so full. */
export function replay(
  served: readonly ServedRow[],
  { schedule, fillStep, billing }: { schedule: PriceSchedule; fillStep: number; billing: Billing },
): Earned {
  const sum = { costNanos: 0n, sellerNanos: 0n }
  for (const row of served) {
    const { costNanos, sellerNanos } = row.isWhole
      ? billed(row, schedule.at(row.startedAt.getTime(), fillStep).price, billing)
      : row
    sum.costNanos += costNanos
    sum.sellerNanos += sellerNanos
  }
  return sum
}

function billed({ usage }: ServedRow, price: PriceSnapshot, { priceUsage, sellerShare }: Billing): Earned {
  const costNanos = priceUsage(usage, price)
  return { costNanos, sellerNanos: sellerShare(costNanos, price.feeBps) }
}

/** What was billed. */
export function billedFor(served: readonly ServedRow[]): Earned {
  return served.reduce(
    (sum, { costNanos, sellerNanos }) => ({
      costNanos: sum.costNanos + costNanos,
      sellerNanos: sum.sellerNanos + sellerNanos,
    }),
    { costNanos: 0n, sellerNanos: 0n },
  )
}
