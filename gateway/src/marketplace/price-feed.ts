/**
 * Tells followers what became of prices: compares, once a second while anybody follows, what every offer costs now with
 * what it cost before. The comparison is pure; the feed is a timer and a list of followers.
 */
import type { PriceSnapshot, PriceTable } from '../catalog/price.ts'
import { tokenClasses } from '../catalog/price.ts'
import type { Clock } from '../platform/clock.ts'
import type { Offer } from './offer.ts'
import { announcedPrice, fillStepOf, priceNow } from './offer-price.ts'
import { type PricePoint, pointId } from './price-show.ts'

const TICK_MS = 1_000

export type PriceEvent =
  /** Another price: a version that took effect, a window that began or ended, another step of fill, or a new offer. */
  | { type: 'price'; point: PricePoint }
  /** A version was announced, or one that was announced has been withdrawn. */
  | { type: 'announced'; point: PricePoint }
  /** Off the market. */
  | { type: 'gone'; point: PricePoint }

export interface PriceFilter {
  /** Public id. */
  model?: string | undefined
  provider?: string | undefined
  /** UUID. */
  listing?: string | undefined
}

export interface PriceFollower {
  filter: PriceFilter
  tell(events: readonly PriceEvent[]): void
  /** The feed closes. */
  end(): void
}

export interface PriceFeedDeps {
  market: { modelsOnOffer(): ReadonlySet<string>; offersFor(model: string): readonly Offer[] }
  /** How full an offer's listing is, from 0 to 1. */
  fillOf: (offer: Offer) => number
  clock: Clock
}

export interface PriceFeed {
  /** All offers that pass, at their prices now. */
  present(filter: PriceFilter): PricePoint[]
  /** Tells of what changes after this call; answers how to stop and what the prices are now. */
  follow(follower: PriceFollower): { now: PricePoint[]; stop: () => void }
  followers(): number
  /** Ends every follower. */
  close(): void
}

export function createPriceFeed({ market, fillOf, clock }: PriceFeedDeps): PriceFeed {
  const followers = new Set<PriceFollower>()
  let points: ReadonlyMap<string, PricePoint> = new Map()
  let timer: NodeJS.Timeout | undefined

  function* offers(filter: PriceFilter): Iterable<Offer> {
    const models = filter.model === undefined ? market.modelsOnOffer() : [filter.model]
    for (const model of models) yield* market.offersFor(model)
  }

  function read(before: ReadonlyMap<string, PricePoint>, filter: PriceFilter): Map<string, PricePoint> {
    return pointsOf(before, offers(filter), {
      nowMs: clock.nowMs(),
      fillStepOf: (offer) => fillStepOf(fillOf(offer)),
    })
  }

  function tick(): void {
    const after = read(points, {})
    const events = diffPrices(points, after)
    points = after
    if (events.length === 0) return
    for (const follower of followers) {
      const passing = events.filter(({ point }) => passes(point, follower.filter))
      if (passing.length > 0) follower.tell(passing)
    }
  }

  function stop(follower: PriceFollower): void {
    followers.delete(follower)
    if (followers.size > 0) return
    clearInterval(timer)
    timer = undefined
  }

  return {
    present: (filter) => [...read(new Map(), filter).values()].filter((point) => passes(point, filter)),
    follow(follower) {
      // Those who follow already hear of what changed since the last tick, and the new one begins with it.
      if (followers.size > 0) tick()
      else points = read(new Map(), {})
      followers.add(follower)
      timer ??= setInterval(tick, TICK_MS).unref()
      const now = [...points.values()].filter((point) => passes(point, follower.filter))
      return { now, stop: () => stop(follower) }
    },
    followers: () => followers.size,
    close() {
      for (const follower of [...followers]) {
        stop(follower)
        follower.end()
      }
    },
  }
}

/** Every offer's price by its id; what is as it was before is the same object. */
function pointsOf(
  before: ReadonlyMap<string, PricePoint>,
  offers: Iterable<Offer>,
  { nowMs, fillStepOf }: { nowMs: number; fillStepOf: (offer: Offer) => number },
): Map<string, PricePoint> {
  const points = new Map<string, PricePoint>()
  for (const offer of offers) {
    const fillStep = fillStepOf(offer)
    const priced = priceNow(offer, { nowMs, fillStep })
    const announced = announcedPrice(offer, nowMs)
    const known = before.get(offer.id)
    const same = known && known.offer === priced && known.announced?.version === announced?.version
    const rule = offer.schedule?.ruleAt(nowMs)
    points.set(
      offer.id,
      same && known.fillStep === fillStep ? known : { offer: priced, fillStep, rule, announced },
    )
  }
  return points
}

/** What happened between two looks. A fill that moves no price is no event. */
function diffPrices(
  before: ReadonlyMap<string, PricePoint>,
  after: ReadonlyMap<string, PricePoint>,
): PriceEvent[] {
  const events: PriceEvent[] = []
  for (const [id, point] of after) {
    const known = before.get(id)
    if (known === point) continue
    if (!known || !isSamePrice(known.offer.price, point.offer.price)) events.push({ type: 'price', point })
    if (isNews(known, point)) events.push({ type: 'announced', point })
  }
  for (const [id, point] of before) if (!after.has(id)) events.push({ type: 'gone', point })
  return events
}

/** A version that took effect is told as a price; one that is withdrawn is told as an announcement of nothing. */
function isNews(known: PricePoint | undefined, { announced, offer }: PricePoint): boolean {
  if (known?.announced?.version === announced?.version) return false
  return announced !== undefined || known?.announced?.version !== offer.price.version
}

function passes({ offer }: PricePoint, { model, provider, listing }: PriceFilter): boolean {
  return (
    (model === undefined || offer.model === model) &&
    (provider === undefined || offer.provider.id === provider) &&
    (listing === undefined || offer.listingId === listing)
  )
}

/** By value: a market that was read anew has new objects for the same prices. */
function isSamePrice(a: PriceSnapshot, b: PriceSnapshot): boolean {
  if (a === b) return true
  return (
    a.version === b.version &&
    a.multiplierPpm === b.multiplierPpm &&
    a.nanosPerRequest === b.nanosPerRequest &&
    isSameTable(a.table, b.table)
  )
}

function isSameTable(a: PriceTable, b: PriceTable): boolean {
  if (a === b) return true
  if (a.tiers.length !== b.tiers.length) return false
  const pairs = [
    [a.base, b.base] as const,
    ...a.tiers.map(
      ({ prices }, at) => [prices, (b.tiers[at] as PriceTable['tiers'][number]).prices] as const,
    ),
  ]
  return (
    a.tiers.every(({ aboveInputTokens }, at) => aboveInputTokens === b.tiers[at]?.aboveInputTokens) &&
    pairs.every(([one, other]) => tokenClasses.every((each) => one[each] === other[each]))
  )
}

/** Sorted by id, the ones after `cursor`. */
export function pageOfPoints(points: PricePoint[], cursor: string | undefined): PricePoint[] {
  const named = points.map((point) => ({ id: pointId(point.offer), point }))
  const after = cursor === undefined ? named : named.filter(({ id }) => id > cursor)
  return after.sort((a, b) => (a.id < b.id ? -1 : 1)).map(({ point }) => point)
}
