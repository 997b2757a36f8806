/**
 * How a seller prices a model: fixed prices of his own, a multiplier on the list price, and over either of them windows of
 * the week and a price that follows the load. Rules are stored as they were said; the price in pico-dollars is made from
 * them whenever the list price or the fee changes.
 */
import { z } from 'zod'
import type { PriceSnapshot, PriceTable, TokenPrices } from '../catalog/price.ts'
import { GatewayError } from '../platform/errors.ts'
import { ceilDiv, parseScaled } from '../platform/money.ts'
import { compileTimetable, weekdays } from './price-schedule.ts'

/** Dollars per million tokens have six decimals: with more they would not be whole pico-dollars per token. */
const MTOK_SCALE = 6
const REQUEST_SCALE = 9

// Ten times the dearest list price known; beyond it a typing error is likelier than an offer.
const MAX_PICO_PER_TOKEN = 10_000_000_000n
const MAX_NANOS_PER_REQUEST = 100_000_000_000n

/** The list price itself. */
const ONE_PPM = 1_000_000n
const MIN_PPM = 50_000
const MAX_PPM = 10_000_000

/**
 * How many times the price of what it is a kind of each class may cost, as the dearest vendor's does. Buyers compare offers
 * by input and output: what a vendor's cache does to a prompt must not be where the money is made.
 */
const MOST_DEARER = {
  cacheRead: ['input', 1n],
  cacheWrite: ['input', 2n],
  cacheWrite1h: ['input', 2n],
  audioInput: ['input', 100n],
  audioOutput: ['output', 100n],
} as const

// Four prices a day for every day of the week, and twenty to spare.
const MAX_WINDOWS = 48

/** A listing's fill comes in steps of 5 %: a price that moved with every request could be neither told nor planned with. */
export const FILL_STEPS = 20

const usdPerMTok = decimalUsd(MTOK_SCALE, MAX_PICO_PER_TOKEN, 'USD per million tokens')
const usdPerRequest = decimalUsd(REQUEST_SCALE, MAX_NANOS_PER_REQUEST, 'USD per request')
/** Parts per million: 1_000_000 is the price itself. */
const ppm = z.int().min(MIN_PPM).max(MAX_PPM)

const multiplierRule = z.strictObject({
  kind: z.literal('multiplier'),
  /** Of the list price. */
  ppm,
})

const fixedRule = z.strictObject({
  kind: z.literal('fixed'),
  /** USD per million tokens. Classes left out cost what the class they replace costs. */
  perMTok: z
    .strictObject({
      input: usdPerMTok,
      output: usdPerMTok,
      cacheRead: usdPerMTok.optional(),
      cacheWrite: usdPerMTok.optional(),
      cacheWrite1h: usdPerMTok.optional(),
      audioInput: usdPerMTok.optional(),
      audioOutput: usdPerMTok.optional(),
    })
    .superRefine(checkClasses),
  perRequest: usdPerRequest.optional(),
})

const plainRule = z.discriminatedUnion('kind', [multiplierRule, fixedRule])

const window = z
  .strictObject({
    /** The days on which it begins; left out: every day. */
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(weekdays.length)
      .refine((days) => new Set(days).size === days.length, 'names a day twice')
      .optional(),
    from: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'write a time as HH:MM, from 00:00 to 23:59'),
    /** At or before `from`: on the next day. */
    to: z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'write a time as HH:MM, to 24:00'),
    /** From the IANA list; one for all windows of a price. */
    timeZone: z.string().max(64),
    price: plainRule,
  })
  .refine(({ from, to }) => from !== to, { path: ['to'], message: 'a whole day is from 00:00 to 24:00' })

const load = z
  .strictObject({
    /** Of the price, while the listing is idle. */
    floorPpm: ppm,
    /** Of the price, while it is full. */
    ceilingPpm: ppm,
  })
  .refine(({ floorPpm, ceilingPpm }) => floorPpm <= ceilingPpm, {
    path: ['ceilingPpm'],
    message: 'must not be below floorPpm',
  })

const scheduledRule = z
  .strictObject({
    kind: z.literal('scheduled'),
    /** What holds outside the windows. */
    base: plainRule,
    windows: z.array(window).min(1).max(MAX_WINDOWS).optional(),
    load: load.optional(),
  })
  .superRefine(checkSchedule)

export const priceRule = z.discriminatedUnion('kind', [multiplierRule, fixedRule, scheduledRule])

export type PriceRule = z.output<typeof priceRule>
export type PlainRule = z.output<typeof plainRule>
export type Load = z.output<typeof load>

/**
 * What `rule` comes to outside its windows while nothing runs. Throws `invalid_value` for a multiplier of a list price
 * that nobody knows, in its base or in any window.
 */
export function priceOf(rule: PriceRule, listPrice: PriceTable | undefined, feeBps: bigint): PriceSnapshot {
  if (rule.kind !== 'scheduled') return plainPrice(rule, listPrice, feeBps)
  for (const { price } of rule.windows ?? []) plainPrice(price, listPrice, feeBps)
  return atLoad(plainPrice(rule.base, listPrice, feeBps), rule.load, 0)
}

