/** What a listing and its models may carry, between the three ways it is written: by people, in rows, in offers. Pure. */
import { z } from 'zod'
import { formatUsd, parseScaled } from '../platform/money.ts'
import type { CapacityLimits } from './offer.ts'

const NANO_DECIMALS = 9
/** A billion dollars: more than any account spends, and far from the end of a bigint column. */
const MAX_NANOS = 10n ** 18n

const bound = (max: number) => z.int().min(1).max(max).nullable()

/** Kept as it was written, so that it can be noted and shown. */
const usd = z
  .string()
  .max(32)
  .refine((text) => {
    const nanos = parseScaled(text, NANO_DECIMALS)
    return nanos !== undefined && nanos > 0n && nanos <= MAX_NANOS
  }, 'must be an amount in USD above zero with at most nine decimals, such as "20.00"')
  .nullable()

/** `null` or left out: no limit. Days and months are UTC's. */
export const capacityBody = z
  .strictObject({
    requestsPerMinute: bound(1_000_000),
    tokensPerMinute: bound(2_000_000_000),
    concurrency: bound(100_000),
    tokensPerDay: bound(1_000_000_000_000),
    tokensPerMonth: bound(30_000_000_000_000),
    usdPerDay: usd,
    usdPerMonth: usd,
  })
  .partial()

type CapacityBody = z.output<typeof capacityBody>

/** The columns of a listing. */
export interface CapacityColumns {
  requestsPerMinute: number | null
  tokensPerMinute: number | null
  concurrency: number | null
  tokensPerDay: bigint | null
  tokensPerMonth: bigint | null
  nanosPerDay: bigint | null
  nanosPerMonth: bigint | null
}

/** The columns that `body` says something of; what it leaves out stays as it is. */
export function capacityColumns(body: CapacityBody): Partial<CapacityColumns> {
  const {
    requestsPerMinute,
    tokensPerMinute,
    concurrency,
    tokensPerDay,
    tokensPerMonth,
    usdPerDay,
    usdPerMonth,
  } = body
  const columns = {
    requestsPerMinute,
    tokensPerMinute,
    concurrency,
    tokensPerDay: whole(tokensPerDay),
    tokensPerMonth: whole(tokensPerMonth),
    nanosPerDay: nanosOf(usdPerDay),
    nanosPerMonth: nanosOf(usdPerMonth),
  }
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined))
}

/** A listing's limits as `/api` shows them; `null`: none. */
export function showCapacity(columns: CapacityColumns) {
  const { requestsPerMinute, tokensPerMinute, concurrency, tokensPerDay, tokensPerMonth } = columns
  return {
    requestsPerMinute,
    tokensPerMinute,
    concurrency,
    tokensPerDay: tokensPerDay === null ? null : Number(tokensPerDay),
    tokensPerMonth: tokensPerMonth === null ? null : Number(tokensPerMonth),
    usdPerDay: columns.nanosPerDay === null ? null : formatUsd(columns.nanosPerDay),
    usdPerMonth: columns.nanosPerMonth === null ? null : formatUsd(columns.nanosPerMonth),
  }
}

/** What a model's entry is kept as: the limits it has, or nothing. */
export function modelCapacityJson(
  body: CapacityBody | undefined,
): Record<string, number | string> | undefined {
  const limits = Object.entries(body ?? {}).filter(([, value]) => value !== null && value !== undefined)
  return limits.length === 0 ? undefined : Object.fromEntries(limits as [string, number | string][])
}

/** A row's limits, where the driver gives `bigint` columns as text. */
export interface CapacityRow {
  requestsPerMinute: number | null
  tokensPerMinute: number | null
  concurrency: number | null
  tokensPerDay?: string | null
  tokensPerMonth?: string | null
  nanosPerDay?: string | null
  nanosPerMonth?: string | null
}

export function limitsOfRow(row: CapacityRow): CapacityLimits {
  return definedOnly({
    requestsPerMinute: row.requestsPerMinute,
    tokensPerMinute: row.tokensPerMinute,
    concurrency: row.concurrency,
    tokensPerDay: row.tokensPerDay && Number(row.tokensPerDay),
    tokensPerMonth: row.tokensPerMonth && Number(row.tokensPerMonth),
    nanosPerDay: row.nanosPerDay && BigInt(row.nanosPerDay),
    nanosPerMonth: row.nanosPerMonth && BigInt(row.nanosPerMonth),
  })
}

/** The limits of a model's entry; undefined when it has none. Throws for what nobody can read. */
export function limitsOfJson(json: unknown): CapacityLimits | undefined {
  if (json === null || json === undefined) return undefined
  const { usdPerDay, usdPerMonth, ...rest } = capacityBody.parse(json)
  return definedOnly({ ...rest, nanosPerDay: nanosOf(usdPerDay), nanosPerMonth: nanosOf(usdPerMonth) })
}

function definedOnly(values: object): CapacityLimits {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== null && value !== undefined),
  )
}

function whole(value: number | null | undefined): bigint | null | undefined {
  return typeof value === 'number' ? BigInt(value) : value
}

function nanosOf(usd: string | null | undefined): bigint | null | undefined {
  return typeof usd === 'string' ? parseScaled(usd, NANO_DECIMALS) : usd
}
