/** What a journal is called on a statement, and which request it is about. */
import { formatId, parseId } from '../platform/ids.ts'

interface Described {
  journalId: string
  code: string
  source: string
  sourceId: string | null
  memo: string | null
}

/** Words for whoever gets the statement: what was written on the journal, else what its code means. */
export function describeJournal({ memo, code }: Pick<Described, 'memo' | 'code'>): string {
  return memo ?? DESCRIPTIONS[code] ?? code.replaceAll('_', ' ')
}

/** `gen-…` for a request's journal, `jrn-…` for any other. */
export function showJournalId({ journalId, code }: Pick<Described, 'journalId' | 'code'>): string {
  return formatId(code === 'request_settled' ? 'gen-' : 'jrn-', journalId)
}

/** The UUID behind `gen-…` or `jrn-…`; `undefined` when it is neither. */
export function parseJournalId(id: string): string | undefined {
  return parseId('gen-', id) ?? parseId('jrn-', id)
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/

/** The request that was settled, refunded or written off, as `gen-…`. */
export function requestOf({ journalId, code, source, sourceId }: Described): string | undefined {
  if (code === 'request_settled') return formatId('gen-', journalId)
  if (source !== 'refund' && source !== 'unbilled') return undefined
  const requestId = UUID.exec(sourceId ?? '')?.[0]
  return requestId === undefined ? undefined : formatId('gen-', requestId)
}

const DESCRIPTIONS: Record<string, string> = {
  request_settled: 'Request',
  request_refunded: 'Refund of a request',
  goodwill_refunded: 'Refund of a request, on us',
  unbilled_usage: 'Request we broke, paid by us',
  play_credit: 'Play money',
  reversal: 'Reversal',
  topup_succeeded: 'Top-up',
  topup_attributed: 'Top-up',
  topup_refunded: 'Refund of a top-up',
  dispute_provisional: 'Set aside for a disputed payment',
  dispute_provisional_returned: 'Returned after a disputed payment',
  dispute_lost: 'Disputed payment, owed',
  earnings_clawed_back: 'Earnings from a disputed payment, taken back',
  debt_written_off: 'Debt written off',
  earning_matured: 'Earnings matured',
  reserve_released: 'Reserve released',
  earnings_reserved: 'Earnings held while a listing is examined',
  earnings_unreserved: 'Held earnings given back',
  seller_debt_recovered: 'Debt paid from earnings',
  payout_requested: 'Payout requested',
  payout_failed: 'Payout not made, money back',
  payout_transferred: 'Payout',
  payout_paid: 'Payout',
  payout_paid_manually: 'Payout',
  transfer_reversed: 'Payout reversed',
  admin_credited: 'Credit',
  admin_debited: 'Correction',
  promo_granted: 'Promotional credit',
  promo_expired: 'Promotional credit expired',
  group_contributed: 'Contribution to a group',
  group_refunded: 'Refund from a group',
  credit_expired: 'Credit expired',
  residue_rounded: 'Rounding',
}
