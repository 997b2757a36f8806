/** The SQL of what a seller's listing has earned. Not prepared by name: nobody asks often. */
import type { LedgerPool } from './store.ts'

export interface EarnedRow {
  requests: bigint
  /** The seller's share. */
  nanos: bigint
}

/** Since `sinceId`, the least id of that moment: a seller's usage is found by his organisation and id, which is time. */
export async function readEarned(
  pool: LedgerPool,
  {
    sellerOrganisationId,
    listingId,
    sinceId,
  }: { sellerOrganisationId: string; listingId: string; sinceId: string },
): Promise<EarnedRow> {
  const { rows } = await pool.query<{ requests: string; nanos: string }>({
    text: `SELECT count(*) AS requests, coalesce(sum(seller_nanos), 0) AS nanos
             FROM ledger.usage_record
            WHERE seller_organisation_id = $1 AND id >= $3::uuid AND listing_id = $2`,
    values: [sellerOrganisationId, listingId, sinceId],
  })
  const [row] = rows
  return {
    requests: BigInt(row?.requests ?? 0),
    nanos: BigInt(row?.nanos ?? 0),
  }
}
