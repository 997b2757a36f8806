/** The rows of prices, which are only ever added. Private to this folder. */
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../platform/database.ts'

type Transaction = Prisma.TransactionClient

/** A version as it is stored. */
export interface PriceRow {
  version: number
  rule: unknown
  effectiveFrom: Date
}

/** The newest version of an offer's price. */
export interface NewestPrice extends PriceRow {
  /** The version that was in force when this one was made; null for the first. */
  follows: number | null
}

export interface NewPrice {
  id: string
  listingId: string
  model: string
  version: number
  follows: number | null
  rule: Prisma.InputJsonValue
  effectiveFrom: Date
  createdAt: Date
  /** The user; null for the gateway itself. */
  createdBy: string | null
}

/** By model; the listing must be locked. */
export async function readNewestPrices(
  client: Transaction,
  listingId: string,
  models: readonly string[],
): Promise<Map<string, NewestPrice>> {
  const rows = await client.$queryRaw<(NewestPrice & { model: string })[]>`
    SELECT asked.model, p.version, p.follows, p.rule, p."effectiveFrom"
      FROM unnest(${[...models]}::text[]) AS asked (model)
      CROSS JOIN LATERAL (
        SELECT * FROM listing_price v
         WHERE v."listingId" = ${listingId}::uuid AND v.model = asked.model
         ORDER BY v.version DESC LIMIT 1
      ) p`
  return new Map(rows.map((row) => [row.model, row]))
}

/** One of these models of the listing whose price was changed at least `times` times since `since`. */
export async function findBusyModel(
  client: Transaction,
  { listingId, models, since, times }: BusySearch,
): Promise<string | undefined> {
  const rows = await client.$queryRaw<{ model: string }[]>`
    SELECT model FROM listing_price
     WHERE "listingId" = ${listingId}::uuid AND "createdAt" > ${since} AND version > 1
       AND model = ANY (${[...models]}::text[])
     GROUP BY model HAVING count(*) >= ${times} LIMIT 1`
  return rows[0]?.model
}

interface BusySearch {
  listingId: string
  models: readonly string[]
  since: Date
  times: number
}

export async function insertPrices(client: Transaction, prices: readonly NewPrice[]): Promise<void> {
  if (prices.length > 0) await client.listingPrice.createMany({ data: [...prices] })
}

/** The newest price of a listing's model, and the one that holds until it begins. */
export interface OfferPriceRow {
  listingId: string
  model: string
  /** In order of time, one or two. */
  prices: PriceRow[]
}

/** Of all models that these listings have. */
export async function readOfferPrices(
  database: Database,
  listingIds: readonly string[],
): Promise<OfferPriceRow[]> {
  const { rows } = await database.pool.query<{ listingId: string; model: string; prices: StoredPrice[] }>({
    name: 'marketplace_offer_prices',
    text: `SELECT m."listingId", m.model, ${OFFER_PRICES} AS prices
             FROM listing_model m WHERE m."listingId" = ANY ($1::uuid[])`,
    values: [listingIds],
  })
  return rows.map((row) => ({ ...row, prices: row.prices.map(readPrice) }))
}

const told = (row: string) =>
  `json_build_object('version', ${row}.version, 'rule', ${row}.rule,
                     'fromMs', (extract(epoch FROM ${row}."effectiveFrom") * 1000)::bigint)`

/** SQL for the newest price of the row `m` of listing_model and the one it follows, in order of time: two look-ups by key. */
export const OFFER_PRICES = `
  coalesce((
    SELECT CASE WHEN f.version IS NULL THEN json_build_array(${told('n')})
                ELSE json_build_array(${told('f')}, ${told('n')}) END
      FROM (
        SELECT * FROM listing_price v WHERE v."listingId" = m."listingId" AND v.model = m.model
         ORDER BY v.version DESC LIMIT 1
      ) n
      LEFT JOIN listing_price f
        ON f."listingId" = n."listingId" AND f.model = n.model AND f.version = n.follows
  ), '[]')`

/** A price as `OFFER_PRICES` tells it. */
export interface StoredPrice {
  version: number
  rule: unknown
  fromMs: number
}

function readPrice({ version, rule, fromMs }: StoredPrice): PriceRow {
  return { version, rule, effectiveFrom: new Date(fromMs) }
}

export interface PriceHistoryRow extends PriceRow {
  id: string
  model: string
  createdAt: Date
  /** Whether it was replaced before it began. */
  cancelled: boolean
  /** When the version that follows it begins; null when there is none. */
  until: Date | null
}

/** Newest first. */
export async function readPriceHistory(
  database: Database,
  {
    listingId,
    limit,
    beforeId,
    model,
  }: { listingId: string; limit: number; beforeId?: string; model?: string },
): Promise<PriceHistoryRow[]> {
  const { rows } = await database.pool.query<PriceHistoryRow>({
    name: 'marketplace_price_history',
    text: `
      SELECT p.id, p.model, p.version, p.rule, p."effectiveFrom", p."createdAt",
             next.version IS NOT NULL AND next.follows IS DISTINCT FROM p.version AS cancelled,
             -- Of those that follow it, all but the newest were cancelled.
             (SELECT f."effectiveFrom" FROM listing_price f
               WHERE f."listingId" = p."listingId" AND f.model = p.model AND f.follows = p.version
               ORDER BY f.version DESC LIMIT 1) AS until
        FROM listing_price p
        LEFT JOIN listing_price next
          ON next."listingId" = p."listingId" AND next.model = p.model AND next.version = p.version + 1
       WHERE p."listingId" = $1 AND ($2::uuid IS NULL OR p.id < $2) AND ($3::text IS NULL OR p.model = $3)
       ORDER BY p.id DESC
       LIMIT $4`,
    values: [listingId, beforeId ?? null, model ?? null, limit],
  })
  return rows
}
