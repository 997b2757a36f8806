/** What happened on a buyer's or a seller's accounts, by kind: a statement without its balances. */
import { describeJournal, requestOf, showJournalId } from './describe-journal.ts'
import {
  cursorPosition,
  END_OF_TIME,
  instantText,
  lineId,
  positionAt,
  START_OF_TIME,
} from './statement-position.ts'
import { type StatementSide, statementKeys } from './statements.ts'
import type { LedgerPool } from './store.ts'
import { otherTransactions, requestTransactions, type TransactionRow } from './transactions-store.ts'

export type TransactionKind = 'requests' | 'topups' | 'refunds' | 'payouts' | 'earnings' | 'other'

/** The codes of each kind that is not requests. */
const CODES: Readonly<Record<Exclude<TransactionKind, 'requests'>, readonly string[]>> = {
  topups: ['play_credit', 'topup_succeeded', 'topup_attributed', 'promo_granted', 'admin_credited'],
  refunds: ['request_refunded', 'goodwill_refunded', 'topup_refunded', 'group_refunded'],
  payouts: [
    'payout_requested',
    'payout_failed',
    'payout_transferred',
    'payout_paid',
    'payout_paid_manually',
    'transfer_reversed',
  ],
  earnings: [
    'unbilled_usage',
    'earning_matured',
    'reserve_released',
    'earnings_reserved',
    'earnings_unreserved',
    'earnings_clawed_back',
  ],
  other: [
    'reversal',
    'dispute_provisional',
    'dispute_provisional_returned',
    'dispute_lost',
    'debt_written_off',
    'seller_debt_recovered',
    'admin_debited',
    'promo_expired',
    'group_contributed',
    'credit_expired',
    'residue_rounded',
  ],
}

export interface TransactionLine {
  /** Names the line, and goes on after it as a cursor. */
  id: string
  journalId: string
  createdAt: Date
  code: string
  description: string
  account: string
  amountNanos: bigint
  requestId: string | undefined
  model: string | undefined
}

/** The newest first. Throws `invalid_value` for a cursor that is no line. */
export async function readTransactions(
  pool: LedgerPool,
  {
    organisationId,
    side,
    kind,
    from,
    to,
    after,
    limit,
  }: {
    organisationId: string
    side: StatementSide
    kind: TransactionKind
    from: Date | undefined
    to: Date | undefined
    /** The id of the last line seen. */
    after: string | undefined
    limit: number
  },
): Promise<TransactionLine[]> {
  const end = to ? positionAt(instantText(to)) : END_OF_TIME
  const page = {
    keys: statementKeys(side, organisationId),
    from: from ? instantText(from) : START_OF_TIME,
    top: after === undefined ? end : await cursorPosition(pool, after),
    limit,
  }
  const rows =
    kind === 'requests'
      ? await requestTransactions(pool, page)
      : await otherTransactions(pool, { ...page, codes: CODES[kind] })
  return rows.map(transactionLine)
}

function transactionLine(row: TransactionRow): TransactionLine {
  const journalId = showJournalId(row)
  return {
    id: lineId(journalId, row.seq),
    journalId,
    createdAt: row.createdAt,
    code: row.code,
    description: describeJournal(row),
    account: row.account,
    amountNanos: row.changeNanos,
    requestId: requestOf(row),
    model: row.model ?? undefined,
  }
}
