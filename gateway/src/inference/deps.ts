import type { Catalog, Model } from '../catalog/catalog.ts'
import type { Egress } from '../egress/egress.ts'
import type { CorsPolicy } from '../http/cors.ts'
import type { KeyVerifier } from '../keys/verify.ts'
import type { Limits } from '../limits/admit.ts'
import type { Offer } from '../marketplace/offer.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { ChatRequest } from '../providers/chat.ts'
import type { Providers } from '../providers/registry.ts'
import type { Usage } from '../providers/usage.ts'
import type { Router } from '../routing/router.ts'
import type { Settlement } from '../settlement/settlement.ts'
import type { ChatParser } from './chat-parser.ts'
import type { Oddities } from './oddities.ts'
import type { TracedAttempt } from './request-trace.ts'

/** How long and how large an exchange with an upstream may be. */
export interface InferenceLimits {
  firstByteMs: number
  /** To the first content of a stream, whatever else comes before it. */
  firstContentMs: number
  streamIdleMs: number
  streamTotalMs: number
  /** Streams and answers served at once; beyond it 503. */
  maxConcurrent: number
}

/** An answer that was served whole and whose bill is safe. */
export interface Answered {
  /** The request's UUID. */
  requestId: string
  offer: Offer
  model: Model
  request: ChatRequest
  /** As the seller reported it, whatever was billed. */
  reported: Usage | undefined
  billedBy: 'reported' | 'counted' | 'clamped'
  finishReason: string
  /** What the model was seen to write, by the yardstick; may take milliseconds. */
  written: Written
}

export interface Written {
  tokens(): number
  /** False when its script cannot be compared. */
  comparable(): boolean
  calls: number
}

/** Who looks at what sellers do, beside the path: `trust/`. None of it throws or waits. */
export interface Watch {
  /** Whether an answer of this offer is to be measured; asked once, before it comes. */
  wants(offer: Offer): boolean
  answered(answered: Answered): void
  /** The offer's answer called a tool that the request did not declare, and was stopped. */
  calledUndeclaredTool(offer: Offer, requestId: string): void
}

/** A request that reached a key, when its answer is over: what a log may keep of it. Nothing of prompt or answer. */
export interface RequestEnded {
  /** The request's UUID. */
  id: string
  organisationId: string
  keyId: string
  modelAsked: string | undefined
  /** Who served, or was tried last. */
  offer: Offer | undefined
  /** As the client was told, 499 when it had left. */
  status: number
  code: string | undefined
  left: boolean
  /** Whether there is, or will be, a usage record of it. */
  booked: boolean
  stream: boolean
  finishReason: string | undefined
  attempts: readonly TracedAttempt[]
  startedAt: Date
  overheadMs: number
  ttftMs: number | undefined
  durationMs: number
}

/** The rooms that a chat completion walks through. */
export interface InferenceDeps {
  keys: KeyVerifier
  parser: ChatParser
  catalog: Catalog
  limits: Limits
  router: Router
  settlement: Settlement
  watch: Watch
  oddities: Oddities
  /** Told once per request, on its path: must neither throw nor wait. */
  onRequestEnded?: (ended: RequestEnded) => void
  providers: Providers
  egress: Egress
  cors: CorsPolicy
  bounds: InferenceLimits
  clock: Clock
  logger: Logger
  metrics: Metrics
}
