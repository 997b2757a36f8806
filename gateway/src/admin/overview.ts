/** The operator's first look: traffic, what waits, where the market is thin, what changed. Joined here, asked for rarely. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Audit, AuditRow } from '../audit/audit.ts'
import { showEvent } from '../audit/show-event.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { failedChecks, type LedgerHealthReader } from '../ledger/health.ts'
import type { Marketplace } from '../marketplace/marketplace.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { firstIdAt, formatId } from '../platform/ids.ts'
import type { PoolOffer } from '../routing/pool.ts'
import type { Router } from '../routing/router.ts'
import type { Settlement } from '../settlement/settlement.ts'
import type { Overview, Traffic } from './api.ts'
import {
  hourlyTraffic,
  readWaiting,
  type TrafficRow,
  trafficSince,
  type WaitingRow,
} from './overview-store.ts'

const FRESH_MS = 5_000
const HOUR_MS = 3_600_000
const HOURS = 24
const MAX_THIN_SPOTS = 50
const MAX_RESTING = 10
const CHANGES = 10
/** Pools looked at before others get their turn: a pool of thousands of offers takes a few milliseconds. */
const POOLS_A_TURN = 5
const ENOUGH_OFFERS = 2

export interface OverviewDeps {
  database: Database
  clock: Clock
  health: LedgerHealthReader
  audit: Pick<Audit, 'list'>
  settlement: Pick<Settlement, 'unbooked'>
  marketplace: Pick<Marketplace, 'modelsOnOffer'>
  catalog: Pick<Catalog, 'list'>
  router: Pick<Router, 'poolOf'>
}

/** Many who look at once cost one look. */
export function createOverview(deps: OverviewDeps): () => Promise<Overview> {
  let last: { overview: Overview; atMs: number } | undefined
  let looking: Promise<Overview> | undefined
  return async () => {
    if (last && deps.clock.monotonicMs() - last.atMs < FRESH_MS) return last.overview
    looking ??= look(deps)
      .then((overview) => {
        last = { overview, atMs: deps.clock.monotonicMs() }
        return overview
      })
      .finally(() => {
        looking = undefined
      })
    return looking
  }
}

async function look(deps: OverviewDeps): Promise<Overview> {
  const { database, clock, audit } = deps
  const nowMs = clock.nowMs()
  const firstHourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS - (HOURS - 1) * HOUR_MS
  // One after the other: an overview takes one connection, not all.
  const hours = await hourlyTraffic(database, new Date(firstHourMs))
  const lastHour = await trafficSince(database, firstIdAt(nowMs - HOUR_MS))
  const waiting = await readWaiting(database)
  const changes = await audit.list({ limit: CHANGES })
  const ledger = await deps.health.read()
  const { spots, models } = await thinSpots(deps)
  return {
    at: new Date(nowMs).toISOString(),
    lastHour: showTraffic(lastHour),
    lastDay: showTraffic(hours.reduce(added, nothing)),
    hours: everyHour(hours, firstHourMs),
    countedThrough: waiting.countedThrough?.toISOString() ?? null,
    owedNanos: waiting.owedNanos,
    ledger: {
      failed: failedChecks(ledger),
      deadLetters: ledger.deadLetters,
      overdueHolds: ledger.overdueHolds,
      unsealedSeconds: ledger.unsealedSeconds,
      lastSealAt: waiting.lastSealAt?.toISOString() ?? null,
      checkedAt: new Date(ledger.checkedAtMs).toISOString(),
    },
    waiting: showWaiting(waiting, ledger.deadLetters, deps.settlement.unbooked()),
    models,
    thinSpots: spots.slice(0, MAX_THIN_SPOTS),
    thinSpotsLeftOut: Math.max(0, spots.length - MAX_THIN_SPOTS),
    changes: changes.map((row: AuditRow) => showEvent(row)),
  }
}

const nothing: TrafficRow = {
  requests: 0n,
  failed: 0n,
  refused: 0n,
  spendNanos: 0n,
  takeNanos: 0n,
  ttftMs: 0,
  streams: 0n,
}

function added(one: TrafficRow, other: TrafficRow): TrafficRow {
  return {
    requests: one.requests + other.requests,
    failed: one.failed + other.failed,
    refused: one.refused + other.refused,
    spendNanos: one.spendNanos + other.spendNanos,
    takeNanos: one.takeNanos + other.takeNanos,
    ttftMs: one.ttftMs + other.ttftMs,
    streams: one.streams + other.streams,
  }
}

function showTraffic({
  requests,
  failed,
  refused,
  spendNanos,
  takeNanos,
  ttftMs,
  streams,
}: TrafficRow): Traffic {
  return {
    requests: Number(requests),
    failed: Number(failed),
    refused: Number(refused),
    spendNanos: spendNanos.toString(),
    takeNanos: takeNanos.toString(),
    firstTokenMs: streams === 0n ? null : Math.round(ttftMs / Number(streams)),
  }
}

/** An hour in which nothing happened is an hour all the same. */
function everyHour(rows: readonly (TrafficRow & { hour: Date })[], firstHourMs: number): Overview['hours'] {
  const byHour = new Map(rows.map((row) => [row.hour.getTime(), row]))
  return Array.from({ length: HOURS }, (_, index) => {
    const hourMs = firstHourMs + index * HOUR_MS
    return { ...showTraffic(byHour.get(hourMs) ?? nothing), hour: new Date(hourMs).toISOString() }
  })
}

function showWaiting(row: WaitingRow, deadLetters: number, unbookedRequests: number): Overview['waiting'] {
  const { payouts, payoutsToBook, verifying, quarantined, openCases, unsignedReceipts } = row
  return {
    payouts,
    payoutsToBook,
    verifying,
    quarantined,
    openCases,
    deadLetters,
    unsignedReceipts,
    unbookedRequests,
  }
}

/** Models that one more failure takes off the market; the barest first. */
async function thinSpots({
  catalog,
  marketplace,
  router,
  clock,
}: OverviewDeps): Promise<{ spots: Overview['thinSpots']; models: number }> {
  const onOffer = marketplace.modelsOnOffer()
  const spots: Overview['thinSpots'] = []
  for (const [index, model] of catalog
    .list()
    .filter(({ id }) => onOffer.has(id))
    .entries()) {
    if (index % POOLS_A_TURN === POOLS_A_TURN - 1) await nextTurn()
    const { offers } = router.poolOf(model).dense.pool
    const resting = offers.filter(({ standing }) => !isHealthy(standing))
    const healthy = offers.length - resting.length
    if (healthy >= ENOUGH_OFFERS) continue
    spots.push({
      model: model.id,
      offers: offers.length,
      healthy,
      resting: resting.slice(0, MAX_RESTING).map((offer) => ({
        listingId: formatId('lst-', offer.listing),
        standing: offer.standing,
        backAt: backAt(offer, clock),
      })),
    })
  }
  spots.sort((a, b) => a.healthy - b.healthy || a.model.localeCompare(b.model))
  return { spots, models: onOffer.size }
}

/** An offer that is full is well: it serves. */
function isHealthy(standing: PoolOffer['standing']): boolean {
  return standing === 'usable' || standing === 'full'
}

function backAt({ untilMs }: PoolOffer, clock: Clock): string | null {
  if (untilMs === undefined) return null
  return new Date(clock.nowMs() + untilMs - clock.monotonicMs()).toISOString()
}
