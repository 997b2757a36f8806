/**
 * Who could certainly serve a request, by what the simulated world knows and the router does not: the offer passes the
 * caller's wishes, nothing is or lately was wrong with it, and there is room.
 */
import type { Offer } from '../../src/marketplace/offer.ts'
import type { PlanRequest } from '../../src/routing/router.ts'
import type { Books } from './books.ts'
import { type Fault, shadowMs } from './faults.ts'
import type { SimulatedMarket } from './market.ts'
import type { Scene } from './scene.ts'
import type { Upstream } from './upstream.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Well {
  /** Ids of the offers that could certainly serve now. */
  offersFor(request: PlanRequest): string[]
  /** Nothing was wrong with it, its origin or the world until then. */
  isBlameless(listingId: string, atMs: number): boolean
}

interface Deps {
  scene: Scene
  time: VirtualTime
  market: SimulatedMarket
  books: Books
  upstreams: ReadonlyMap<string, Upstream>
}

/** So many failing listings bring their origin into disrepute: sick ones, and those that met a request which breaks anybody. */
const DISREPUTE = 3
/** How long that lasts at the most. */
const DISREPUTE_MS = 120_000

export function createWell({ scene, time, market, books, upstreams }: Deps): Well {
  const originOf = new Map(scene.sellers.map(({ listingId, provider }) => [listingId, provider.baseUrl]))

  function isMine(fault: Fault, listingId: string): boolean {
    const { listingId: only = listingId, origin = originOf.get(listingId) } = fault
    return only === listingId && origin === originOf.get(listingId)
  }

  const faultsOf = new Map(
    [...originOf.keys()].map((listingId) => [
      listingId,
      scene.faults.filter((fault) => isMine(fault, listingId)),
    ]),
  )

  function isSick(listingId: string, now: number): boolean {
    return (faultsOf.get(listingId) ?? []).some(
      ({ fromMs, untilMs, kind }) => fromMs <= now && now < untilMs + shadowMs(kind),
    )
  }

  function isInDisrepute(listingId: string, now: number): boolean {
    const origin = originOf.get(listingId)
    const failing = [...upstreams.values()].filter(
      ({ nature, poisonedMs }) =>
        nature.origin === origin && (isSick(nature.listingId, now) || poisonedMs() > now - DISREPUTE_MS),
    )
    return failing.length >= DISREPUTE
  }

  function isWell(offer: Offer, now: number): boolean {
    return (
      !market.paused.some(({ listingId }) => listingId === offer.listingId) &&
      !isSick(offer.listingId, now) &&
      !isInDisrepute(offer.listingId, now)
    )
  }

  return {
    isBlameless: (listingId, atMs) =>
      (faultsOf.get(listingId) ?? []).every(({ fromMs }) => fromMs > atMs) && !isInDisrepute(listingId, atMs),
    offersFor(request) {
      const now = time.elapsedMs()
      const well: string[] = []
      for (const ask of [request, ...(request.fallbackModels ?? [])])
        for (const offer of market.offersFor(ask.model.id)) {
          const load = { tokens: ask.inputTokens + ask.maxOutputTokens }
          if (isWell(offer, now) && allows(request, offer) && books.hasRoom(offer, load)) well.push(offer.id)
        }
      return well
    },
  }
}

/** Whether the caller's wishes surely let `offer` in, read from the wishes alone. */
export function allows({ policy, asks = 0 }: PlanRequest, offer: Offer): boolean {
  const { provider, listingId, sellerOrganisationId } = offer
  const isNamed = (names: readonly string[]) =>
    names.some((name) => [provider.id, listingId, sellerOrganisationId].includes(name))
  if (policy.only && !isNamed(policy.only)) return false
  if (policy.ignore && isNamed(policy.ignore)) return false
  if (policy.order && policy.allowFallbacks === false && !isNamed(policy.order)) return false
  // What a price that moves is at the moment of the decision is the decision's affair.
  if (policy.maxPrice && (offer.schedule || !isWithin(offer, policy.maxPrice))) return false
  const has = (names: readonly string[] | undefined, bit: number, name: string) =>
    (asks & bit) !== 0 && (names ?? []).includes(name)
  if (has(provider.lacks, TOOLS, 'tools')) return false
  return !(policy.requireParameters && has(provider.ignores, SEED, 'seed'))
}

const PICOS_PER_USD_PER_MTOK = 1e6

function isWithin({ price }: Offer, max: NonNullable<PlanRequest['policy']['maxPrice']>): boolean {
  const most = (text: string | undefined) => Number(text ?? Number.POSITIVE_INFINITY)
  return (
    Number(price.table.base.uncachedInput) / PICOS_PER_USD_PER_MTOK <= most(max.prompt) &&
    Number(price.table.base.output) / PICOS_PER_USD_PER_MTOK <= most(max.completion) &&
    Number(price.nanosPerRequest) / 1e9 <= most(max.request)
  )
}

const TOOLS = 1
const SEED = 1 << 14
