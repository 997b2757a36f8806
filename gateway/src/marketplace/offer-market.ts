/** The market as buyers see it: every offer with its price, speed and standing, made anew at most once a second a model. */
import type { Catalog, Model } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Marketplace } from './marketplace.ts'
import type { Offer } from './offer.ts'
import type { OfferSights } from './offer-sight.ts'
import { type OfferFilter, type OfferView, passes, usualAttos } from './offer-views.ts'
import type { PriceFeed } from './price-feed.ts'
import { pointId } from './price-show.ts'
import type { ReputationView } from './reputation-view.ts'

// Who compares does not see a second; ten who look at once are one piece of work.
const VIEW_MS = 1_000
// A market of ten thousand offers is gone through for it.
const SUMMARY_MS = 5_000

export interface OfferMarketDeps {
  marketplace: Pick<Marketplace, 'modelsOnOffer' | 'offersFor' | 'faceOf'>
  feed: Pick<PriceFeed, 'present'>
  reputations: ReputationView
  sights: OfferSights
  catalog: Pick<Catalog, 'list' | 'find'>
  clock: Clock
}

/** What a model's offers come to. */
export interface ModelSummary {
  model: Model
  offers: number
  healthy: number
  providers: string[]
  /** The cheapest of the healthy ones for a request of a usual size. */
  cheapest: OfferView | undefined
}

export interface OfferMarket {
  /** Of one model (public id), or of all. */
  find(model: string | undefined, filter: OfferFilter): OfferView[]
  /** By id. */
  models(): readonly ModelSummary[]
  countedSinceMs(): number
}

export function createOfferMarket(deps: OfferMarketDeps): OfferMarket {
  const { marketplace, sights, clock } = deps
  const kept = new Map<string, { atMs: number; source: readonly Offer[]; views: OfferView[] }>()
  let summaries: { atMs: number; of: ModelSummary[] } | undefined

  function viewsOf(id: string): OfferView[] {
    const nowMs = clock.monotonicMs()
    const known = kept.get(id)
    const source = marketplace.offersFor(id)
    // The market gives the same list until something changes.
    if (known && known.source === source && nowMs - known.atMs < VIEW_MS) return known.views
    const views = source.length === 0 ? [] : buildViews(deps, id)
    // Names of models are the catalogue's, so there are never more than it lists.
    if (views.length === 0) kept.delete(id)
    else kept.set(id, { atMs: nowMs, source, views })
    return views
  }

  return {
    find(model, filter) {
      const models = model === undefined ? [...marketplace.modelsOnOffer()] : [model]
      return models.flatMap((id) => viewsOf(id).filter((view) => passes(view, filter)))
    },
    models() {
      const nowMs = clock.monotonicMs()
      if (!summaries || nowMs - summaries.atMs >= SUMMARY_MS) {
        const ids = [...marketplace.modelsOnOffer()].sort()
        summaries = { atMs: nowMs, of: ids.flatMap((id) => summaryOf(viewsOf(id))) }
      }
      return summaries.of
    },
    countedSinceMs: () => sights.countedSinceMs(),
  }
}

function buildViews(
  { catalog, marketplace, feed, reputations, sights }: OfferMarketDeps,
  id: string,
): OfferView[] {
  const model = catalog.find(id)
  return feed.present({ model: id }).flatMap((point) => {
    const face = marketplace.faceOf(point.offer.listingId)
    // It left the market between the two looks.
    if (!face) return []
    return {
      id: nameOf(point.offer),
      model,
      point,
      face,
      sight: sights.sightOf(point.offer),
      reputation: reputations.show(point.offer),
    }
  })
}

const names = new WeakMap<Offer, string>()

/** An offer's outside id, written once: a market of thousands is looked at again every second. */
function nameOf(offer: Offer): string {
  const known = names.get(offer)
  if (known !== undefined) return known
  const name = pointId(offer)
  names.set(offer, name)
  return name
}

function summaryOf(views: readonly OfferView[]): ModelSummary[] {
  const [first] = views
  if (!first) return []
  const healthy = views.filter(({ sight }) => sight.standing === 'available')
  let cheapest: OfferView | undefined
  let least = Number.POSITIVE_INFINITY
  for (const view of healthy) {
    const attos = usualAttos(view.point.offer)
    if (attos >= least) continue
    cheapest = view
    least = attos
  }
  return [
    {
      model: first.model,
      offers: views.length,
      healthy: healthy.length,
      providers: [...new Set(views.map(({ point }) => point.offer.provider.id))].sort(),
      cheapest,
    },
  ]
}
