/** Builds what health needs of the rest of the house: what outlives a restart, who is told, and what is measured. */
import { join } from 'node:path'
import type { Audit } from '../audit/audit.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Providers } from '../providers/registry.ts'
import { type Breakers, createBreakers } from './breakers.ts'
import type { LeasesDeps, Market } from './leases.ts'
import type { Rests } from './rests.ts'
import { createKeptRests } from './rests-file.ts'

export interface OpenHealthDeps {
  config: Pick<Config, 'dataDir'>
  providers: Providers
  audit: Audit
  clock: Clock
  logger: Logger
  metrics: Metrics
}

export interface OpenHealth {
  breakers: Breakers
  rests: Rests
  onSuspended: NonNullable<LeasesDeps['onSuspended']>
  close(): void
}

export function openHealth(deps: OpenHealthDeps, { offersFor }: Pick<Market, 'offersFor'>): OpenHealth {
  const { config, clock, logger, metrics, providers, audit } = deps
  const random = Math.random
  const kept = createKeptRests({ path: join(config.dataDir, 'rests.json'), clock, logger, random })
  const knownOrigins = vendorOrigins(providers)
  const breakers = createBreakers({ clock, random, offersFor, knownOrigins, metrics })
  return {
    breakers,
    rests: kept.rests,
    // A seller whose account is spent finds it in the listing's history.
    onSuspended({ listingId, untilMs }) {
      const until = new Date(clock.nowMs() + untilMs - clock.monotonicMs()).toISOString()
      const subject = formatId('lst-', listingId)
      audit
        .record({
          actor: 'system',
          action: 'listing.resting',
          subject,
          detail: { reason: 'quota_exhausted', until },
        })
        .catch((error) => logger.error({ err: error, listingId }, 'a spent account was not written down'))
    },
    close() {
      kept.close()
      breakers.close()
    },
  }
}

/** The origins that metrics may name: custom endpoints are as many as sellers like. */
function vendorOrigins(providers: Providers): ReadonlySet<string> {
  const origins = providers
    .list()
    .flatMap(({ baseUrl, allowedHosts }) => [
      new URL(baseUrl).origin,
      ...allowedHosts.map((host) => `https://${host}`),
    ])
  return new Set(origins)
}
