/** A statement as a file of comma-separated values (RFC 4180), in pages, so that a long one is never in memory whole. */
import type { Balances, StatementEntry, StatementHead } from '../ledger/statements.ts'
import { formatId } from '../platform/ids.ts'
import { formatUsd } from '../platform/money.ts'

const COLUMNS = [
  'time',
  'journal',
  'code',
  'description',
  'account',
  'amount_nanos',
  'amount_usd',
  'account_balance_usd',
  'balance_usd',
  'request',
  'model',
  'listing',
  'key',
] as const

type Row = Partial<Record<(typeof COLUMNS)[number], string>>

/** The header, the opening balance of each account, the lines, and the closing balances, by which a reader sees the end. */
export async function* statementCsv({
  pages,
  ...head
}: StatementHead & { pages: AsyncIterable<StatementEntry[]> }): AsyncGenerator<string> {
  yield csv([COLUMNS, ...balanceRows('opening_balance', head.opening, head.from).map(cells)])
  for await (const page of pages) yield csv(page.map((line) => cells(lineRow(line))))
  yield csv(balanceRows('closing_balance', head.closing, head.to).map(cells))
}

/** `statement-buyer-2026-11-01-to-2026-12-01.csv`: from when, and to when it says. */
export function statementFilename({ side, from, to }: StatementHead): string {
  const day = (instant: Date) => instant.toISOString().slice(0, 10)
  return `statement-${side}-${from ? `${day(from)}-` : ''}to-${day(to)}.csv`
}

function balanceRows(code: string, { totalNanos, accounts }: Balances, at: Date | undefined): Row[] {
  return Object.entries(accounts).map(([account, nanos]) => ({
    time: at?.toISOString() ?? '',
    code,
    account,
    account_balance_usd: formatUsd(nanos),
    balance_usd: formatUsd(totalNanos),
  }))
}

function lineRow(line: StatementEntry): Row {
  return {
    time: line.createdAt.toISOString(),
    journal: line.journalId,
    code: line.code,
    description: freeText(line.description),
    account: line.account,
    amount_nanos: line.amountNanos.toString(),
    amount_usd: formatUsd(line.amountNanos),
    account_balance_usd: formatUsd(line.accountBalanceNanos),
    balance_usd: formatUsd(line.balanceNanos),
    request: line.requestId ?? '',
    model: freeText(line.model ?? ''),
    listing: line.listingId === undefined ? '' : formatId('lst-', line.listingId),
    key: line.keyId === undefined ? '' : formatId('key-', line.keyId),
  }
}

const cells = (row: Row): string[] => COLUMNS.map((column) => row[column] ?? '')

// What a spreadsheet would run as a formula, also in the full-width forms that some take for the same.
const FORMULA = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/

/** Text that somebody typed, so that a spreadsheet shows it and does not run it. */
export function freeText(text: string): string {
  return FORMULA.test(text) ? `'${text}` : text
}

function csv(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(quoted).join(',')}\r\n`).join('')
}

/** In quotes where a comma, a quote or a line break asks for it. */
export function quoted(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
