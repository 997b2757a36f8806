/** What a simulation is made of: sellers with prices, limits and speeds, faults over time, and buyers with their wishes. */
import type { CapacityLimits } from '../../src/marketplace/offer.ts'
import type { PriceRule } from '../../src/marketplace/price-rule.ts'
import type { ProviderConfig } from '../../src/providers/provider.ts'
import type { RoutingPolicy } from '../../src/routing/policy.ts'
import { makeProvider } from '../support/market.ts'
import type { Fault } from './faults.ts'

export interface Seller {
  listingId: string
  organisation: string
  provider: ProviderConfig
  models: readonly string[]
  limits: CapacityLimits
  modelLimits: ReadonlyMap<string, CapacityLimits>
  rule: PriceRule
  /** From when (elapsed) a second price holds. */
  nextRule?: { rule: PriceRule; fromMs: number }
  ttftMs: number
  tokensPerS: number
  /** As `trust/` would say it. */
  reputation: number
  /** Answers it has to give before it counts as tried. */
  unprovenFor: number
  /** How long its seller takes to mend a listing that was taken off the market; never when absent. */
  mendsAfterMs?: number
}

export interface Traffic {
  requests: number
  /** Between two of them, on average; from `surge.fromMs` on it is `surge.times` as much. */
  everyMs: number
  surge?: { fromMs: number; untilMs: number; times: number }
  /** Shares of the requests. */
  wrong: number
  odd: number
  poison: number
  leaves: number
  streams: number
  waits: number
  talks: number
  abandons: number
  withFallbacks: number
  withPolicy: number
  /** Never told to be over: its process was lost. */
  lost: number
  policies: readonly RoutingPolicy[]
  buyers: number
  tokens: { least: number; most: number }
  answer: { least: number; most: number }
}

export interface Scene {
  name: string
  seed: string
  startMs: number
  models: readonly string[]
  sellers: readonly Seller[]
  faults: readonly Fault[]
  traffic: Traffic
  stall?: { fromMs: number; forMs: number }
  poolMaxAgeMs?: number
}

export const calm: Traffic = {
  requests: 1_000,
  everyMs: 50,
  wrong: 0,
  odd: 0,
  poison: 0,
  leaves: 0,
  streams: 0.6,
  waits: 0,
  talks: 0,
  abandons: 0,
  withFallbacks: 0,
  withPolicy: 0,
  lost: 0,
  policies: [{}],
  buyers: 20,
  tokens: { least: 20, most: 2_000 },
  answer: { least: 10, most: 300 },
}

/** A Saturday evening, an hour before a month and most windows of the week end. */
export const START_MS = Date.UTC(2026, 0, 31, 23, 0)

export function makeSeller(listingId: string, change: Partial<Seller> & { usd?: string } = {}): Seller {
  const { usd = '1', ...rest } = change
  return {
    listingId,
    organisation: `seller of ${listingId}`,
    provider: makeProvider(`provider-${listingId}`),
    models: ['test/model'],
    limits: {},
    modelLimits: new Map(),
    rule: { kind: 'fixed', perMTok: { input: usd, output: String(Number(usd) * 2) } },
    ttftMs: 300,
    tokensPerS: 80,
    reputation: 1,
    unprovenFor: 0,
    ...rest,
  }
}

export function makeScene(change: Omit<Partial<Scene>, 'traffic'> & { traffic?: Partial<Traffic> }): Scene {
  return {
    name: 'scene',
    seed: '1',
    startMs: START_MS,
    models: ['test/model'],
    sellers: ['a', 'b', 'c'].map((id) => makeSeller(id)),
    faults: [],
    ...change,
    traffic: { ...calm, ...change.traffic },
  }
}
