/** The life of a listing as one table: who may take it from which state to which, and for what reasons. Pure. */

export const listingStates = [
  'draft',
  'verifying',
  'active',
  'paused',
  'cooling',
  'suspended',
  'disabled',
  'quarantined',
] as const

export type ListingState = (typeof listingStates)[number]

/** Whose will a change is: the seller's, the operator's, or a rule's. */
export type StateActor = 'seller' | 'operator' | 'system'

/** Where a listing stands. */
export interface Standing {
  state: ListingState
  /** Why, in snake case. */
  reason: string | null
  /** Who put it there; what an operator took away, only an operator gives back. */
  by: StateActor
}

interface Transition {
  from: readonly ListingState[]
  to: ListingState
  by: readonly StateActor[]
  /** Reasons that are written down; `any`: a rule of another room says its own. */
  reasons: readonly string[] | 'any'
}

/** What was verified and is new. */
export const verifiedParts = ['key_changed', 'base_url_changed', 'models_changed'] as const
export type VerifiedPart = (typeof verifiedParts)[number]

const transitions: readonly Transition[] = [
  {
    from: ['draft', 'paused', 'suspended', 'disabled'],
    to: 'verifying',
    by: ['seller', 'operator'],
    reasons: ['asked_by_seller', 'asked_by_operator', ...verifiedParts],
  },
  { from: ['quarantined'], to: 'verifying', by: ['operator'], reasons: ['asked_by_operator'] },
  { from: ['active', 'cooling'], to: 'verifying', by: ['seller', 'operator'], reasons: [...verifiedParts] },
  {
    from: ['draft', 'active', 'paused', 'cooling', 'suspended', 'disabled'],
    to: 'verifying',
    by: ['system'],
    reasons: 'any',
  },
  { from: ['verifying'], to: 'active', by: ['system'], reasons: ['verified'] },
  // verification_failed:key_rejected, and so on: what comes behind the colon is verify-listing.ts's.
  { from: ['verifying'], to: 'draft', by: ['system'], reasons: 'any' },
  {
    from: ['active', 'cooling', 'disabled'],
    to: 'draft',
    by: ['system'],
    reasons: ['environment_listings_off'],
  },
  {
    from: ['active', 'cooling', 'verifying'],
    to: 'paused',
    by: ['seller', 'operator'],
    reasons: ['paused_by_seller', 'paused_by_operator'],
  },
  { from: ['active'], to: 'paused', by: ['system'], reasons: 'any' },
  {
    from: ['paused'],
    to: 'active',
    by: ['seller', 'operator'],
    reasons: ['resumed_by_seller', 'resumed_by_operator'],
  },
  { from: ['active'], to: 'cooling', by: ['system'], reasons: 'any' },
  { from: ['cooling'], to: 'active', by: ['operator'], reasons: ['resumed_by_operator'] },
  // What a rule took away it gives back when its reason is over.
  { from: ['paused', 'cooling', 'suspended', 'disabled'], to: 'active', by: ['system'], reasons: 'any' },
  {
    from: ['active', 'verifying', 'paused', 'cooling'],
    to: 'suspended',
    by: ['operator', 'system'],
    reasons: 'any',
  },
  {
    from: ['draft', 'active', 'verifying', 'paused', 'cooling', 'suspended'],
    to: 'disabled',
    by: ['operator', 'system'],
    reasons: 'any',
  },
  {
    from: ['draft', 'active', 'verifying', 'paused', 'cooling', 'suspended', 'disabled'],
    to: 'quarantined',
    by: ['operator', 'system'],
    reasons: 'any',
  },
]

/** Whether the table knows this reason for this step. */
export function isReason(from: ListingState, to: ListingState, by: StateActor, reason: string): boolean {
  return transitions.some(
    (way) =>
      way.to === to &&
      way.from.includes(from) &&
      way.by.includes(by) &&
      (way.reasons === 'any' || way.reasons.includes(reason)),
  )
}

export type Answer = 'yes' | 'operators_only' | 'no'

/** Whether `by` may take a listing that stands at `standing` to `to`. */
export function mayMove(standing: Standing, to: ListingState, by: StateActor): Answer {
  const ways = transitions.filter((way) => way.to === to && way.from.includes(standing.state))
  if (ways.length === 0) return 'no'
  if (!ways.some((way) => way.by.includes(by))) {
    return by === 'seller' && ways.some((way) => way.by.includes('operator')) ? 'operators_only' : 'no'
  }
  if (by === 'seller' && standing.by === 'operator' && isHeld(standing.state)) return 'operators_only'
  return 'yes'
}

/** Off the market by somebody's decision, which somebody must take back. */
function isHeld(state: ListingState): boolean {
  return state === 'paused' || state === 'suspended' || state === 'disabled' || state === 'quarantined'
}

/**
 * Where a listing goes when somebody says `active`: on the market if its key is known to work and it merely rested,
 * else to be verified. `undefined`: it is there, or on its way.
 */
export function towardsActive(
  { state }: Standing,
  { isVerified }: { isVerified: boolean },
): 'active' | 'verifying' | undefined {
  if (state === 'active' || state === 'verifying') return undefined
  return isVerified && (state === 'paused' || state === 'cooling') ? 'active' : 'verifying'
}

const severity: Readonly<Record<ListingState, number>> = {
  draft: 0,
  verifying: 0,
  active: 0,
  cooling: 1,
  paused: 2,
  suspended: 3,
  disabled: 4,
  quarantined: 5,
}

/** Whether `state` weighs more than `other`: of two rules that take a listing off the market the heavier one is told. */
export function outweighs(state: ListingState, other: ListingState): boolean {
  return severity[state] > severity[other]
}
