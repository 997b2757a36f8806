import type { KeyShown } from '@bourse/gateway/api/keys'

type Policy = KeyShown['policy']

/** What a buyer can say of one seller's listing. */
export type SellerChoice = 'only' | 'prefer' | 'avoid'

export const CHOICES: readonly { choice: SellerChoice; label: string; means: string }[] = [
  {
    choice: 'only',
    label: 'Only this seller',
    means: 'Nobody else serves this key; when this seller cannot, the request fails.',
  },
  {
    choice: 'prefer',
    label: 'Prefer this seller',
    means: 'Tried first; others serve when this one cannot.',
  },
  { choice: 'avoid', label: 'Avoid this seller', means: 'Never serves this key.' },
]

/** The key's policy with the choice in it. What would contradict the choice is taken out; the rest stays. */
export function withChoice(policy: Policy, listing: string, choice: SellerChoice): Policy {
  const { only, order, ignore, allowFallbacks, ...rest } = policy
  const others = (names: readonly string[] | undefined) => names?.filter((name) => name !== listing)
  if (choice === 'only') return clean({ ...rest, only: [listing], ignore: others(ignore) })
  if (choice === 'avoid') {
    return clean({
      ...rest,
      only: others(only),
      order: others(order),
      ignore: [...(others(ignore) ?? []), listing],
      allowFallbacks,
    })
  }
  return clean({
    ...rest,
    // A list of those who may serve at all must not shut out whom the buyer prefers.
    only: only && [...(others(only) ?? []), listing],
    order: [listing, ...(others(order) ?? [])],
    ignore: others(ignore),
  })
}

/** Whether the key says this of the listing already. */
export function choiceOf(policy: Policy, listing: string): SellerChoice | undefined {
  if (policy.ignore?.includes(listing)) return 'avoid'
  if (policy.only?.length === 1 && policy.only[0] === listing) return 'only'
  return policy.order?.[0] === listing ? 'prefer' : undefined
}

function clean(policy: Record<string, unknown>): Policy {
  return Object.fromEntries(
    Object.entries(policy).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  ) as Policy
}
