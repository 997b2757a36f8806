/** What was served and at which price: written beside the request's journal, in the same transaction. */

/** Tokens in disjoint classes; `reasoning` is part of `output`. */
export interface UsageCounts {
  uncachedInput: number
  cacheRead: number
  cacheWrite5m: number
  cacheWrite1h: number
  audioInput: number
  output: number
  audioOutput: number
  reasoning: number
}

export interface UsageRecord {
  organisationId: string
  keyId: string
  listingId: string
  sellerOrganisationId: string
  model: string
  provider: string
  usage: UsageCounts
  usageSource: 'reported' | 'counted' | 'clamped'
  /** The price that was frozen on the request, kept as JSON with integers as strings. */
  price: object
  stream: boolean
  finishReason: string
  startedAt: Date
  durationMs: number
  ttftMs: number
  /** `whole` unless said otherwise: see `ledger.usage_record`. */
  billed?: 'whole' | 'delivered' | 'nothing'
  /** What a receipt proves; absent where nothing was sent that could be proved. */
  proof?: UsageProof
}

/** Ties a request to a key and to bytes; the hashes are SHA-256 in hex. */
export interface UsageProof {
  keyFingerprint: string
  requestHash: string
  /** Of the body as it was handed to the client's connection, as far as it came. */
  responseHash: string
}

/** The records of a batch as `ledger.settle_batch` reads them. */
export function usageRecordsJson(records: readonly UsageRecord[]): string {
  return `[${records.map(recordJson).join()}]`
}

function recordJson(record: UsageRecord): string {
  return `${JSON.stringify(columns(record)).slice(0, -1)},"price":${priceJson(record.price)}}`
}

const priceTexts = new WeakMap<object, string>()

/** A price never changes once it is frozen, and the same few are billed all day. */
function priceJson(price: object): string {
  let text = priceTexts.get(price)
  if (text === undefined) {
    text = JSON.stringify(price, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
    priceTexts.set(price, text)
  }
  return text
}

function columns(record: UsageRecord) {
  const { usage } = record
  return {
    organisation: record.organisationId,
    key: record.keyId,
    listing: record.listingId,
    seller: record.sellerOrganisationId,
    model: record.model,
    provider: record.provider,
    input: usage.uncachedInput,
    cache_read: usage.cacheRead,
    write_5m: usage.cacheWrite5m,
    write_1h: usage.cacheWrite1h,
    audio_input: usage.audioInput,
    output: usage.output,
    audio_output: usage.audioOutput,
    reasoning: usage.reasoning,
    source: record.usageSource,
    stream: record.stream,
    finish: record.finishReason,
    started: record.startedAt.toISOString(),
    duration: record.durationMs,
    ttft: record.ttftMs,
    fingerprint: record.proof?.keyFingerprint,
    request_hash: record.proof?.requestHash,
    response_hash: record.proof?.responseHash,
    billed: record.billed,
  }
}
