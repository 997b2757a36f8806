/** Whether every offer that was cheaper than the one that served has a stated reason, and whether that reason is true. */

import type { RouteRequest } from '../../src/routing/choice.ts'
import type { Decision } from '../../src/routing/plan.ts'
import type { DensePool } from '../../src/routing/pool.ts'
import type { Oracle } from './oracles.ts'
import type { Played, Run } from './run.ts'
import { allows } from './well.ts'

const BAND = 0.05

export const told: Oracle = (run) => {
  const known = happenings(run)
  return run.played.flatMap((one) => {
    const used = one.tries.at(-1)?.offer
    const decision = one.plan?.decisions.find(({ model }) => model === used?.model)
    if (!used || !decision) return []
    const { dense, request } = decision
    const at = dense.pool.offers.findIndex(({ id }) => id === used.id)
    const limit = costOf(dense, at, request)
    return dense.pool.offers.flatMap(({ id }, index) => {
      if (index === at || costOf(dense, index, request) >= limit) return []
      const fault = faultIn(run, one, { decision, index, usedIndex: at, known })
      return fault ? [`${one.request.requestId} used ${used.id}; of the cheaper ${id} it ${fault}`] : []
    })
  })
}

/** At the most tokens that the request may come to. */
function costOf({ pool }: DensePool, index: number, { inputTokens, outputTokens }: RouteRequest): number {
  const [prompt, completion, request] = pool.offers[index]?.price ?? [0, 0, 0]
  return inputTokens * prompt + outputTokens * completion + request
}

interface Asked {
  decision: Decision
  index: number
  usedIndex: number
  known: Happenings
}

function faultIn(run: Run, one: Played, { decision, index, usedIndex, known }: Asked): string | undefined {
  const { dense, choice, request } = decision
  const offer = dense.pool.offers[index]
  if (!offer || one.tries.slice(0, -1).some((each) => each.offer.id === offer.id)) return undefined
  const admittedMs = one.admittedMs ?? 0
  const attempts = one.tries.map((each) => ({ offer: each.offer.id }))
  const explained = { ...decision, atMs: 0, monotonicMs: 0, attempts }
  const reason = run.house.reasonOf(explained, index)
  if (reason === undefined) return 'says nothing'
  const isFirst = choice.ranked[0] !== undefined && choice.ranked[0] === usedIndex
  switch (reason) {
    case 'dearer':
      if (!isFirst) return undefined
      return costOf(dense, index, request) < costOf(dense, usedIndex, request) * (1 - BAND)
        ? 'says that it is dearer, which it is not'
        : undefined
    case 'cooling':
    case 'model_suspended':
    case 'listing_suspended':
    case 'disabled':
    case 'breaker_open':
      return known.troubledMs(offer.id, offer.listing) <= admittedMs
        ? undefined
        : `says ${reason}, and nothing ever went wrong there`
    case 'policy_only':
    case 'policy_ignore':
    case 'policy_order':
    case 'feature_missing':
    case 'parameter_unused': {
      const listed = known.offerOf(offer.id)
      return listed &&
        allows({ ...one.request, policy: { ...one.request.policy, maxPrice: undefined } }, listed)
        ? `says ${reason}, and the request lets it in`
        : undefined
    }
    default:
      return undefined
  }
}

interface Happenings {
  /** When something first went wrong with an offer or its listing. */
  troubledMs(offerId: string, listingId: string): number
  offerOf(offerId: string): Played['tries'][number]['offer'] | undefined
}

const FINE = new Set(['ok', 'user_error', 'client_gone'])

function happenings({ played, scene }: Run): Happenings {
  // A provider in trouble is told as its listings' trouble while it is being tried again.
  const origins = new Map(scene.sellers.map(({ listingId, provider }) => [listingId, provider.baseUrl]))
  const originOf = (listingId: string) => origins.get(listingId) ?? ''
  const troubled = new Map<string, number>()
  const offers = new Map<string, Played['tries'][number]['offer']>()
  for (const { tries, plan } of played) {
    for (const offer of plan?.offers ?? []) offers.set(offer.id, offer)
    for (const { offer, outcome, endedMs } of tries) {
      if (outcome === undefined || (FINE.has(outcome) && outcome !== 'user_error')) continue
      for (const who of [offer.id, offer.listingId, originOf(offer.listingId)])
        troubled.set(who, Math.min(troubled.get(who) ?? Number.POSITIVE_INFINITY, endedMs ?? 0))
    }
  }
  return {
    troubledMs: (offerId, listingId) =>
      Math.min(
        ...[offerId, listingId, originOf(listingId)].map(
          (who) => troubled.get(who) ?? Number.POSITIVE_INFINITY,
        ),
      ),
    offerOf: (offerId) => offers.get(offerId),
  }
}
