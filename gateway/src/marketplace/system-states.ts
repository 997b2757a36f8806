/**
 * What rules do to listings: off the market and back. Here at once; in the database as soon as it takes it, so that a
 * dead database cannot keep a dead key on the market.
 */
import type { Audit } from '../audit/audit.ts'
import type { Database } from '../platform/database.ts'
import { changeState, standingOf } from './change-state.ts'
import { mayMove, outweighs } from './listing-states.ts'
import { inTransaction, lockListing } from './store.ts'

export type OffMarket = 'paused' | 'cooling' | 'suspended' | 'disabled' | 'quarantined'

type Wish = { kind: 'leave'; state: OffMarket; reason: string } | { kind: 'return'; reason: string }

export interface SystemStates {
  /** Whether the listing was taken off here and the database may not know it yet. */
  isOff(listingId: string): boolean
  set(listingId: string, state: OffMarket, reason: string): Promise<void>
  resume(listingId: string, reason: string): Promise<void>
  /** Writes again what could not be written. */
  retry(): Promise<void>
}

/** `onOff` takes the listing out of what is on offer, `onBack` reads what is. */
export function createSystemStates(deps: {
  database: Database
  audit: Pick<Audit, 'record'>
  onOff: (listingId: string) => void
  onBack: () => Promise<void>
}): SystemStates {
  const { database, onOff, onBack } = deps
  // Not yet known to be so in the database, the last for each listing.
  const wishes = new Map<string, Wish>()
  const writing = new Map<string, Promise<void>>()

  async function set(listingId: string, state: OffMarket, reason: string): Promise<void> {
    const wish = wishes.get(listingId)
    const isHeavier = wish?.kind !== 'leave' || outweighs(state, wish.state)
    if (isHeavier) wishes.set(listingId, { kind: 'leave', state, reason })
    onOff(listingId)
    await write(listingId)
  }

  async function resume(listingId: string, reason: string): Promise<void> {
    const wish = wishes.get(listingId)
    // Something else holds it now.
    if (wish?.kind === 'leave' && wish.reason !== reason) return
    wishes.set(listingId, { kind: 'return', reason })
    await write(listingId)
  }

  /** One after the other for a listing, so that the last wish is what stands in the end. */
  function write(listingId: string): Promise<void> {
    const before = writing.get(listingId) ?? Promise.resolve()
    const next = before.catch(() => undefined).then(() => writeWish(listingId))
    writing.set(listingId, next)
    const over = () => {
      if (writing.get(listingId) === next) writing.delete(listingId)
    }
    next.then(over, over)
    return next
  }

  async function writeWish(listingId: string): Promise<void> {
    const wish = wishes.get(listingId)
    if (!wish) return
    await inTransaction(database, async (transaction) => {
      const before = await lockListing(transaction, listingId)
      if (!before) return
      const isOwn = wish.kind === 'leave' || before.stateReason === wish.reason
      const to = wish.kind === 'leave' ? wish.state : 'active'
      if (!isOwn || mayMove(standingOf(before), to, 'system') !== 'yes') return
      // A key that was changed meanwhile must show itself first.
      const change = {
        to: to === 'active' && !before.verifiedAt ? 'verifying' : to,
        actor: 'system',
      } as const
      const reason = wish.kind === 'leave' ? wish.reason : `over:${wish.reason}`
      await changeState(deps, transaction, { before, change: { ...change, reason } })
    })
    if (wishes.get(listingId) === wish) wishes.delete(listingId)
    if (wish.kind === 'return') await onBack()
  }

  return {
    isOff: (listingId) => wishes.get(listingId)?.kind === 'leave',
    set,
    resume,
    async retry() {
      for (const listingId of wishes.keys()) await write(listingId)
    },
  }
}
