/** What is to be booked for a request: made before its last byte leaves, kept in the spool until it is committed. */
import type { UsageProof, UsageRecord } from '../ledger/usage-record.ts'
import type { Charge, Served } from './charge.ts'

export interface Bill {
  /** The request's UUID. */
  id: string
  costNanos: bigint
  sellerNanos: bigint
  feeNanos: bigint
  /** The owner of the fee account. */
  feeStripe: string
  /** Names payer and seller. */
  record: UsageRecord
}

interface BillInput {
  hold: { id: string; organisationId: string; keyId: string }
  served: Served
  charge: Charge
  proof: UsageProof | undefined
  feeStripe: string
}

export function billOf({ hold, served, charge, proof, feeStripe }: BillInput): Bill {
  return {
    id: hold.id,
    costNanos: charge.costNanos,
    sellerNanos: charge.sellerNanos,
    feeNanos: charge.feeNanos,
    feeStripe,
    record: {
      organisationId: hold.organisationId,
      keyId: hold.keyId,
      listingId: served.offer.listingId,
      sellerOrganisationId: served.offer.sellerOrganisationId,
      model: served.offer.model,
      provider: served.offer.provider.id,
      usage: served.usage,
      usageSource: served.usageSource,
      billed: charge.billed,
      price: served.offer.price,
      stream: served.stream,
      finishReason: served.finishReason,
      startedAt: served.startedAt,
      durationMs: served.durationMs,
      ttftMs: served.ttftMs,
      ...(proof ? { proof } : {}),
    },
  }
}

export function billJson(bill: Bill): string {
  return JSON.stringify(bill, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
}

/** The bill in what `billJson` wrote; its checksum has been verified. The price stays as its JSON says. */
export function readBill(written: Record<keyof Bill, unknown>): Bill {
  const { costNanos, sellerNanos, feeNanos, record } = written
  const { startedAt, ...rest } = record as UsageRecord
  return {
    ...(written as Bill),
    costNanos: BigInt(costNanos as string),
    sellerNanos: BigInt(sellerNanos as string),
    feeNanos: BigInt(feeNanos as string),
    record: { ...rest, startedAt: new Date(startedAt) },
  }
}
