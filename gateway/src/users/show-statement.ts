import type { Balances, StatementEntry, StatementHead } from '../ledger/statements.ts'
import { formatId } from '../platform/ids.ts'

/** A page of a statement as `/api` shows it: amounts in nano-dollars, as strings. */
export function showStatement(
  organisationId: string,
  { lines, hasMore, ...head }: StatementHead & { lines: StatementEntry[]; hasMore: boolean },
) {
  return {
    organisation: formatId('org-', organisationId),
    account: head.side,
    currency: 'USD' as const,
    from: head.from?.toISOString() ?? null,
    to: head.to.toISOString(),
    opening: showBalances(head.opening),
    closing: showBalances(head.closing),
    data: lines.map(showLine),
    hasMore,
    nextCursor: hasMore ? (lines.at(-1)?.id ?? null) : null,
  }
}

function showBalances({ totalNanos, accounts }: Balances) {
  return {
    balanceNanos: totalNanos.toString(),
    accounts: Object.fromEntries(
      Object.entries(accounts).map(([account, nanos]) => [account, nanos.toString()]),
    ),
  }
}

function showLine(line: StatementEntry) {
  return {
    id: line.id,
    journalId: line.journalId,
    createdAt: line.createdAt.toISOString(),
    code: line.code,
    description: line.description,
    account: line.account,
    amountNanos: line.amountNanos.toString(),
    accountBalanceNanos: line.accountBalanceNanos.toString(),
    balanceNanos: line.balanceNanos.toString(),
    ...(line.requestId === undefined ? {} : { requestId: line.requestId }),
    ...(line.model === undefined ? {} : { model: line.model }),
    ...(line.listingId === undefined ? {} : { listingId: formatId('lst-', line.listingId) }),
    ...(line.keyId === undefined ? {} : { keyId: formatId('key-', line.keyId) }),
  }
}
