/** From the rows of listings to the offers that the router reads. Pure: a row that makes no sense is left out and named. */
import type { Catalog, Model } from '../catalog/catalog.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import { isHostOf } from './base-url.ts'
import { credentialAad } from './credential-aad.ts'
import { limitsOfJson, limitsOfRow } from './listing-capacity.ts'
import type { Offer } from './offer.ts'
import { priceRule } from './price-rule.ts'
import type { StoredPrice } from './price-store.ts'
import { compilePrices, type PriceVersion } from './price-versions.ts'
import type { Ground } from './schema.ts'
import { visibleText } from './seller-text.ts'
import type { OfferRow } from './store.ts'

export interface MarketSnapshot {
  /** By model id; each list is sorted by listing and never changes. */
  offersByModel: ReadonlyMap<string, readonly Offer[]>
  models: ReadonlySet<string>
  /** What buyers know their sellers' listings by, by UUID. */
  faces: ReadonlyMap<string, ListingFace>
  /** What was left out and why, for the log. */
  faults: readonly string[]
}

/** How a listing presents itself. */
export interface ListingFace {
  name: string
  ground: Ground
}

export interface SnapshotInput {
  catalog: Pick<Catalog, 'find'>
  providers: { find(id: string): ProviderConfig | undefined }
  feeBps: bigint
  /** When the prices that offers carry hold; later ones come by their schedules. */
  nowMs: number
  mode: 'play' | 'live'
  /** Listings made from the environment, while they are not to be used. */
  hiddenListings: ReadonlySet<string>
}

export const emptySnapshot: MarketSnapshot = {
  offersByModel: new Map(),
  models: new Set(),
  faces: new Map(),
  faults: [],
}

/** A row that cannot be read costs its own offers only; it never keeps the others from the market. */
export function buildSnapshot(rows: readonly OfferRow[], input: SnapshotInput): MarketSnapshot {
  const offersByModel = new Map<string, Offer[]>()
  const faces = new Map<string, ListingFace>()
  const faults: string[] = []
  for (const row of rows) {
    if (input.hiddenListings.has(row.listingId)) continue
    if (row.ground === 'demo' && input.mode === 'live') continue
    faces.set(row.listingId, { name: visibleText(row.name), ground: row.ground as Ground })
    for (const offer of offersOf(row, input, faults)) {
      const offers = offersByModel.get(offer.model)
      if (offers) offers.push(offer)
      else offersByModel.set(offer.model, [offer])
    }
  }
  for (const offers of offersByModel.values()) Object.freeze(offers)
  return { offersByModel, models: new Set(offersByModel.keys()), faces, faults }
}

function offersOf(row: OfferRow, input: SnapshotInput, faults: string[]): Offer[] {
  const provider = input.providers.find(row.provider)
  if (!provider) {
    faults.push(`listing ${row.listingId}: no provider '${row.provider}' in config/providers.json`)
    return []
  }
  const { listingId, organisationId, baseUrl } = row
  const shared = {
    listingId,
    sellerOrganisationId: organisationId,
    provider,
    baseUrl,
    sealedCredential: row.sealedCredential,
    credentialAad: credentialAad({ listingId, organisationId, baseUrl }),
    ...limitsOfRow(row),
    backing: isHostOf(provider, baseUrl) ? ('key' as const) : ('endpoint' as const),
    playOnly: row.ground === 'demo',
    revision: row.updatedAt.getTime(),
  }
  const offers: Offer[] = []
  for (const entry of row.models) {
    try {
      const model = input.catalog.find(entry.model)
      const modelCapacity = limitsOfJson(entry.capacity)
      offers.push(
        Object.freeze({
          ...shared,
          ...(modelCapacity ? { modelCapacity } : {}),
          id: `${listingId}:${model.id}`,
          model: model.id,
          upstreamModel: entry.upstreamModel,
          ...pricesFor(model, entry.prices, input),
        }),
      )
    } catch (error) {
      faults.push(
        `listing ${listingId}, model ${entry.model}: ${error instanceof Error ? error.message : error}`,
      )
    }
  }
  return offers
}

/** The price in force, and the schedule by which it changes when it does. Throws for prices that nobody can read. */
function pricesFor(
  model: Model,
  stored: readonly StoredPrice[],
  { feeBps, nowMs }: SnapshotInput,
): Pick<Offer, 'price' | 'schedule'> {
  const versions = stored.map(({ version, rule, fromMs }) => ({
    version,
    rule: priceRule.parse(rule),
    fromMs,
  }))
  const [first, ...later] = versions.filter((_, index) => !(Number(versions[index + 1]?.fromMs) <= nowMs))
  if (!first) throw new Error('it has no price')
  const schedule = compilePrices([first, ...later], model.listPrice, feeBps)
  const { price } = schedule.at(nowMs, 0)
  return isConstant([first, ...later]) ? { price } : { price, schedule }
}

/** Whether a price never changes by itself. */
function isConstant([first, ...later]: readonly PriceVersion[]): boolean {
  return later.length === 0 && first?.rule.kind !== 'scheduled'
}
