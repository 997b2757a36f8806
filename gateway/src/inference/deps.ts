import type { Catalog } from '../catalog/catalog.ts'
import type { Egress } from '../egress/egress.ts'
import type { CorsPolicy } from '../http/cors.ts'
import type { KeyVerifier } from '../keys/verify.ts'
import type { Limits } from '../limits/admit.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Providers } from '../providers/registry.ts'
import type { Router } from '../routing/router.ts'
import type { Settlement } from '../settlement/settlement.ts'

import type { ChatParser } from './chat-parser.ts'

/** How long and how large an exchange with an upstream may be. */
export interface InferenceLimits {
  firstByteMs: number
  streamIdleMs: number
  streamTotalMs: number
  /** Streams and answers served at once; beyond it 503. */
  maxConcurrent: number
}

/** The rooms that a chat completion walks through. */
export interface InferenceDeps {
  keys: KeyVerifier
  parser: ChatParser
  catalog: Catalog
  limits: Limits
  router: Router
  settlement: Settlement
  providers: Providers
  egress: Egress
  cors: CorsPolicy
  bounds: InferenceLimits
  clock: Clock
  logger: Logger
  metrics: Metrics
}
