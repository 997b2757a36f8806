/**
 * The bytes under a seal, format 1: every column of what was booked, in this order, as text that no session setting
 * changes. A field is its length in bytes, a colon, the bytes and a semicolon; null is `-;`. Nothing here may change:
 * another layout is another format.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** How a column becomes text: `plain` by its type's own spelling, which no setting changes. */
export type ColumnKind = 'plain' | 'instant' | 'double' | 'bytes'

/** What a seal covers, by table. An account is told with each of its entries, because its number says nothing. */
export const sealedColumns = {
  journal: {
    id: 'plain',
    code: 'plain',
    source: 'plain',
    source_id: 'plain',
    reverses_id: 'plain',
    memo: 'plain',
    created_at: 'instant',
    epoch: 'plain',
    xid: 'plain',
  },
  entry: { journal_id: 'plain', seq: 'plain', amount: 'plain', created_at: 'instant' },
  account: {
    key: 'plain',
    code: 'plain',
    class: 'plain',
    normal_side: 'plain',
    floored: 'plain',
    owner: 'plain',
    currency: 'plain',
    opened_at: 'instant',
  },
  usage_record: {
    id: 'plain',
    organisation_id: 'plain',
    key_id: 'plain',
    listing_id: 'plain',
    seller_organisation_id: 'plain',
    model: 'plain',
    provider: 'plain',
    uncached_input: 'plain',
    cache_read: 'plain',
    cache_write_5m: 'plain',
    cache_write_1h: 'plain',
    audio_input: 'plain',
    output: 'plain',
    audio_output: 'plain',
    reasoning: 'plain',
    usage_source: 'plain',
    price: 'plain',
    stream: 'plain',
    finish_reason: 'plain',
    started_at: 'instant',
    duration_ms: 'double',
    ttft_ms: 'double',
    held_nanos: 'plain',
    cost_nanos: 'plain',
    seller_nanos: 'plain',
    fee_nanos: 'plain',
    shortfall_nanos: 'plain',
    settled_at: 'instant',
    key_fingerprint: 'plain',
    request_hash: 'bytes',
    response_hash: 'bytes',
    billed: 'plain',
    epoch: 'plain',
    xid: 'plain',
  },
  journal_source: {
    source: 'plain',
    source_id: 'plain',
    code: 'plain',
    journal_id: 'plain',
    payload: 'plain',
  },
} as const satisfies Record<string, Record<string, ColumnKind>>

export type SealedTable = keyof typeof sealedColumns

/** The columns of one row as text, in the order of `sealedColumns`. */
export type Fields = readonly (string | null)[]

/** One journal with all that belongs to it, or a request that cost nothing and has no journal. */
export interface SealItem {
  id: string
  journal: Fields | null
  entries: readonly { accountId: string; entry: Fields; account: Fields | null }[]
  usageRecord: Fields | null
  sources: readonly Fields[]
}

/** Which block it is and what is in it; `sealedAt` in microseconds since 1970. */
export interface BlockRange {
  chain: string
  seq: string
  prevHash: Buffer
  epoch: number
  fromXid: string
  toXid: string
  sealedAt: string
}

export interface BlockDigest {
  hash: Buffer
  journals: number
  freeRequests: number
  sumDebits: bigint
  locators: Buffer
}

export const SEAL_FORMAT = 1

/** The parts of an item that a locator tells apart, in its order. */
export const locatorParts = ['journal', 'entry', 'account', 'usage_record', 'journal_source'] as const
export const LOCATOR_BYTES = 16 + 4 * locatorParts.length

const AMOUNT = Object.keys(sealedColumns.entry).indexOf('amount')
const CHUNK_LENGTH = 64 * 1024

/** Takes the items of a block in the order of their ids. `hash` = SHA-256(hash of the block before ‖ its bytes). */
export function createBlockDigest(block: BlockRange): { add(item: SealItem): void; end(): BlockDigest } {
  const hash = createHash('sha256').update(block.prevHash)
  const locators: Buffer[] = []
  const counts = { journals: 0, freeRequests: 0, sumDebits: 0n }
  let pending = record('B', [
    'bourse-seal',
    String(SEAL_FORMAT),
    block.chain,
    block.seq,
    String(block.epoch),
    block.fromXid,
    block.toXid,
    block.sealedAt,
  ])
  return {
    add(item) {
      const parts = itemParts(item)
      pending += parts.bytes
      locators.push(locatorOf(item.id, parts.located))
      if (item.journal) counts.journals += 1
      else counts.freeRequests += 1
      counts.sumDebits += debitsOf(item)
      if (pending.length < CHUNK_LENGTH) return
      hash.update(pending, 'utf8')
      pending = ''
    },
    end() {
      const { journals, freeRequests, sumDebits } = counts
      hash.update(pending, 'utf8')
      hash.update(record('T', [String(journals), String(freeRequests), String(sumDebits)]), 'utf8')
      return { ...counts, hash: hash.digest(), locators: Buffer.concat(locators) }
    },
  }
}

function itemParts({ journal, entries, usageRecord, sources }: SealItem) {
  const journalText = record('J', journal)
  const usageText = record('U', usageRecord)
  const sourceText = sources.map((fields) => record('S', fields)).join('')
  let bytes = journalText
  let entryText = ''
  let accountText = ''
  for (const { accountId, entry, account } of entries) {
    const [entryRecord, accountRecord] = [record('E', entry), record('A', account)]
    bytes += entryRecord + accountRecord
    entryText += entryRecord + accountId
    accountText += accountRecord
  }
  bytes += usageText + sourceText
  return { bytes, located: [journalText, entryText, accountText, usageText, sourceText] }
}

function record(tag: string, fields: Fields | null): string {
  if (fields === null) return `${tag}-\n`
  let text = `${tag}${fields.length}(`
  for (const field of fields) text += field === null ? '-;' : `${Buffer.byteLength(field)}:${field};`
  return `${text})\n`
}

function locatorOf(id: string, located: readonly string[]): Buffer {
  const locator = Buffer.allocUnsafe(LOCATOR_BYTES)
  locator.write(id.replaceAll('-', ''), 'hex')
  for (const [index, text] of located.entries()) locator.writeUInt32BE(crc32(text), 16 + 4 * index)
  return locator
}

function debitsOf({ entries }: SealItem): bigint {
  let sum = 0n
  for (const { entry } of entries) {
    const amount = BigInt(entry[AMOUNT] ?? '0')
    if (amount > 0n) sum += amount
  }
  return sum
}

/** `2026-11-22T10:00:00.123456Z` of microseconds since 1970. */
export function isoMicros(micros: string): string {
  const total = BigInt(micros)
  const rest = ((total % 1000n) + 1000n) % 1000n
  const milliseconds = new Date(Number((total - rest) / 1000n)).toISOString()
  return `${milliseconds.slice(0, -1)}${String(rest).padStart(3, '0')}Z`
}
