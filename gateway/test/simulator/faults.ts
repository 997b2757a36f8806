/**
 * What can be wrong with a seller, an origin or the whole world, for how long, and what an attempt comes to meanwhile.
 * The ids are those of the design's fault model.
 */
import type { UpstreamFailure } from '../../src/providers/outcome.ts'

export const faultKinds = {
  refused: { id: 'U01', class: 'network', afterMs: 2 },
  reset: { id: 'U01', class: 'network', afterMs: 40 },
  dns: { id: 'U01', class: 'network', afterMs: 60 },
  tls: { id: 'U01', class: 'network', afterMs: 45 },
  connect_timeout: { id: 'U01', class: 'network', afterMs: 3_000 },
  closed: { id: 'U02', class: 'network', afterMs: 5 },
  limited: { id: 'U03', class: 'rate_limited', status: 429, afterMs: 20, hintMs: 4_000 },
  limited_without_hint: { id: 'U04', class: 'rate_limited', status: 429, afterMs: 20 },
  quota_spent: { id: 'U05', class: 'quota_exhausted', status: 429, afterMs: 30 },
  error_500: { id: 'U06', class: 'server_error', status: 500, afterMs: 120 },
  error_503: { id: 'U06', class: 'server_error', status: 503, afterMs: 15 },
  overloaded: { id: 'U07', class: 'overloaded', status: 529, afterMs: 25 },
  key_revoked: { id: 'U08', class: 'key_rejected', status: 401, afterMs: 25 },
  error_body: { id: 'U10', class: 'server_error', status: 200, afterMs: 300 },
  not_json: { id: 'U11', class: 'malformed', status: 200, afterMs: 200 },
  silent: { id: 'U13', class: 'timeout', afterMs: Number.POSITIVE_INFINITY },
  model_gone: { id: 'U25', class: 'model_refused', status: 404, afterMs: 25 },
  refuses_all: { id: 'U26', class: 'user_error', status: 400, afterMs: 25 },
  conflict: { id: 'U29', class: 'server_error', status: 409, afterMs: 25 },
} as const satisfies Record<string, FaultShape>

interface FaultShape {
  id: string
  class: UpstreamFailure['class']
  status?: number
  /** From its arrival at the upstream. */
  afterMs: number
  /** A hint in the answer: when to come back. */
  hintMs?: number
}

export type BeforeContent = keyof typeof faultKinds
/** `cut`: an answer breaks after its first content. `slow`: it takes ten times as long to begin. */
export type FaultKind = BeforeContent | 'cut' | 'slow'

/** Everything before a first content. */
export const beforeContent = Object.keys(faultKinds) as BeforeContent[]

/** A fault of one listing, of an origin, or of everybody. */
export interface Fault {
  kind: FaultKind
  listingId?: string
  origin?: string
  /** Elapsed. */
  fromMs: number
  untilMs: number
  /** Of the calls that come meanwhile, how many it breaks; all when absent. */
  share?: number
}

/** How `kind` is told by the corridor, which reads answers as `providers/` does. */
export function failureOf(kind: BeforeContent): UpstreamFailure {
  const { class: outcome, ...shape }: FaultShape = faultKinds[kind]
  return {
    class: outcome as UpstreamFailure['class'],
    message: kind,
    ...(shape.status === undefined ? {} : { status: shape.status }),
    ...(shape.hintMs === undefined ? {} : { retryAfterMs: shape.hintMs }),
  }
}

/** How long after a fault of this kind has ended nobody may claim that its listing is well. */
export function shadowMs(kind: FaultKind): number {
  switch (kind) {
    case 'quota_spent':
    case 'model_gone':
    case 'key_revoked':
    case 'not_json':
      return Number.POSITIVE_INFINITY
    default:
      // The longest opening with its jitter, and the slow start after it.
      return 430_000
  }
}
