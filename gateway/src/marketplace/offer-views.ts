/** Offers as buyers compare them: filtered, sorted and cut to pages. Pure; the order is by floats, which are never money. */
import type { Model } from '../catalog/catalog.ts'
import { featureMask } from '../catalog/features.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Offer } from './offer.ts'
import type { OfferSight } from './offer-sight.ts'
import type { PricePoint } from './price-show.ts'
import type { ShownReputation } from './reputation-view.ts'
import type { ListingFace } from './snapshot.ts'

/** An offer with everything that is known of it. */
export interface OfferView {
  id: string
  model: Model
  point: PricePoint
  face: ListingFace
  sight: OfferSight
  reputation: ShownReputation | null
}

export type OfferSort = 'price' | 'speed' | 'reliability' | 'reputation'

export interface OfferFilter {
  provider?: string | undefined
  /** UUID. */
  listing?: string | undefined
  q?: string | undefined
  features?: readonly string[] | undefined
  /** USD per million tokens, scaled by `CEILING_SCALE`. */
  maxInputUsdPerMTok?: bigint | undefined
  maxOutputUsdPerMTok?: bigint | undefined
  healthy?: boolean | undefined
}

// A usual size, as the router weighs: three prompt tokens to one of the answer.
const USUAL_INPUT = 1_500
const USUAL_OUTPUT = 500

export function passes(view: OfferView, filter: OfferFilter): boolean {
  const { offer } = view.point
  if (filter.provider !== undefined && offer.provider.id !== filter.provider) return false
  if (filter.listing !== undefined && offer.listingId !== filter.listing) return false
  if (filter.healthy && view.sight.standing !== 'available') return false
  if (filter.features && (refusedBy(offer, view.model) & featureMask(filter.features)) !== 0) return false
  if (!isNamed(view, filter.q)) return false
  const { maxInputUsdPerMTok: input, maxOutputUsdPerMTok: output } = filter
  if (input === undefined && output === undefined) return true
  const { table, multiplierPpm } = offer.price
  return (
    isBelow(table.base.uncachedInput * multiplierPpm, input) &&
    isBelow(table.base.output * multiplierPpm, output)
  )
}

/** Features (bits) that requests to this offer must not ask for. */
export function refusedBy({ provider }: Offer, model: Model): number {
  return featureMask([...(model.lacks ?? []), ...(provider.lacks ?? [])])
}

function isNamed({ model, face, point }: OfferView, q: string | undefined): boolean {
  const wanted = q?.trim().toLowerCase() ?? ''
  if (wanted === '') return true
  const { provider } = point.offer
  return [model.id, model.title, face.name, provider.id, provider.name].some((text) =>
    text.toLowerCase().includes(wanted),
  )
}

/** Pico-dollars per token times parts per million are USD per million tokens with `CEILING_SCALE` decimals. */
function isBelow(price: bigint, ceiling: bigint | undefined): boolean {
  return ceiling === undefined || price <= ceiling
}

/** What a request of a usual size costs here, in atto-dollars; orders offers and is never money. */
export function usualAttos({ price: { table, multiplierPpm, nanosPerRequest } }: Offer): number {
  const { uncachedInput, output } = table.base
  const ppm = Number(multiplierPpm)
  const tokens = USUAL_INPUT * Number(uncachedInput) + USUAL_OUTPUT * Number(output)
  return (tokens + Number(nanosPerRequest) * 1_000) * ppm
}

const UNKNOWN = Number.POSITIVE_INFINITY

/** The smaller, the earlier; what nobody knows comes last. */
const keys: Readonly<Record<OfferSort, (view: OfferView) => number>> = {
  price: ({ point }) => usualAttos(point.offer),
  speed: ({ reputation }) => {
    const { ttftMsP50: ttftMs, tokensPerSP50: tokensPerS } = reputation ?? {}
    if (typeof ttftMs !== 'number') return UNKNOWN
    // What a usual answer takes; without a known pace, what none of a slow pace takes.
    return tokensPerS ? ttftMs + (USUAL_OUTPUT * 1_000) / tokensPerS : ttftMs + 1e9
  },
  reliability: ({ sight: { attempts, successes } }) => (attempts === 0 ? UNKNOWN : 1 - successes / attempts),
  reputation: ({ reputation }) => (reputation ? 1 - reputation.score : UNKNOWN),
}

interface Keyed {
  key: number
  view: OfferView
}

/** The views after `cursor`, and the cursor that goes on behind the last of them. */
export function pageOfOffers(
  views: readonly OfferView[],
  { sort, limit, cursor }: { sort: OfferSort; limit: number; cursor?: string | undefined },
): { page: OfferView[]; nextCursor: string | null } {
  const after = cursor === undefined ? undefined : readCursor(cursor)
  const keyed = views.map((view): Keyed => ({ key: keys[sort](view), view }))
  const rest = after ? keyed.filter(({ key, view }) => compare({ key, id: view.id }, after) > 0) : keyed
  rest.sort((a, b) => compare({ key: a.key, id: a.view.id }, { key: b.key, id: b.view.id }))
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const nextCursor = last && rest.length > limit ? writeCursor({ key: last.key, id: last.view.id }) : null
  return { page: page.map(({ view }) => view), nextCursor }
}

interface Place {
  key: number
  id: string
}

function compare(a: Place, b: Place): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function writeCursor({ key, id }: Place): string {
  return Buffer.from(`${key} ${id}`).toString('base64url')
}

function readCursor(cursor: string): Place {
  const match = /^(Infinity|\d[\d.e+-]*) (lst-\S+)$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (match && !Number.isNaN(Number(match[1]))) return { key: Number(match[1]), id: match[2] as string }
  throw new GatewayError('invalid_value', 'cursor: use the nextCursor of the page before.', {
    param: 'cursor',
  })
}
