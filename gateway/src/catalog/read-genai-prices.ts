/**
 * Reads the price data of `@pydantic/genai-prices` once into integers. The package's own arithmetic is in floats
 * and is never used for billing: a price goes from its shortest decimal text straight to a `bigint`.
 */
import { type ConditionalPrice, findProvider, type ModelPrice } from '@pydantic/genai-prices'
import { type PriceTable, type TokenClass, type TokenPrices, tokenClasses } from './price.ts'

/** A model as the package knows it. */
export interface PricedModel {
  id: string
  title: string | undefined
  contextWindow: number | undefined
  /** Every exact name the package lists for it, dated ids and spellings; `id` is one of them. */
  names: readonly string[]
  /** `undefined`: not sellable until priced. `notes` says why. */
  listPrice: PriceTable | undefined
  notes: readonly string[]
}

/** Where each class finds its price, and what stands in when the data names none: the dearer sensible class. */
const classKeys: Record<TokenClass, { key: string; fallback: TokenClass | undefined }> = {
  uncachedInput: { key: 'input_mtok', fallback: undefined },
  cacheRead: { key: 'cache_read_mtok', fallback: 'uncachedInput' },
  cacheWrite5m: { key: 'cache_write_mtok', fallback: 'uncachedInput' },
  cacheWrite1h: { key: 'cache_write_1h_mtok', fallback: 'cacheWrite5m' },
  audioInput: { key: 'input_audio_mtok', fallback: 'uncachedInput' },
  output: { key: 'output_mtok', fallback: undefined },
  audioOutput: { key: 'output_audio_mtok', fallback: 'output' },
}

const knownKeys = new Set(Object.values(classKeys).map(({ key }) => key))

// Paid only when the caller switches a vendor's tool on, or cheaper than the class that stands in for them.
const harmlessKeys = new Set(['web_searches_kcount', 'storage_searches_kcount', 'cache_audio_read_mtok'])

/** The models of one provider of the package, with prices as they stand at `nowMs`; empty when it is unknown. */
export function readGenaiPrices(providerId: string, nowMs: number): PricedModel[] {
  const provider = findProvider({ providerId })
  if (provider?.id !== providerId) return []
  return provider.models.map((model) => {
    const prices = pricesAt(model.prices, nowMs)
    const { table, notes } = readPrices(prices)
    return {
      id: model.id,
      title: model.name,
      contextWindow: model.context_window,
      names: [...new Set([model.id, ...exactNames(model.match)])],
      listPrice: table,
      notes: Array.isArray(model.prices)
        ? [...notes, `conditional price chosen for ${isoMinute(nowMs)}`]
        : notes,
    }
  })
}

/**
 * The entry of a conditional price that holds at `nowMs`: the last one whose start date has come or whose time of
 * day (UTC) covers it. Callers re-evaluate hourly (`Catalog.refresh`), a request keeps the price it began with.
 */
export function pricesAt(prices: ConditionalPrice[] | ModelPrice, nowMs: number): ModelPrice {
  if (!Array.isArray(prices)) return prices
  const holding = prices.findLast(({ constraint }) => {
    if (!constraint) return true
    if (constraint.type === 'start_date') return nowMs >= Date.parse(constraint.start_date)
    const second = Math.floor(nowMs / 1000) % 86_400
    const from = secondOfDay(constraint.start_time)
    const to = secondOfDay(constraint.end_time)
    return from <= to ? second >= from && second < to : second >= from || second < to
  })
  return (holding ?? prices[0])?.prices ?? {}
}

/** Pico-dollars per token from dollars per million tokens. Exact to 6 decimals; finer prices are rounded up. */
export function picosFromUsdPerMTok(usd: number): { picos: bigint; roundedUp: boolean } {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(usd))
  if (!match) throw new RangeError(`not a price: ${usd}`)
  const fraction = match[2] ?? ''
  const digits = BigInt(`${match[1]}${fraction}`)
  const shift = 6 - fraction.length + Number(match[3] ?? 0)
  if (shift >= 0) return { picos: digits * 10n ** BigInt(shift), roundedUp: false }
  const divisor = 10n ** BigInt(-shift)
  const roundedUp = digits % divisor !== 0n
  return { picos: digits / divisor + (roundedUp ? 1n : 0n), roundedUp }
}

function readPrices(prices: ModelPrice): { table: PriceTable | undefined; notes: string[] } {
  const notes: string[] = []
  const priced = Object.keys(prices).filter((key) => prices[key] !== undefined)
  if (priced.length === 0) return { table: undefined, notes: ['the data lists no price'] }
  if (prices.input_mtok === undefined || prices.output_mtok === undefined) {
    return { table: undefined, notes: ['the data lists no price for input or output tokens'] }
  }
  const unmetered = priced.filter((key) => !knownKeys.has(key) && !harmlessKeys.has(key))
  if (unmetered.length > 0) {
    return { table: undefined, notes: [`priced by units that are not metered here: ${unmetered.join(', ')}`] }
  }
  const thresholds = [...new Set(priced.flatMap((key) => tierStarts(prices[key])))].sort((a, b) => a - b)
  const base = pricesAbove(prices, -1, notes)
  const tiers = thresholds.map((start) => ({
    aboveInputTokens: start,
    prices: pricesAbove(prices, start, notes),
  }))
  if (base.uncachedInput === 0n && base.output === 0n) {
    return { table: undefined, notes: ['the data says it is free; nothing is sold for free'] }
  }
  return { table: { base, tiers }, notes: [...new Set(notes)] }
}

/** Prices of a request with more than `start` input tokens; -1 for the base. */
function pricesAbove(prices: ModelPrice, start: number, notes: string[]): TokenPrices {
  const table = {} as Record<TokenClass, bigint>
  for (const tokenClass of tokenClasses) {
    const { key, fallback } = classKeys[tokenClass]
    const price = prices[key]
    if (price === undefined) {
      // `tokenClasses` names every fallback before the class that needs it, `output` before `audioOutput`.
      table[tokenClass] = table[fallback as TokenClass]
      continue
    }
    const usd =
      typeof price === 'number'
        ? price
        : (price.tiers.findLast((tier) => tier.start <= start)?.price ?? price.base)
    const { picos, roundedUp } = picosFromUsdPerMTok(usd)
    if (roundedUp) notes.push(`${key} ${usd} has more than 6 decimals and was rounded up`)
    table[tokenClass] = picos
  }
  return table
}

function tierStarts(price: ModelPrice[string]): number[] {
  return typeof price === 'object' ? price.tiers.map((tier) => tier.start) : []
}

/** Names in `equals` rules. Prefix and pattern rules name no model that a listing could offer. */
function exactNames(match: unknown): string[] {
  if (typeof match !== 'object' || match === null) return []
  if ('equals' in match && typeof match.equals === 'string') return [match.equals]
  if ('or' in match && Array.isArray(match.or)) return match.or.flatMap(exactNames)
  return []
}

function secondOfDay(time: string): number {
  const match = /^(\d\d):(\d\d):(\d\d)(?:Z|([+-])(\d\d):(\d\d))$/.exec(time)
  if (!match) throw new RangeError(`not a time of day: ${time}`)
  const [, hours, minutes, seconds, sign, offsetHours = '0', offsetMinutes = '0'] = match
  const offset = (sign === '-' ? -1 : 1) * (Number(offsetHours) * 3600 + Number(offsetMinutes) * 60)
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds) - offset + 86_400) % 86_400
}

function isoMinute(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 16)
}