/** A plain rule's price. Throws `invalid_value` for a multiplier of an unknown list price. */
export function plainPrice(
  rule: PlainRule,
  listPrice: PriceTable | undefined,
  feeBps: bigint,
): PriceSnapshot {
  if (rule.kind === 'fixed') {
    return {
      table: fixedTable(rule.perMTok),
      nanosPerRequest: scaled(rule.perRequest ?? '0', REQUEST_SCALE),
      multiplierPpm: ONE_PPM,
      feeBps,
    }
  }
  if (!listPrice) {
    throw new GatewayError(
      'invalid_value',
      "The list price of this model is unknown, so a multiplier has nothing to multiply. Use {kind: 'fixed'}.",
      { param: 'price' },
    )
  }
  return { table: listPrice, nanosPerRequest: 0n, multiplierPpm: BigInt(rule.ppm), feeBps }
}

/**
 * `price` at a fill of `step` twentieths: from exactly the floor, linear, to exactly the ceiling. Multipliers are
 * multiplied into one and rounded once, up to a whole part per million, so no price falls below its floor; what a request
 * costs is rounded later, once, when it is priced.
 */
export function atLoad(price: PriceSnapshot, load: Load | undefined, step: number): PriceSnapshot {
  if (!load) return price
  return { ...price, multiplierPpm: loadedPpm(price.multiplierPpm, load, step) }
}

function loadedPpm(ppm: bigint, { floorPpm, ceilingPpm }: Load, step: number): bigint {
  const twentieths = BigInt(floorPpm * (FILL_STEPS - step) + ceilingPpm * step)
  return ceilDiv(ppm * twentieths, BigInt(FILL_STEPS) * ONE_PPM)
}

/** No class may be dearer than `MOST_DEARER` says. */
function checkClasses(
  perMTok: { input: string; output: string } & Partial<Record<keyof typeof MOST_DEARER, string | undefined>>,
  context: z.RefinementCtx,
): void {
  for (const [name, [kindOf, times]] of Object.entries(MOST_DEARER)) {
    const price = parseScaled(perMTok[name as keyof typeof MOST_DEARER] ?? '0', MTOK_SCALE)
    const most = parseScaled(perMTok[kindOf], MTOK_SCALE)
    if (price === undefined || most === undefined || price <= most * times) continue
    const message = `must not be more than ${times === 1n ? '' : `${times} times `}the price of ${kindOf}`
    context.addIssue({ code: 'custom', path: [name], message })
  }
}

/** Windows must not overlap, and no combination may leave the bounds that a plain price has. */
function checkSchedule(
  rule: { base: PlainRule; windows?: z.output<typeof window>[] | undefined; load?: Load | undefined },
  context: z.RefinementCtx,
): void {
  const fault = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message })
  if (!rule.windows && !rule.load) fault(['windows'], 'name windows, a load, or both')
  if (rule.windows) {
    const timetable = compileTimetable(rule.windows)
    if ('message' in timetable) fault(['windows', timetable.index], timetable.message)
  }
  if (!rule.load) return
  const plain = [
    { path: ['base'], price: rule.base },
    ...(rule.windows ?? []).map(({ price }, index) => ({ path: ['windows', index, 'price'], price })),
  ]
  for (const { path, price } of plain) {
    if (!staysInBounds(price, rule.load)) {
      fault(
        path,
        'with this load it is below 0.05 or above 10 times the list price, or above the dearest price',
      )
    }
  }
}

function staysInBounds(rule: PlainRule, load: Load): boolean {
  const ppm = rule.kind === 'multiplier' ? BigInt(rule.ppm) : ONE_PPM
  if (loadedPpm(ppm, load, 0) < BigInt(MIN_PPM) || loadedPpm(ppm, load, FILL_STEPS) > BigInt(MAX_PPM))
    return false
  if (rule.kind === 'multiplier') return true
  const most = BigInt(load.ceilingPpm)
  const perRequest = scaled(rule.perRequest ?? '0', REQUEST_SCALE)
  const dearest = Object.values(fixedTable(rule.perMTok).base).reduce((a, b) => (a > b ? a : b))
  return (
    dearest * most <= MAX_PICO_PER_TOKEN * ONE_PPM && perRequest * most <= MAX_NANOS_PER_REQUEST * ONE_PPM
  )
}

function fixedTable(perMTok: Extract<PriceRule, { kind: 'fixed' }>['perMTok']): PriceTable {
  const pico = (text: string | undefined, otherwise: bigint) =>
    text === undefined ? otherwise : scaled(text, MTOK_SCALE)
  const uncachedInput = pico(perMTok.input, 0n)
  const output = pico(perMTok.output, 0n)
  const cacheWrite5m = pico(perMTok.cacheWrite, uncachedInput)
  const base: TokenPrices = {
    uncachedInput,
    cacheRead: pico(perMTok.cacheRead, uncachedInput),
    cacheWrite5m,
    cacheWrite1h: pico(perMTok.cacheWrite1h, cacheWrite5m),
    audioInput: pico(perMTok.audioInput, uncachedInput),
    output,
    audioOutput: pico(perMTok.audioOutput, output),
  }
  return { base, tiers: [] }
}

function decimalUsd(scale: number, max: bigint, unit: string) {
  return z.string().refine(
    (text) => {
      const value = parseScaled(text, scale)
      return value !== undefined && value <= max
    },
    { message: `write ${unit} as a decimal string such as "0.15", with at most ${scale} decimals` },
  )
}

/** Rules are checked where they enter; text that is no price here is a broken invariant. */
function scaled(text: string, scale: number): bigint {
  const value = parseScaled(text, scale)
  if (value === undefined) throw new Error(`not a price: ${text}`)
  return value
}
