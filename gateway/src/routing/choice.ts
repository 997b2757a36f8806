/** What a choice is made from and what it comes to; plain data, stored with the decision. */
import type { RoutingPolicy, Sort } from './policy.ts'
import type { PoolStanding } from './pool.ts'

/** What the choice needs to know of a request; plain, stored with the decision. */
export interface RouteRequest {
  inputTokens: number
  /** Of all choices together. */
  outputTokens: number
  policy: RoutingPolicy
  /** Features asked for, as bits. */
  asks: number
  /** Formats that can say it; all when absent. */
  formats?: readonly string[]
  /** The offer that served this conversation last. */
  stickyTo?: string
  /** The most it may cost, in nano-dollars, and how many choices of a token each that must have room for. */
  maxCostNanos?: number
  choices?: number
  /** Offers that were found full for it: bits by their place in the pool, see `placeBits`. */
  full?: string
}

export type Exclusion =
  | Exclude<PoolStanding, 'usable' | 'probe' | 'ejected'>
  | 'policy_only'
  | 'policy_ignore'
  | 'policy_order'
  | 'policy_max_price'
  | 'max_cost'
  | 'dialect'
  | 'feature_missing'
  | 'parameter_unused'
  | 'too_large'
  | 'no_cover'

/** Why an offer that could have served was not first, or did not serve when its turn came. */
export type Loss = 'lost_the_draw' | 'dearer' | 'slower' | 'later_in_order' | 'not_tried' | 'passed_over'

export interface Choice {
  /** Places in the pool, best first. */
  ranked: readonly number[]
  /** What put the first one first. */
  by: 'draw' | 'sticky' | 'order' | 'only_one' | 'panic' | Exclude<Sort, 'balanced'>
  /** How many offers were left out, by reason. */
  excluded: Readonly<Partial<Record<Exclusion, number>>>
  /** Offers that could have served and are not among the ranked. */
  left: number
  /** Soft ejections are ignored for this request. */
  panic: boolean
  /** Passing the policy and not resting; and of these, closed and not. */
  enabled: number
}
