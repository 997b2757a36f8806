/**
 * A market as it might have grown: who is in it, what is for sale, and who buys how much of it. Follows from its seed alone,
 * but for the moment at which it ends.
 */
import type { Catalog, Model } from '../gateway/src/catalog/catalog.ts'
import type { PriceSnapshot } from '../gateway/src/catalog/price.ts'
import { randomOf } from '../gateway/src/routing/seeded-random.ts'

export interface MarketSize {
  requests: number
  users: number
  listings: number
  days: number
  seed: number
  /** The last moment of its history. */
  endMs: number
}

export interface PersonPlan {
  userId: string
  organisationId: string
  name: string
  email: string
  roles: readonly ('buyer' | 'seller')[]
  state: 'active' | 'invited' | 'unverified' | 'closed'
  createdMs: number
}

export interface KeyPlan {
  id: string
  organisationId: string
  userId: string
  name: string
  createdMs: number
}

export interface OfferPlan {
  /** Its place in `Market.offers`. */
  n: number
  listingId: string
  sellerOrganisationId: string
  model: Model
  provider: string
  ppm: number
  price: PriceSnapshot
}

export interface ListingPlan {
  id: string
  seller: PersonPlan
  name: string
  provider: string
  baseUrl: string
  state: 'active' | 'paused' | 'suspended' | 'draft' | 'disabled'
  createdMs: number
  offers: OfferPlan[]
}

export interface Market {
  size: MarketSize
  startMs: number
  people: PersonPlan[]
  operator: PersonPlan
  sellers: PersonPlan[]
  keys: KeyPlan[]
  listings: ListingPlan[]
  /** Those that serve, by `n`. */
  offers: OfferPlan[]
  pickKey: (random: number) => KeyPlan
  pickOffer: (random: number) => OfferPlan
  whale: PersonPlan
  topSeller: PersonPlan
  smallBuyer: PersonPlan
}

export const DAY_MS = 86_400_000
export const HOUR_MS = 3_600_000
const FEE_BPS = 500n
const WHALE_SHARE = 0.1
const TOP_SELLER_SHARE = 0.2
const MODELS = 40
const KEYS_EACH = 3
// Everybody was there before the first request.
const GROWN_MS = 90 * DAY_MS

const FIRST =
  'Amber Bright Calm Daring Early Fair Gentle Hidden Ivory Jolly Keen Lively Mellow Noble Open Plain Quiet Rapid Silver Tidy'.split(
    ' ',
  )
const SECOND =
  'Anchor Bridge Canyon Delta Ember Forge Garden Harbour Island Jetty Kiln Lantern Meadow North Orchard Prairie Quarry River Summit Tower'.split(
    ' ',
  )

export function planMarket(
  size: MarketSize,
  catalog: Pick<Catalog, 'list'>,
  providers: readonly { id: string; baseUrl: string }[],
): Market {
  const startMs = size.endMs - size.days * DAY_MS
  const people = planPeople(size, startMs)
  const [operator, whale, topSeller, smallBuyer] = people as [PersonPlan, PersonPlan, PersonPlan, PersonPlan]
  const sellers = people.filter(({ roles }) => roles.includes('seller'))
  const listings = planListings(size, startMs, { sellers, topSeller, catalog, providers })
  const offers = listings.filter(({ state }) => state !== 'draft').flatMap((listing) => listing.offers)
  for (const [n, offer] of offers.entries()) offer.n = n
  const keys = planKeys(size, people)
  return {
    size,
    startMs,
    people,
    operator,
    sellers,
    keys,
    listings,
    offers,
    whale,
    topSeller,
    smallBuyer,
    pickKey: keyPicker(keys, whale),
    pickOffer: offerPicker(offers, topSeller),
  }
}

