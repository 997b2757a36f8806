/** What a price would come to. */
import { Router } from 'express'
import type { Catalog, Model } from '../catalog/catalog.ts'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { MOST_SERVED, servedRequests } from '../ledger/served-requests.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Actor } from './actor.ts'
import type { Listings } from './listings.ts'
import { listingFilter } from './named.ts'
import {
  type Billing,
  billedFor,
  type Earned,
  priceByFill,
  priceByTime,
  replay,
  scheduleOf,
} from './price-preview.ts'
import { FILL_STEPS, priceOf } from './price-rule.ts'
import type { PriceSchedule } from './price-versions.ts'
import { type PricePreviewShown, previewPrice } from './prices-api.ts'
import { listPriceOf } from './show-offer.ts'

const DAY_MS = 86_400_000

export interface PreviewRoutesDeps {
  listings: Pick<Listings, 'get'>
  catalog: Pick<Catalog, 'find'>
  database: Database
  config: Pick<Config, 'feeBps'>
  billing: Billing
  clock: Clock
  door: Door
}

export function createPreviewRoutes(deps: PreviewRoutesDeps): Router {
  const { catalog, config, clock } = deps
  const router = Router()
  serveOperation(router, deps.door, previewPrice, async ({ body, user }) => {
    const model = modelNamed(catalog, body.model)
    const { feeBps } = config
    // Says what is wrong with the price in the words of a listing that asks it.
    priceOf(body.price, model.listPrice, feeBps)
    const schedule = scheduleOf(body.price, model.listPrice, feeBps)
    const nowMs = clock.nowMs()
    return {
      model: model.id,
      at: instant(nowMs),
      listPrice: listPriceOf(model),
      feeBps: Number(feeBps),
      fill: priceByFill(schedule, nowMs),
      week: priceByTime(schedule, nowMs).map(({ fromMs, untilMs, ...price }) => ({
        from: instant(fromMs),
        until: instant(untilMs),
        ...price,
      })),
      replay: await replayed(deps, {
        listing: listingFilter(body.listing),
        model,
        schedule,
        nowMs,
        actor: user,
      }),
    }
  })
  return router
}

interface Replayed {
  listing: string | undefined
  model: Model
  schedule: PriceSchedule
  nowMs: number
  actor: Actor
}

async function replayed(
  { listings, database, billing }: PreviewRoutesDeps,
  { listing, model, schedule, nowMs, actor }: Replayed,
): Promise<PricePreviewShown['replay']> {
  if (listing === undefined) return null
  const { organisationId } = await listings.get(listing, actor)
  const found = await servedRequests(database.pool, {
    sellerOrganisationId: organisationId,
    listingId: listing,
    model: model.id,
    sinceMs: nowMs - DAY_MS,
  })
  const served = found.slice(0, MOST_SERVED)
  const oldest = served.at(-1)
  const isComplete = found.length <= MOST_SERVED
  const at = (fillStep: number) => show(replay(served, { schedule, fillStep, billing }))
  return {
    from: isComplete || !oldest ? instant(nowMs - DAY_MS) : oldest.startedAt.toISOString(),
    until: instant(nowMs),
    requests: served.length,
    isComplete,
    was: show(billedFor(served)),
    idle: at(0),
    full: at(FILL_STEPS),
  }
}

function show({ costNanos, sellerNanos }: Earned) {
  return { costNanos: costNanos.toString(), sellerNanos: sellerNanos.toString() }
}

function modelNamed(catalog: Pick<Catalog, 'find'>, name: string): Model {
  try {
    return catalog.find(name)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new GatewayError('invalid_value', `model: ${error.message}`, { param: 'model', cause: error })
  }
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
