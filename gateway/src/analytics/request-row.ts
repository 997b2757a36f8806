/** What the log keeps of a request, made from what the corridor tells. Nothing of prompt, answer or an upstream's words. */
import type { Catalog } from '../catalog/catalog.ts'
import type { RequestEnded } from '../inference/deps.ts'

/**
 * `answered`; `free`, an answer without content; `left`, the client went before the end; `failed`, we or every seller
 * could not; `refused`, the request could not be let in.
 */
export const OUTCOMES = ['answered', 'free', 'left', 'failed', 'refused'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface LoggedAttempt {
  /** The listing's UUID. */
  listing: string
  provider: string
  outcome: string
  /** From the request's beginning, and until it was decided, in milliseconds. */
  afterMs: number
  durationMs: number
}

export interface RequestRow {
  id: string
  organisationId: string
  keyId: string
  modelAsked: string | null
  model: string | null
  listingId: string | null
  sellerOrganisationId: string | null
  provider: string | null
  outcome: Outcome
  status: number
  error: string | null
  finishReason: string | null
  stream: boolean
  attempts: LoggedAttempt[]
  startedAt: string
  overheadMs: number
  ttftMs: number | null
  durationMs: number
  uncounted: boolean
}

// Longer than any model's name.
const MAX_MODEL_CHARACTERS = 120
const MAX_ATTEMPTS = 10

export function requestRow(ended: RequestEnded, catalog: Pick<Catalog, 'find'>): RequestRow {
  const { offer, booked } = ended
  return {
    id: ended.id,
    organisationId: ended.organisationId,
    keyId: ended.keyId,
    modelAsked: ended.modelAsked === undefined ? null : storable(ended.modelAsked),
    model: offer?.model ?? knownModel(ended.modelAsked, catalog),
    listingId: offer?.listingId ?? null,
    sellerOrganisationId: offer?.sellerOrganisationId ?? null,
    provider: offer?.provider.id ?? null,
    outcome: outcomeOf(ended),
    status: ended.status,
    error: ended.code ?? null,
    finishReason: ended.finishReason ?? null,
    stream: ended.stream,
    attempts: ended.attempts.slice(0, MAX_ATTEMPTS).map((attempt) => ({
      listing: attempt.listingId,
      provider: attempt.provider,
      outcome: attempt.outcome,
      afterMs: tenths(attempt.afterMs),
      durationMs: tenths(attempt.durationMs),
    })),
    startedAt: ended.startedAt.toISOString(),
    overheadMs: tenths(ended.overheadMs),
    ttftMs: ended.ttftMs === undefined ? null : Math.round(ended.ttftMs),
    durationMs: Math.round(ended.durationMs),
    // What is billed is counted from the books.
    uncounted: !booked,
  }
}

/** A request that was billed although it broke counts among the served ones; what the client saw stands here. */
function outcomeOf({ left, code, status }: RequestEnded): Outcome {
  if (left) return 'left'
  if (code === undefined) return 'answered'
  return status >= 500 ? 'failed' : 'refused'
}

/** The public id of a model that exists; a name that nobody knows would be anybody's text. */
function knownModel(asked: string | undefined, catalog: Pick<Catalog, 'find'>): string | null {
  if (asked === undefined) return null
  try {
    return catalog.find(asked).id
  } catch {
    return null
  }
}

/** PostgreSQL takes no NUL and no half of a surrogate pair. */
function storable(text: string): string {
  return Buffer.from(text.slice(0, MAX_MODEL_CHARACTERS).replaceAll('\0', '')).toString()
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10
}
