import type { KeyShown } from '@bourse/gateway/api/keys'

type Dated = Pick<KeyShown, 'revokedAt' | 'expiresAt'>
type Budgeted = Dated & Pick<KeyShown, 'budget' | 'createdAt'>

const dayMs = 86_400_000
/** Long enough to make a new key without hurry. */
const soonMs = 7 * dayMs
/** A budget of which so much is spent or held deserves a look. */
const nearlySpentPercent = 80

export function keyState(key: Dated, nowMs: number): 'active' | 'revoked' | 'expired' {
  if (key.revokedAt !== null) return 'revoked'
  return key.expiresAt !== null && Date.parse(key.expiresAt) <= nowMs ? 'expired' : 'active'
}

/** How much of a budget is spent, 0 to 100, and how much running requests hold of it. */
export function budgetShares({ limitNanos, spentNanos, heldNanos }: NonNullable<KeyShown['budget']>): {
  spent: number
  held: number
} {
  const limit = BigInt(limitNanos)
  if (limit <= 0n) return { spent: 100, held: 0 }
  const share = (nanos: string): number => Math.min(100, Number((BigInt(nanos) * 1000n) / limit) / 10)
  const spent = share(spentNanos)
  return { spent, held: Math.min(share(heldNanos), 100 - spent) }
}

/** What will soon stop this key, in words; `undefined` when nothing will, or when it has stopped already. */
export function keyWarning(
  key: Budgeted,
  nowMs: number,
): 'expires soon' | 'at its budget' | 'near its budget' | undefined {
  if (keyState(key, nowMs) !== 'active') return undefined
  if (key.budget) {
    const { spent, held } = budgetShares(key.budget)
    if (spent >= 100) return 'at its budget'
    if (spent + held >= nearlySpentPercent) return 'near its budget'
  }
  return endsSoon(key, nowMs) ? 'expires soon' : undefined
}

/** In the last quarter of its life, a week before its end at most. A key made for a day ends as it was meant to. */
function endsSoon({ createdAt, expiresAt }: Budgeted, nowMs: number): boolean {
  if (expiresAt === null) return false
  const lifeMs = Date.parse(expiresAt) - Date.parse(createdAt)
  return lifeMs > dayMs && Date.parse(expiresAt) - nowMs < Math.min(soonMs, lifeMs / 4)
}
