/** The market of a simulation: offers made from its sellers, and what becomes of listings that are taken off it. */
import type { Model } from '../../src/catalog/catalog.ts'
import type { Offer } from '../../src/marketplace/offer.ts'
import { makeOffer, testModel } from '../support/market.ts'
import type { House } from './house.ts'
import type { Scene, Seller } from './scene.ts'
import type { VirtualTime } from './virtual-time.ts'

// The offers of other processes' markets are a little behind.
const PAUSE_MS = 300

export interface Paused {
  listingId: string
  state: string
  atMs: number
}

export interface SimulatedMarket {
  models: ReadonlyMap<string, Model>
  offersFor(model: string): readonly Offer[]
  pause(listingId: string, state: 'disabled' | 'quarantined', reason: string): Promise<void>
  paused: Paused[]
  /** When listings were mended by their sellers, elapsed. */
  mended: readonly { listingId: string; atMs: number }[]
}

export function createMarket(house: House, scene: Scene, time: VirtualTime): SimulatedMarket {
  const models = new Map(scene.models.map((id) => [id, { ...testModel, id }]))
  const paused: Paused[] = []
  const mended: { listingId: string; atMs: number }[] = []
  const listed = new Map(scene.sellers.map((seller) => [seller.listingId, offersOf(house, scene, seller, 0)]))
  const byModel = new Map<string, readonly Offer[]>()
  refresh()

  function refresh(): void {
    for (const model of models.keys()) {
      const before = byModel.get(model)
      const offers = [...listed.values()].flat().filter((offer) => offer.model === model)
      if (before?.length !== offers.length || before.some((offer, at) => offer !== offers[at]))
        byModel.set(model, offers)
    }
  }

  return {
    models,
    paused,
    mended,
    offersFor: (model) => byModel.get(model) ?? [],
    async pause(listingId, state) {
      paused.push({ listingId, state, atMs: time.elapsedMs() })
      const seller = scene.sellers.find((one) => one.listingId === listingId)
      time.after(PAUSE_MS, () => {
        listed.delete(listingId)
        refresh()
      })
      if (seller?.mendsAfterMs === undefined) return
      time.after(PAUSE_MS + seller.mendsAfterMs, () => {
        mended.push({ listingId, atMs: time.elapsedMs() })
        listed.set(listingId, offersOf(house, scene, seller, time.clock.nowMs()))
        refresh()
      })
    },
  }
}

function offersOf({ compilePrices }: House, scene: Scene, seller: Seller, revision: number): Offer[] {
  const { listingId, organisation, provider, limits, modelLimits, rule, nextRule } = seller
  const versions = [
    { version: 1, rule, fromMs: 0 },
    ...(nextRule ? [{ version: 2, rule: nextRule.rule, fromMs: scene.startMs + nextRule.fromMs }] : []),
  ] as const
  return seller.models.map((model) => {
    const schedule = compilePrices([...versions] as never, undefined, 500n)
    const modelCapacity = modelLimits.get(model)
    return Object.freeze({
      ...makeOffer(listingId),
      id: `${listingId}:${model}`,
      sellerOrganisationId: organisation,
      provider,
      baseUrl: provider.baseUrl,
      model,
      price: schedule.at(scene.startMs, 0).price,
      ...(versions.length > 1 || rule.kind === 'scheduled' ? { schedule } : {}),
      ...limits,
      ...(modelCapacity ? { modelCapacity } : {}),
      revision,
    })
  })
}
