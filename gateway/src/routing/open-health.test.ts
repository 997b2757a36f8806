import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { behindOneProvider, judged } from '../../test/support/health.ts'
import { makeProvider } from '../../test/support/market.ts'
import type { AuditEvent } from '../audit/audit.ts'
import type { Offer } from '../marketplace/offer.ts'
import { createLogger } from '../platform/logger.ts'
import { createMetrics } from '../platform/metrics.ts'
import type { Providers } from '../providers/registry.ts'
import { openHealth } from './open-health.ts'
import type { Judged } from './surroundings.ts'

let dataDir = ''
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'health-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const clock = { nowMs: () => Date.UTC(2026, 10, 22), monotonicMs: () => 1_000 }

function open(offers: readonly Judged[]) {
  const metrics = createMetrics()
  const events: AuditEvent[] = []
  const health = openHealth(
    {
      config: { dataDir },
      providers: {
        list: () => [makeProvider('known', { baseUrl: 'https://provider.test/v1' })],
      } as unknown as Providers,
      audit: {
        record: async (event) => void events.push(event),
        list: async () => [],
      },
      clock,
      logger: createLogger({ level: 'silent' }),
      metrics,
    },
    { offersFor: () => offers as readonly Offer[] },
  )
  return { health, metrics, events }
}

function fail(health: ReturnType<typeof open>['health'], offers: readonly Judged[], times: number): void {
  for (let round = 0; round < times; round += 1)
    for (const offer of offers) {
      const ticket = health.breakers.begin(offer)
      if (ticket) health.breakers.end(offer, ticket, { outcome: 'server_error', status: 500 })
    }
}

test('an operator sees which vendor is down, and how many custom endpoints, but never their names', async () => {
  const offers = behindOneProvider(10)
  const { health, metrics } = open(offers)
  fail(health, [judged('private-endpoint')], 5)
  fail(health, offers, 6)
  const text = await metrics.render()
  expect(text).toContain('gateway_origin_state{origin="https://provider.test"} 2')
  expect(text).toContain('gateway_origin_state{origin="custom"} 0')
  expect(text).toContain('gateway_breaker_state{scope="origin",state="open"} 1')
  expect(text).toContain('gateway_breaker_state{scope="listing",state="open"} 1')
  expect(text).toMatch(/gateway_ejections_total\{reason="consecutive"\} \d/)
  expect(text).toContain('gateway_ejections_total{reason="origin"} 1')
  expect(text).toContain('gateway_local_outage 0')
  expect(text).not.toContain('private-endpoint')
  health.close()
})

test("a seller finds a spent account in the listing's history", () => {
  const { health, events } = open([])
  health.onSuspended({ listingId: '0190f2a4-7b11-7c3d-8a52-3e1d9a0b4c5d', untilMs: 1_000 + 15 * 60_000 })
  expect(events).toMatchObject([
    {
      actor: 'system',
      action: 'listing.resting',
      detail: { reason: 'quota_exhausted', until: '2026-11-22T00:15:00.000Z' },
    },
  ])
  health.close()
})
