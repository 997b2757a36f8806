import type { ProviderShown } from '@bourse/gateway/api/marketplace'
import type { Ground } from './listing-values.ts'

export const GROUNDS: readonly { value: Ground; label: string; means: string }[] = [
  {
    value: 'own_organisation',
    label: 'Own key, within one organisation',
    means: 'The key is yours, and those who use it here belong to your organisation.',
  },
  {
    value: 'authorised_reseller',
    label: 'Authorised reseller',
    means: 'You have the provider’s leave, in writing, to sell its capacity to others.',
  },
  {
    value: 'own_endpoint',
    label: 'Own endpoint',
    means: 'A server that you run answers; no provider’s terms are in the way.',
  },
  { value: 'demo', label: 'Demo', means: 'Made-up answers for play money; never in live mode.' },
]

export function groundLabel(ground: string): string {
  return GROUNDS.find(({ value }) => value === ground)?.label ?? ground
}

/** The grounds with whether each is accepted of this provider where the base URL leads. */
export function groundsFor(provider: ProviderShown | undefined, baseUrl: string) {
  const accepted = provider ? provider.grounds[backingOf(provider, baseUrl)] : []
  return GROUNDS.filter(({ value }) => value !== 'demo' || accepted.includes('demo')).map((ground) => ({
    ...ground,
    isAccepted: provider === undefined || accepted.includes(ground.value),
  }))
}

/** A guess that the gateway decides for good: whether the provider itself answers, or a server of the seller's. */
function backingOf({ allowedHosts }: ProviderShown, baseUrl: string): 'key' | 'endpoint' {
  const text = baseUrl.trim()
  if (text === '' || !URL.canParse(text)) return 'key'
  const { host } = new URL(text)
  return allowedHosts.some(
    (allowed) => allowed === host || (allowed.startsWith('*.') && host.endsWith(allowed.slice(1))),
  )
    ? 'key'
    : 'endpoint'
}
