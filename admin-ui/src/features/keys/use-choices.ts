import type { ModelOnOffer, OfferShown } from '@bourse/gateway/api/marketplace'
import { useRead } from '../../lib/use-read.ts'

/** One page; a market with more is searched by typing the whole name. */
const choicesAtMost = 200

interface Choice {
  value: string
  label: string
}

export interface Choices {
  models: Choice[]
  /** Whom a policy may name: providers (every seller of them) and single listings. */
  sellers: { group: string; items: Choice[] }[]
  nameOf: (id: string) => string
}

/** What is on offer now, to choose from. What a key names already is always among it. */
export function useChoices(named: { models: readonly string[]; sellers: readonly string[] }): Choices {
  const page = { limit: choicesAtMost }
  const models = useRead<{ data: ModelOnOffer[] }>('/api/marketplace/models', page)
  const offers = useRead<{ data: OfferShown[] }>('/api/marketplace/offers', page)
  const providers = new Map<string, string>()
  const listings = new Map<string, string>()
  for (const offer of offers.data?.data ?? []) {
    providers.set(offer.provider, offer.providerName)
    listings.set(offer.listing, offer.name)
  }
  const others = named.sellers.filter((id) => !providers.has(id) && !listings.has(id))
  return {
    models: [...new Set([...(models.data?.data ?? []).map(({ id }) => id), ...named.models])].map((id) => ({
      value: id,
      label: id,
    })),
    sellers: [
      { group: 'Everyone who sells', items: choicesOf(providers) },
      { group: 'One listing', items: choicesOf(listings) },
      { group: 'Not on offer now', items: others.map((id) => ({ value: id, label: id })) },
    ].filter(({ items }) => items.length > 0),
    nameOf: (id) => listings.get(id) ?? providers.get(id) ?? id,
  }
}

function choicesOf(names: ReadonlyMap<string, string>): Choice[] {
  // Two listings may have one name; the id tells them apart.
  return [...names].map(([id, name]) => ({
    value: id,
    label: id.startsWith('lst-') ? `${name} (…${id.slice(-4)})` : name,
  }))
}
