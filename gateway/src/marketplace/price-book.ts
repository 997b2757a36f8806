/** What people may know of a listing's prices: the one in force, the one announced, and all there ever were. */
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import { type PriceRule, priceRule } from './price-rule.ts'
import { showPrice } from './price-show.ts'
import { type PriceHistoryRow, type PriceRow, readOfferPrices, readPriceHistory } from './price-store.ts'
import { compilePrices } from './price-versions.ts'
import type { PriceVersionShown } from './prices-api.ts'

export interface PriceBookDeps {
  database: Database
  catalog: Pick<Catalog, 'find'>
  clock: Clock
}

export interface PriceBook {
  /** The prices of these listings' models as `/api` shows them, by listing's UUID and model. */
  ofListings(
    listingIds: readonly string[],
  ): Promise<(listingId: string, model: string) => ListedPrice | undefined>
  /** Newest first. */
  history(query: {
    listingId: string
    limit: number
    beforeId?: string
    model?: string
  }): Promise<PriceHistoryRow[]>
}

export type ListedPrice = ReturnType<typeof listedPrice>

export function createPriceBook({ database, catalog, clock }: PriceBookDeps): PriceBook {
  return {
    async ofListings(listingIds) {
      const nowMs = clock.nowMs()
      const rows = listingIds.length === 0 ? [] : await readOfferPrices(database, listingIds)
      const prices = new Map(
        rows.map(({ listingId, model, prices }) => [`${listingId}:${model}`, { model, prices }]),
      )
      return function priceOfModel(listingId, model) {
        const found = prices.get(`${listingId}:${model}`)
        return found && listedPrice(found, catalog, nowMs)
      }
    },
    history: (query) => readPriceHistory(database, query),
  }
}

/** What a listing asks for a model; amounts are null when the model or its list price has gone from the catalogue since. */
function listedPrice(
  { model, prices }: { model: string; prices: readonly PriceRow[] },
  catalog: Pick<Catalog, 'find'>,
  nowMs: number,
) {
  const begun = prices.filter(({ effectiveFrom }, index) => index === 0 || effectiveFrom.getTime() <= nowMs)
  const inForce = begun.at(-1) as PriceRow
  const next = prices.at(-1) === inForce ? undefined : prices.at(-1)
  return {
    price: inForce.rule as PriceRule,
    priceVersion: inForce.version,
    ...amounts(model, inForce, catalog, nowMs),
    announcedPrice: next ? announced(model, next, catalog) : null,
  }
}

function announced(model: string, row: PriceRow, catalog: Pick<Catalog, 'find'>) {
  const { version, effectiveFrom } = row
  const { usdPerMTok, usdPerRequest } = amounts(model, row, catalog, effectiveFrom.getTime())
  return {
    version,
    effectiveFrom: effectiveFrom.toISOString(),
    price: row.rule as PriceRule,
    usdPerMTok,
    usdPerRequest,
  }
}

/** At `atMs`, on an idle listing. */
function amounts(model: string, { version, rule }: PriceRow, catalog: Pick<Catalog, 'find'>, atMs: number) {
  try {
    const versions = [{ version, rule: priceRule.parse(rule), fromMs: 0 }] as const
    const { price } = compilePrices(versions, catalog.find(model).listPrice, 0n).at(atMs, 0)
    return showPrice(price)
  } catch {
    return { usdPerMTok: null, usdPerRequest: null }
  }
}

/** A version in the history of a listing. */
export function showVersion(row: PriceHistoryRow, nowMs: number): PriceVersionShown {
  const begun = row.effectiveFrom.getTime() <= nowMs
  const over = row.until !== null && row.until.getTime() <= nowMs
  const state = row.cancelled ? 'cancelled' : !begun ? 'announced' : over ? 'past' : 'in_force'
  return {
    id: formatId('prc-', row.id),
    model: row.model,
    version: row.version,
    price: row.rule as PriceRule,
    state,
    effectiveFrom: row.effectiveFrom.toISOString(),
    effectiveUntil: row.cancelled ? null : (row.until?.toISOString() ?? null),
    createdAt: row.createdAt.toISOString(),
  }
}
