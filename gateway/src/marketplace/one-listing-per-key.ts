/** A key that is listed is not listed again; when another seller tries, an operator must ask whose it is. */
import type { Audit } from '../audit/audit.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import type { Actor } from './actor.ts'
import {
  findByFingerprint,
  inTransaction,
  type ListingRecord,
  type Transaction,
  updateListing,
} from './store.ts'

const KEY_LISTED_TWICE = 'key_listed_twice'

/** Thrown inside the transaction that must not be committed. */
class KeyIsListed extends Error {
  readonly holder: ListingRecord

  constructor(holder: ListingRecord) {
    super('this key has a listing')
    this.name = 'KeyIsListed'
    this.holder = holder
  }
}

/** Throws `KeyIsListed` when another listing has this key. */
export async function requireOwnKey(
  transaction: Transaction,
  { listingId, fingerprint }: { listingId: string; fingerprint: Uint8Array<ArrayBuffer> | null | undefined },
): Promise<void> {
  if (!fingerprint) return
  const holder = await findByFingerprint(transaction, fingerprint)
  if (holder && holder.id !== listingId) throw new KeyIsListed(holder)
}

/** Does `work`; a key that has a listing becomes a `conflict` that is written down, and the first listing's review. */
export async function refusingSecondListings<Result>(
  deps: { database: Database; audit: Pick<Audit, 'record'> },
  { organisationId, actor }: { organisationId: string; actor: Actor },
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof KeyIsListed)) throw isTakenMeanwhile(error) ? conflict() : error
    const { holder } = error
    if (holder.organisationId === organisationId) throw conflict(formatId('lst-', holder.id))
    await inTransaction(deps.database, async (transaction) => {
      await updateListing(transaction, holder.id, { reviewReason: KEY_LISTED_TWICE })
      await deps.audit.record(
        {
          actor,
          action: 'listing.key_listed_twice',
          subject: formatId('lst-', holder.id),
          detail: { refusedFor: formatId('org-', organisationId) },
        },
        transaction,
      )
    })
    throw conflict()
  }
}

/** The unique index speaks when two come in the same moment. */
function isTakenMeanwhile(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'P2002'
}

function conflict(own?: string): GatewayError {
  const message = own
    ? `This key is listed already as ${own}. Change that listing, or delete it first.`
    : 'This key is listed already. A key has one listing; if it is yours alone, ask an operator.'
  return new GatewayError('conflict', message, { param: 'key' })
}
