import type { Catalog } from '../catalog/catalog.ts'
import { formatId } from '../platform/ids.ts'
import { formatScaled } from '../platform/money.ts'
import { priceOf, priceRule } from './price-rule.ts'
import type { ListingRecord } from './store.ts'

// A hint must not be a good part of the key it stands for.
const HINTED_KEY_CHARACTERS = 12

/** What people recognise a key by: its last four characters; nothing of a key that is short. */
export function hintOf(key: string): string {
  return key.length >= HINTED_KEY_CHARACTERS ? key.slice(-4) : ''
}

/** A listing as `/api` shows it. The credential is not among what is read, so it cannot be shown. */
export function showListing(listing: ListingRecord, catalog: Pick<Catalog, 'find'>) {
  return {
    id: formatId('lst-', listing.id),
    organisationId: formatId('org-', listing.organisationId),
    provider: listing.provider,
    name: listing.name,
    baseUrl: listing.baseUrl,
    keyHint: listing.credentialHint,
    models: listing.models.map(({ model, upstreamModel, price }) => ({
      model,
      upstreamModel,
      price,
      usdPerMTok: currentPrice(model, price, catalog),
    })),
    capacity: {
      requestsPerMinute: listing.requestsPerMinute,
      tokensPerMinute: listing.tokensPerMinute,
      concurrency: listing.concurrency,
    },
    ground: listing.ground,
    groundAttestedAt: listing.groundAttestedAt.toISOString(),
    state: listing.state,
    stateReason: listing.stateReason,
    createdAt: listing.createdAt.toISOString(),
    updatedAt: listing.updatedAt.toISOString(),
  }
}

/** What the rule comes to today; `null` when the model or its list price has gone from the catalogue since. */
function currentPrice(model: string, rule: unknown, catalog: Pick<Catalog, 'find'>) {
  try {
    const { table, multiplierPpm } = priceOf(priceRule.parse(rule), catalog.find(model).listPrice, 0n)
    const usd = (pico: bigint) => formatScaled(pico * multiplierPpm, 12)
    return {
      input: usd(table.base.uncachedInput),
      output: usd(table.base.output),
      cacheRead: usd(table.base.cacheRead),
    }
  } catch {
    return null
  }
}
