import { formatId, type IdPrefix } from '../platform/ids.ts'
import type { RequestShown } from './api.ts'
import type { LogRow, Names } from './requests-store.ts'

export interface Sight {
  /** A seller sees what his listings served, and nothing of who bought it. */
  side: 'buyer' | 'seller' | 'market'
  /** Also says who bought it. */
  operator: boolean
}

/** A row of the log as `/api` shows it to this reader. */
export function showRequest(row: LogRow, names: Names, sight: Sight): RequestShown {
  const isSeller = sight.side === 'seller' && !sight.operator
  return {
    id: formatId('gen-', row.id),
    at: row.startedAt.toISOString(),
    ...(sight.operator ? { organisation: called('org-', row.organisationId, names.organisation) } : {}),
    ...(isSeller ? {} : { key: called('key-', row.keyId, names.key) }),
    modelAsked: isSeller ? row.model : row.modelAsked,
    model: row.model,
    listing: row.listingId === null ? null : called('lst-', row.listingId, names.listing),
    seller:
      row.sellerOrganisationId === null ? null : called('org-', row.sellerOrganisationId, names.organisation),
    provider: row.provider,
    outcome: row.outcome,
    status: row.status,
    error: row.error,
    finishReason: row.finishReason,
    stream: row.stream,
    attempts: attemptsOf(row, names, isSeller),
    overheadMs: row.overheadMs === null ? null : Math.round(row.overheadMs * 10) / 10,
    ttftMs: row.ttftMs,
    durationMs: row.durationMs,
    tokens: tokensOf(row),
    usageSource: row.usageSource,
    billed: row.billed,
    settledAt: row.settledAt?.toISOString() ?? null,
    // What was held tells of the buyer's other offers.
    heldNanos: isSeller ? null : row.heldNanos,
    costNanos: row.costNanos,
    sellerNanos: row.sellerNanos,
    feeNanos: row.feeNanos,
  }
}

function attemptsOf(
  { attempts, listingId }: LogRow,
  { listing }: Names,
  ownOnly: boolean,
): RequestShown['attempts'] {
  if (attempts === null) return null
  return attempts
    .filter((attempt) => !ownOnly || attempt.listing === listingId)
    .map(({ listing: id, ...attempt }) => ({ listing: called('lst-', id, listing), ...attempt }))
}

/** A listing or key that is gone from the tables keeps its id. */
function called(prefix: IdPrefix, id: string, names: ReadonlyMap<string, string>) {
  const shown = formatId(prefix, id)
  return { id: shown, name: names.get(id) ?? shown }
}

function tokensOf(row: LogRow): RequestShown['tokens'] {
  if (row.settledAt === null) return null
  const count = (text: string | null) => Number(text ?? 0)
  return tokensShown({
    uncachedInput: count(row.uncachedInput),
    cacheRead: count(row.cacheRead),
    cacheWrite: count(row.cacheWrite),
    audioInput: count(row.audioInput),
    output: count(row.output),
    audioOutput: count(row.audioOutput),
    reasoning: count(row.reasoning),
  })
}

interface TokenClasses {
  uncachedInput: number
  cacheRead: number
  cacheWrite: number
  audioInput: number
  output: number
  audioOutput: number
  reasoning: number
}

/** The classes with the two sums that people ask for; the output shown is all of it. */
export function tokensShown(classes: TokenClasses): NonNullable<RequestShown['tokens']> {
  const { uncachedInput, cacheRead, cacheWrite, audioInput, output, audioOutput } = classes
  return {
    ...classes,
    input: uncachedInput + cacheRead + cacheWrite + audioInput,
    output: output + audioOutput,
  }
}
