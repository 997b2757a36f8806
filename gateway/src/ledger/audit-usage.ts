/** Usage records, journals and receipts: three tellings of the same requests, held against each other. */
import { verifySignature } from '../platform/signing.ts'
import { type Check, createFindings, type FindingList } from './audit-report.ts'
import { readServed, readStrayReceipts, type ServedRequest } from './audit-store.ts'
import type { SealClient } from './seal-store.ts'
import type { UsageFacts } from './usage-facts.ts'

/** How a receipt is made of what was booked. */
export interface ReceiptForm {
  /** Writes the text of a receipt; what it returns throws for what a receipt cannot say. */
  writer(issuer: { issuer: string; mode: 'play' | 'live' }): (facts: UsageFacts) => string
  signingInput(kid: string, payload: string): string
}

export interface UsageOptions {
  client: SealClient
  /** Absent where receipts are not kept yet. */
  receipts?: { form: ReceiptForm; keys: ReadonlyMap<string, string> }
  onProgress: (text: string) => void
}

export interface UsageChecks {
  checks: Check[]
  requests: number
  unsigned: number
  /** Booked before key, request and response were kept with it. */
  unhashed: number
}

const PAGE = 1000
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

export async function checkUsage({ client, receipts, onProgress }: UsageOptions): Promise<UsageChecks> {
  const booked = createFindings()
  const signed = createFindings()
  const counts = { requests: 0, unsigned: 0, unhashed: 0 }
  const writers = receipts && lastWriter(receipts.form)
  let after = FIRST_ID
  for (;;) {
    const page = await readServed(client, { after, limit: PAGE, receipts: receipts !== undefined })
    for (const served of page) {
      counts.requests += 1
      if (served.facts.request_hash === null || served.facts.key_fingerprint === null) counts.unhashed += 1
      if (served.receipt === null) counts.unsigned += 1
      else if (receipts && writers) checkReceipt(served, served.receipt, { ...receipts, writers }, signed)
      checkJournal(served, booked)
    }
    onProgress(`${counts.requests} usage records`)
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) break
    after = last.facts.id
  }
  if (receipts) {
    for (const id of await readStrayReceipts(client)) {
      signed.add({ table: 'ledger.receipt', id, detail: 'is for a request that was never booked' })
    }
  }
  const count = counts.requests - counts.unsigned
  return {
    ...counts,
    checks: [
      booked.check({
        id: 'usage.journals',
        title: 'usage records and journals agree',
        figures: `${counts.requests} requests`,
      }),
      signed.check({
        id: 'usage.receipts',
        title: 'receipts are signed and say what was booked',
        figures: receipts ? `${count} of ${counts.requests} requests have one` : 'there are none',
        unproved: receipts === undefined || (count === 0 && counts.requests > 0),
      }),
    ],
  }
}

type Writers = (issuer: string, mode: 'play' | 'live') => (facts: UsageFacts) => string

/** Makes a writer when the issuer changes; they do so once in years. */
function lastWriter(form: ReceiptForm): Writers {
  let last: { issuer: string; mode: string; write: (facts: UsageFacts) => string } | undefined
  return (issuer, mode) => {
    if (last?.issuer !== issuer || last.mode !== mode)
      last = { issuer, mode, write: form.writer({ issuer, mode }) }
    return last.write
  }
}

const PAYERS = new Set(['buyer_cash', 'buyer_promo', 'group_pool', 'receivable_buyer'])

