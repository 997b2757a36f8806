import type { KeyShown } from '@bourse/gateway/api/keys'

type Policy = KeyShown['policy']

/** What each way of choosing means, in a buyer's words. */
export const SORTS: readonly { value: string; label: string; means: string }[] = [
  { value: '', label: 'Balanced', means: 'Good offers share the work; the cheaper one gets more of it.' },
  { value: 'price', label: 'Cheapest', means: 'The cheapest offer that can serve comes first.' },
  { value: 'latency', label: 'Quickest first word', means: 'Whoever begins to answer soonest comes first.' },
  { value: 'throughput', label: 'Fastest output', means: 'Whoever writes most tokens a second comes first.' },
]

/** How requests of a key choose among offers, sentence by sentence. `nameOf` turns ids into what people call them. */
export function policyWords(policy: Policy, nameOf: (id: string) => string = (id) => id): string[] {
  const { sort, order, only, ignore, allowFallbacks, requireParameters, maxPrice } = policy
  const names = (ids: readonly string[]): string => ids.map(nameOf).join(', ')
  const way = SORTS.find(({ value }) => value === sort) ?? SORTS[0]
  const sentences = [way?.means]
  if (order?.length) sentences.push(`Tried first, in this order: ${names(order)}.`)
  if (only?.length) sentences.push(`Nothing else serves than ${names(only)}.`)
  if (ignore?.length) sentences.push(`These never serve: ${names(ignore)}.`)
  if (allowFallbacks === false)
    sentences.push(
      order?.length
        ? 'If none of those can serve, the request fails.'
        : 'If the first choice fails, the request fails.',
    )
  if (requireParameters)
    sentences.push('Offers that would leave out a parameter of the request do not serve.')
  if (maxPrice?.prompt) sentences.push(`Input costs at most $${maxPrice.prompt} per million tokens.`)
  if (maxPrice?.completion) sentences.push(`Output costs at most $${maxPrice.completion} per million tokens.`)
  if (maxPrice?.request) sentences.push(`The fee per request is at most $${maxPrice.request}.`)
  return sentences.filter((sentence) => sentence !== undefined)
}