/** A UUID of version 7 at a time, as the house makes them, with the rest from the seed. */
export function idAt(ms: number, random: () => number): string {
  const hex = (bits: number) =>
    Math.floor(random() * 2 ** bits)
      .toString(16)
      .padStart(bits / 4, '0')
  const time = Math.floor(ms).toString(16).padStart(12, '0')
  const variant = (8 + Math.floor(random() * 4)).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(12)}-${variant}${hex(12)}-${hex(16)}${hex(32)}`
}

function planPeople({ users, seed }: MarketSize, startMs: number): PersonPlan[] {
  const random = randomOf(`people ${seed}`)
  const sellers = Math.max(2, Math.floor(users / 20))
  return Array.from({ length: users }, (_, index) => {
    const createdMs = startMs - GROWN_MS * (1 - index / users)
    const isSeller = index === 2 || (index > 3 && index < sellers + 3)
    const chance = random()
    return {
      userId: idAt(createdMs, random),
      organisationId: idAt(createdMs, random),
      name: `${pick(FIRST, random())} ${pick(SECOND, random())} ${index}`,
      email: `${namedRole(index) ?? `person-${index}`}@market.example`,
      roles: isSeller ? (index % 2 === 0 ? ['seller'] : ['buyer', 'seller']) : ['buyer'],
      state:
        index < 4 || isSeller || chance > 0.05
          ? 'active'
          : chance > 0.03
            ? 'unverified'
            : chance > 0.01
              ? 'invited'
              : 'closed',
      createdMs,
    }
  })
}

function namedRole(index: number): string | undefined {
  return ['operator', 'whale', 'top-seller', 'small-buyer'][index]
}

interface ListingGround {
  sellers: PersonPlan[]
  topSeller: PersonPlan
  catalog: Pick<Catalog, 'list'>
  providers: readonly { id: string; baseUrl: string }[]
}

function planListings(
  { listings, seed }: MarketSize,
  startMs: number,
  { sellers, topSeller, catalog, providers }: ListingGround,
): ListingPlan[] {
  const random = randomOf(`listings ${seed}`)
  const models = catalog
    .list()
    .filter((model) => model.listPrice !== undefined && model.listPrice.base.output > 0n)
    .slice(0, MODELS)
  return Array.from({ length: listings }, (_, index) => {
    const seller = index % 40 === 0 ? topSeller : pick(sellers, random())
    const createdMs = startMs - (GROWN_MS / 2) * (1 - index / listings)
    const id = idAt(createdMs, random)
    const { id: provider, baseUrl } = pick(providers, random())
    const first = Math.floor(random() ** 2 * models.length)
    const count = 1 + Math.floor(random() * 4)
    const offers = Array.from({ length: count }, (_, each) => {
      const model = models[(first + each) % models.length] as Model
      const ppm = 500_000 + Math.floor(random() * 60) * 10_000
      return {
        n: 0,
        listingId: id,
        sellerOrganisationId: seller.organisationId,
        model,
        provider,
        ppm,
        price: {
          table: model.listPrice as NonNullable<Model['listPrice']>,
          nanosPerRequest: 0n,
          multiplierPpm: BigInt(ppm),
          feeBps: FEE_BPS,
          version: 1,
        },
      }
    })
    const name = `${pick(FIRST, random())} ${pick(SECOND, random())} ${provider} ${index}`
    return { id, seller, name, provider, baseUrl, state: stateOf(random()), createdMs, offers }
  })
}

function stateOf(chance: number): ListingPlan['state'] {
  if (chance < 0.85) return 'active'
  if (chance < 0.93) return 'paused'
  if (chance < 0.96) return 'suspended'
  return chance < 0.98 ? 'disabled' : 'draft'
}

function planKeys({ seed }: MarketSize, people: readonly PersonPlan[]): KeyPlan[] {
  const random = randomOf(`keys ${seed}`)
  return people
    .filter(({ roles, state }) => roles.includes('buyer') && state !== 'invited')
    .flatMap(({ organisationId, userId, createdMs }) =>
      Array.from({ length: KEYS_EACH }, (_, index) => ({
        id: idAt(createdMs + index * HOUR_MS, random),
        organisationId,
        userId,
        name: ['production', 'staging', 'notebook'][index] as string,
        createdMs: createdMs + index * HOUR_MS,
      })),
    )
}

/** Few buy much, most buy little; of an organisation's keys the first is used most. */
function keyPicker(keys: readonly KeyPlan[], whale: PersonPlan): (random: number) => KeyPlan {
  const isWhale = ({ organisationId }: KeyPlan) => organisationId === whale.organisationId
  return picker(
    keys,
    isWhale,
    WHALE_SHARE,
    (index) => (index % KEYS_EACH === 0 ? 6 : 2) / (10 + index / KEYS_EACH) ** 0.8,
  )
}

function offerPicker(offers: readonly OfferPlan[], top: PersonPlan): (random: number) => OfferPlan {
  const isTop = ({ sellerOrganisationId }: OfferPlan) => sellerOrganisationId === top.organisationId
  return picker(
    offers,
    isTop,
    TOP_SELLER_SHARE,
    (index) => 1 / (20 + ((index * 7919) % offers.length)) ** 0.7,
  )
}

/** Draws by weight, but that one party has its own share of everything. */
function picker<Item>(
  items: readonly Item[],
  isLarge: (item: Item) => boolean,
  share: number,
  weightOf: (index: number) => number,
): (random: number) => Item {
  const weights = items.map((_, index) => weightOf(index))
  const sum = (large: boolean) =>
    items.reduce(
      (total, item, index) => (isLarge(item) === large ? total + (weights[index] as number) : total),
      0,
    )
  const [large, rest] = [sum(true), sum(false)]
  let total = 0
  const reach = items.map((item, index) => {
    total += (weights[index] as number) * (isLarge(item) ? share / large : (1 - share) / rest)
    return total
  })
  return (random) => {
    const aim = random * total
    let [low, high] = [0, items.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((reach[middle] as number) > aim) high = middle
      else low = middle + 1
    }
    return items[low] as Item
  }
}

export function pick<Item>(items: readonly Item[], random: number): Item {
  return items[Math.floor(random * items.length)] as Item
}
