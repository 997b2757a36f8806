/** Plans that several people pay for together: into the pool, and what is left of it back. */
import assert from 'node:assert/strict'
import { balanced, credit, debit, type Journal, requireAboveZero } from './postings.ts'
import { splitByWeights } from './split.ts'

const pool = (groupId: string) => ({ code: 'group_pool', owner: groupId }) as const

/** A member pays his share of a period into the pool. */
export function groupContributed(contribution: {
  groupId: string
  periodId: string
  memberOrganisationId: string
  shareNanos: bigint
}): Journal {
  const { groupId, periodId, memberOrganisationId, shareNanos } = contribution
  requireAboveZero({ 'a share': shareNanos })
  return {
    code: 'group_contributed',
    source: 'contribution',
    sourceId: `${periodId}:${memberOrganisationId}`,
    entries: balanced([
      debit({ code: 'buyer_cash', owner: memberOrganisationId }, shareNanos),
      credit(pool(groupId), shareNanos),
    ]),
  }
}

/** What is left of a pool goes back by what each member paid in, to the nano; nobody gets more than he paid. */
export function groupRefunded(refund: {
  groupId: string
  /** What is refunded: a period that closed, or a member who left. */
  refundId: string
  refundNanos: bigint
  contributions: readonly { memberOrganisationId: string; paidNanos: bigint }[]
  /** The number of the period: who gets the odd nano rotates with it. */
  rotation: number
}): Journal {
  const { groupId, refundId, refundNanos, contributions, rotation } = refund
  requireAboveZero({ 'a refund': refundNanos })
  const paid = contributions.map(({ paidNanos }) => paidNanos)
  assert(
    refundNanos <= paid.reduce((total, nanos) => total + nanos, 0n),
    'a group gets back at most what it paid',
  )
  const shares = splitByWeights(refundNanos, paid, rotation)
  return {
    code: 'group_refunded',
    source: 'group_refund',
    sourceId: refundId,
    entries: balanced([
      debit(pool(groupId), refundNanos),
      ...contributions.map(({ memberOrganisationId }, index) =>
        credit({ code: 'buyer_cash', owner: memberOrganisationId }, shares[index] as bigint),
      ),
    ]),
    recoverDebt: true,
  }
}