/** What the buyer paid and owes, what the seller and the platform got: from the entries, against the record. */
function checkJournal(served: ServedRequest, findings: FindingList): void {
  const { facts, journal } = served
  const wrong = (column: string, detail: string) =>
    findings.add({ table: 'ledger.usage_record', id: facts.id, column, detail })
  if ((journal !== null) !== (facts.cost_nanos !== '0')) {
    wrong('cost_nanos', `says ${facts.cost_nanos}, and its journal is ${journal ? 'there' : 'not there'}`)
    return
  }
  if (journal && (journal.code !== 'request_settled' || journal.source !== 'request')) {
    findings.add({
      table: 'ledger.journal',
      id: facts.id,
      detail: `is a ${journal.code} of ${journal.source}`,
    })
  }
  const sum = (counts: (code: string) => boolean) =>
    served.legs.reduce(
      (total, { account, amount }) => (account && counts(account.code) ? total + BigInt(amount) : total),
      0n,
    )
  const amounts: [column: string, told: string, booked: bigint][] = [
    ['cost_nanos', facts.cost_nanos, sum((code) => PAYERS.has(code))],
    ['shortfall_nanos', served.shortfallNanos, sum((code) => code === 'receivable_buyer')],
    ['seller_nanos', served.sellerNanos, -sum((code) => code === 'seller_pending')],
    ['fee_nanos', served.feeNanos, -sum((code) => code === 'platform_fee')],
  ]
  for (const [column, told, booked] of amounts) {
    if (BigInt(told) !== booked) wrong(column, `says ${told}, its journal ${booked}`)
  }
  for (const { account } of served.legs) {
    if (account === null) continue
    const { key, code } = account
    const ownedBy = (owner: string) => key === `${code}:${owner}`
    if ((code === 'buyer_cash' || code === 'receivable_buyer') && !ownedBy(facts.organisation_id)) {
      wrong('organisation_id', `says ${facts.organisation_id}, and ${key} paid`)
    }
    if (code === 'seller_pending' && !ownedBy(served.seller)) {
      wrong('seller_organisation_id', `says ${served.seller}, and ${key} was paid`)
    }
  }
}

function checkReceipt(
  { facts }: ServedRequest,
  receipt: { kid: string; payload: string; signature: string },
  { form, keys, writers }: { form: ReceiptForm; keys: ReadonlyMap<string, string>; writers: Writers },
  findings: FindingList,
): void {
  const wrong = (table: string, column: string, detail: string) =>
    findings.add({ table: `ledger.${table}`, id: facts.id, column, detail })
  const expected = expectedPayload(facts, receipt.payload, writers)
  const x = keys.get(receipt.kid)
  if (x === undefined) {
    wrong('receipt', 'kid', `names the key ${receipt.kid}, which nobody knows`)
    return
  }
  const valid = verifySignature(
    { kty: 'OKP', crv: 'Ed25519', x },
    Buffer.from(form.signingInput(receipt.kid, receipt.payload)),
    Buffer.from(receipt.signature, 'hex'),
  )
  if (!valid) {
    const column = expected === receipt.payload ? 'signature' : 'payload'
    wrong('receipt', column, 'the signature is not that of its payload')
  } else if (expected !== receipt.payload) {
    // The receipt is as it was signed, so what was booked is not as it was.
    wrong('usage_record', differingFields(expected, receipt.payload), 'is not what its signed receipt says')
  }
}

/** The receipt as it would be made today, for the issuer that it names; undefined when it cannot be made. */
function expectedPayload(facts: UsageFacts, payload: string, writers: Writers): string | undefined {
  const { issuer, mode } = parsed(payload)
  try {
    return writers(String(issuer), mode === 'play' ? 'play' : 'live')(facts)
  } catch {
    return undefined
  }
}

/** What a receipt calls otherwise than the column. */
const COLUMNS: Record<string, string> = {
  amount_nanos: 'cost_nanos',
  booked_at: 'settled_at',
  organisation: 'organisation_id',
  listing: 'listing_id',
  request_sha256: 'request_hash',
  response_sha256: 'response_hash',
  price_version: 'price',
  journal_id: 'cost_nanos',
  request_id: 'id',
}

function differingFields(expected: string | undefined, told: string): string {
  if (expected === undefined) return 'price'
  const [ours, theirs] = [flat(parsed(expected)), flat(parsed(told))]
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter(
    (name) => JSON.stringify(ours[name]) !== JSON.stringify(theirs[name]),
  )
  return [...new Set(names.map((name) => COLUMNS[name] ?? name))].join(', ')
}

/** Token counts are columns of their own. */
function flat({ usage, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return { ...rest, ...(typeof usage === 'object' ? usage : {}) }
}

function parsed(payload: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
