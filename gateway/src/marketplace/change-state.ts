/** The one way in which a listing's state changes: by the table, written down with from, to and reason. */
import assert from 'node:assert/strict'
import type { Audit } from '../audit/audit.ts'
import { formatId } from '../platform/ids.ts'
import { type Actor, stateActorOf } from './actor.ts'
import { isReason, type ListingState, mayMove, type Standing, type StateActor } from './listing-states.ts'
import { type ListingRecord, type Transaction, updateListing } from './store.ts'
import { startVerification } from './verification-store.ts'

export interface StateChange {
  to: ListingState
  reason: string
  actor: Actor
}

/** Where the row stands; the database holds no other words than ours. */
export function standingOf(listing: Pick<ListingRecord, 'state' | 'stateReason' | 'stateBy'>): Standing {
  return {
    state: listing.state as ListingState,
    reason: listing.stateReason,
    by: listing.stateBy as StateActor,
  }
}

/**
 * Moves a listing that `lockListing` holds, and begins its verification when that is where it goes. That it may go there
 * is the caller's to have asked.
 */
export async function changeState(
  { audit }: { audit: Pick<Audit, 'record'> },
  transaction: Transaction,
  { before, change }: { before: ListingRecord; change: StateChange },
): Promise<ListingRecord> {
  const { to, reason, actor } = change
  const by = stateActorOf(actor)
  const standing = standingOf(before)
  assert.equal(mayMove(standing, to, by), 'yes', `${before.state} to ${to} by ${by}`)
  assert(isReason(standing.state, to, by, reason), `${reason} is no reason for ${to} by ${by}`)
  if (to === 'verifying') await startVerification(transaction, before.id)
  const after = await updateListing(transaction, before.id, { state: to, stateReason: reason, stateBy: by })
  assert(after, 'a locked listing is there')
  const detail = { from: before.state, to, reason }
  const subject = formatId('lst-', before.id)
  await audit.record({ actor, action: `listing.${to}`, subject, detail }, transaction)
  return after
}
