/** The SQL of what a seller's listing has served. Not prepared by name: nobody asks often. */
import type { LedgerPool } from './store.ts'
import type { UsageCounts } from './usage-record.ts'

/** A request as it was served and billed. */
export interface ServedRow {
  usage: UsageCounts
  startedAt: Date
  /** Billed for all that was used, so that another price would have billed it the same way. */
  isWhole: boolean
  costNanos: bigint
  sellerNanos: bigint
}

const COUNTS = `uncached_input AS "uncachedInput", cache_read AS "cacheRead", cache_write_5m AS "cacheWrite5m",
  cache_write_1h AS "cacheWrite1h", audio_input AS "audioInput", output, audio_output AS "audioOutput", reasoning`

/** The newest first, since `sinceId`, the least id of that moment. */
export async function readServed(
  pool: LedgerPool,
  {
    sellerOrganisationId,
    listingId,
    model,
    sinceId,
    limit,
  }: { sellerOrganisationId: string; listingId: string; model: string; sinceId: string; limit: number },
): Promise<ServedRow[]> {
  const { rows } = await pool.query<
    Record<keyof UsageCounts, string> & { startedAt: Date; billed: string; cost: string; seller: string }
  >({
    text: `SELECT ${COUNTS}, started_at AS "startedAt", billed, cost_nanos AS cost, seller_nanos AS seller
             FROM ledger.usage_record
            WHERE seller_organisation_id = $1 AND id >= $4::uuid AND listing_id = $2 AND model = $3
            ORDER BY id DESC LIMIT $5`,
    values: [sellerOrganisationId, listingId, model, sinceId, limit],
  })
  return rows.map(({ startedAt, billed, cost, seller, ...counts }) => ({
    usage: Object.fromEntries(
      Object.entries(counts).map(([name, value]) => [name, Number(value)]),
    ) as unknown as UsageCounts,
    startedAt,
    isWhole: billed === 'whole',
    costNanos: BigInt(cost),
    sellerNanos: BigInt(seller),
  }))
}
