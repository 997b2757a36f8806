/** Payouts as `/api` shows them. Sellers see when, operators also who. */

import { formatId } from '../platform/ids.ts'
import { formatUsd } from '../platform/money.ts'
import { freeText, quoted } from '../users/statement-csv.ts'
import type { PayoutDetail, PayoutShown } from './api.ts'
import type { PayoutRow, Person } from './payout-store.ts'

export function showPayout(row: PayoutRow, { names }: { names: boolean }): PayoutShown {
  const person = (who: Person | null) =>
    names && who !== null ? { id: formatId('usr-', who.id), name: who.name } : null
  return {
    id: formatId('pay-', row.id),
    organisation: { id: formatId('org-', row.organisationId), name: row.organisationName },
    amountNanos: row.amountNanos.toString(),
    currency: 'USD',
    state: row.state,
    booked: row.unbooked === null,
    requestedAt: row.requestedAt.toISOString(),
    requestedBy: person(row.requestedBy),
    approvedAt: row.approvedAt?.toISOString() ?? null,
    approvedBy: person(row.approvedBy),
    concludedAt: row.concludedAt?.toISOString() ?? null,
    concludedBy: person(row.concludedBy),
    bankReference: row.bankReference,
    note: row.note,
  }
}

export function showPayoutDetail(
  row: PayoutRow,
  journals: readonly { journalId: string; code: string; createdAt: Date }[],
  options: { names: boolean },
): PayoutDetail {
  return {
    ...showPayout(row, options),
    fourEyes:
      row.state === 'paid' && row.approvedBy && row.concludedBy
        ? row.approvedBy.id !== row.concludedBy.id
        : null,
    journals: journals.map(({ journalId, code, createdAt }) => ({
      id: formatId('jrn-', journalId),
      code,
      createdAt: createdAt.toISOString(),
    })),
  }
}

const COLUMNS = [
  'payout',
  'state',
  'seller',
  'seller_name',
  'amount_usd',
  'requested_at',
  'requested_by',
  'approved_at',
  'approved_by',
  'concluded_at',
  'concluded_by',
  'bank_reference',
  'note',
]

/** RFC 4180, in pages: what people typed is shown by a spreadsheet and not run. */
export async function* payoutsCsv(
  pages: AsyncIterable<readonly PayoutRow[]>,
  options: { names: boolean },
): AsyncGenerator<string> {
  yield line(COLUMNS)
  for await (const page of pages) yield page.map((row) => line(cells(showPayout(row, options)))).join('')
}

function cells(payout: PayoutShown): string[] {
  return [
    payout.id,
    payout.state,
    payout.organisation.id,
    freeText(payout.organisation.name),
    formatUsd(BigInt(payout.amountNanos)),
    payout.requestedAt,
    freeText(payout.requestedBy?.name ?? ''),
    payout.approvedAt ?? '',
    freeText(payout.approvedBy?.name ?? ''),
    payout.concludedAt ?? '',
    freeText(payout.concludedBy?.name ?? ''),
    freeText(payout.bankReference ?? ''),
    freeText(payout.note ?? ''),
  ]
}

function line(row: readonly string[]): string {
  return `${row.map(quoted).join(',')}\r\n`
}
