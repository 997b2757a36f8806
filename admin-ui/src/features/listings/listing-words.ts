import type { ListingShown } from '@bourse/gateway/api/marketplace'

const reasons: Readonly<Record<string, string>> = {
  saved_as_draft: 'Saved as a draft; it is not on the market.',
  listing_created: 'Its key is being tried.',
  verified: 'Its key was seen to work.',
  key_changed: 'Its new key is being tried.',
  base_url_changed: 'Its new address is being tried.',
  models_changed: 'Its new models are being tried.',
  asked_by_seller: 'Its key is being tried again.',
  asked_by_operator: 'Its key is being tried again; an operator asked.',
  paused_by_seller: 'Paused by its seller.',
  paused_by_operator: 'Paused by an operator; only an operator resumes it.',
  resumed_by_seller: 'Back on the market.',
  resumed_by_operator: 'Back on the market; an operator resumed it.',
  suspended_by_operator: 'Suspended by an operator.',
  disabled_by_operator: 'Disabled by an operator.',
  quarantined_by_operator: 'In quarantine; an operator decides.',
  ground_not_accepted: 'Its ground is no longer accepted for this provider.',
  ground_accepted: 'Its ground is accepted again.',
  key_rejected: 'The provider refuses its key. Send a new one.',
  day_limit: 'What it may carry in a day is used up.',
  month_limit: 'What it may carry in a month is used up.',
  seller_closed: 'Its seller’s account is closed.',
  environment_listings_off: 'Listings from the environment are switched off.',
  quota_exhausted: 'The account behind its key has no credit left.',
}

/** Why it is in its state, in a sentence; what has no sentence is shown as it is. */
export function reasonSentence({ state, stateReason }: Pick<ListingShown, 'state' | 'stateReason'>): string {
  if (stateReason === null) return ''
  const known = reasons[stateReason]
  if (known) return known
  if (stateReason.startsWith('verification_failed:')) return 'Its key could not be verified.'
  return `${state}: ${stateReason.replaceAll('_', ' ')}.`
}

const notChosen: Readonly<Record<string, string>> = {
  dearer: 'another was cheaper',
  slower: 'another was faster',
  later_in_order: 'another came first in the buyer’s order',
  lost_the_draw: 'lost the draw among good offers',
  not_tried: 'was next, and not needed',
  passed_over: 'its turn came, and it had no room by then',
  sticky: 'the buyer stayed with another',
  feature_missing: 'cannot do what was asked for',
  parameter_unused: 'would have left a parameter unused',
  too_large: 'the request was too large for it',
  max_cost: 'above what the request may cost',
  no_cover: 'was recovering, and the buyer allows no fallback',
  dialect: 'cannot say what the client’s format needs',
  policy_only: 'the buyer uses others only',
  policy_ignore: 'the buyer avoids it',
  policy_order: 'is not in the buyer’s order',
  policy_max_price: 'above the buyer’s highest price',
  ejected: 'had failed too often',
  breaker_open: 'had failed too often',
  origin_open: 'its provider was failing',
  cooling: 'was asked to wait by its provider',
  model_suspended: 'its key was refused for the model',
  listing_suspended: 'its key was refused',
  disabled: 'was switched off',
  full: 'was full',
  day_limit: 'its day’s limit was reached',
  month_limit: 'its month’s limit was reached',
}

export function notChosenWords(reason: string): string {
  return notChosen[reason] ?? reason.replaceAll('_', ' ')
}

/** What can be done with a listing in this state by its seller. */
export function actOn(state: ListingShown['state']): 'Pause' | 'Resume' | 'Verify again' | undefined {
  if (state === 'active' || state === 'cooling' || state === 'verifying') return 'Pause'
  if (state === 'paused') return 'Resume'
  return state === 'draft' || state === 'disabled' || state === 'suspended' ? 'Verify again' : undefined
}
