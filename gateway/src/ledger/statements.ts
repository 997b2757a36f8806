/**
 * Statements of a buyer or a seller for any period: opening balance, what was booked in order of booking, closing
 * balance. A period ends in the past and is closed: nothing is booked into it later, so it reads the same for ever,
 * and the statements of adjoining periods add up.
 */
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { AccountCode } from './accounts.ts'
import { describeJournal, requestOf, showJournalId } from './describe-journal.ts'
import { cursorPosition, instantText, lineId, positionAt, START_OF_TIME } from './statement-position.ts'
import {
  type AccountBalances,
  countEntries,
  type EntryRow,
  type Position,
  readBalances,
  readEntriesAfter,
  readEntriesBefore,
  statementHorizon,
} from './statement-store.ts'
import type { LedgerPool } from './store.ts'

export type StatementSide = 'buyer' | 'seller'

/** What we owe an organisation on each side; what it owes us counts against it. */
const SIDES = {
  buyer: ['buyer_cash', 'buyer_promo', 'receivable_buyer'],
  seller: [
    'seller_pending',
    'seller_available',
    'seller_payout_inflight',
    'seller_reserve',
    'receivable_seller',
  ],
} as const satisfies Record<StatementSide, readonly AccountCode[]>

// A page of a file: about 300 KB, read in some 10 ms.
const FILE_PAGE = 1_000
// What a spreadsheet opens.
const FILE_LINES_MAX = 1_000_000

export interface StatementQuery {
  organisationId: string
  side: StatementSide
  /** Inclusive; without it, from the beginning. */
  from?: Date
  /** Exclusive; later than now means now. */
  to?: Date
}

export interface Balances {
  totalNanos: bigint
  accounts: Record<string, bigint>
}

export interface StatementHead {
  side: StatementSide
  from: Date | undefined
  /** Where the period ends in fact. */
  to: Date
  opening: Balances
  closing: Balances
}

/** One entry; the balances are those after it. */
export interface StatementEntry {
  /** Names the line, and goes on after it as a cursor. */
  id: string
  journalId: string
  createdAt: Date
  code: string
  description: string
  account: string
  amountNanos: bigint
  accountBalanceNanos: bigint
  balanceNanos: bigint
  requestId: string | undefined
  model: string | undefined
  listingId: string | undefined
  /** The buyer's key; sellers do not see it. */
  keyId: string | undefined
}

export interface Statements {
  /** The newest lines first; `before` is the id of the last line of the page before. */
  page(
    query: StatementQuery & { limit: number; before?: string },
  ): Promise<StatementHead & { lines: StatementEntry[]; hasMore: boolean }>
  /** The whole period, oldest first, in pages, at the pace of whoever reads. Throws `invalid_value` beyond a million lines. */
  file(query: StatementQuery): Promise<StatementHead & { pages: AsyncIterable<StatementEntry[]> }>
}

export interface StatementsDeps {
  /** Not the ledger's own connections: a long statement must not hold up a request. */
  pool: LedgerPool
  logger: Pick<Logger, 'error'>
  /** A million unless told. */
  fileLinesMax?: number
}

export function createStatements({
  pool,
  logger,
  fileLinesMax = FILE_LINES_MAX,
}: StatementsDeps): Statements {
  return {
    async page({ limit, before, ...query }) {
      const period = await closePeriod(pool, query)
      const cursor = before === undefined ? undefined : await cursorPosition(pool, before)
      const top = cursor && cursor.createdAt < period.to ? cursor : positionAt(period.to)
      const balances = await readBalances(pool, { ...period, top })
      const from = period.from ?? START_OF_TIME
      const rows = await readEntriesBefore(pool, { keys: period.keys, limit: limit + 1, from, top })
      const head = statementHead(query, period, balances)
      const running = runningBalances(balancesOf(query.side, balances, 'topNanos'))
      const lines = rows
        .slice(0, limit)
        .map((row) => statementEntry(row, query.side, running.before(row.account, row.changeNanos)))
      return { ...head, lines, hasMore: rows.length > limit }
    },
    async file(query) {
      const period = await closePeriod(pool, query)
      const start = positionAt(period.from ?? START_OF_TIME)
      await refuseTooLong(pool, { ...period, from: start.createdAt }, fileLinesMax)
      const head = statementHead(
        query,
        period,
        await readBalances(pool, { ...period, top: positionAt(period.to) }),
      )
      return { ...head, pages: filePages({ pool, logger, head, period, start }) }
    },
  }
}

interface Period {
  keys: string[]
  from: string | undefined
  to: string
}

/** The accounts of a side, by their keys in the ledger. */
export function statementKeys(side: StatementSide, organisationId: string): string[] {
  return SIDES[side].map((code) => `${code}:${organisationId}`)
}

/** The period with an end that has passed for all its accounts. */
async function closePeriod(
  pool: LedgerPool,
  { organisationId, side, from, to }: StatementQuery,
): Promise<Period> {
  const keys = statementKeys(side, organisationId)
  const horizon = await statementHorizon(pool, keys, to && instantText(to))
  if (from && from >= horizon) {
    throw new GatewayError('invalid_value', 'from: must lie before `to`, and in the past.', { param: 'from' })
  }
  return { keys, from: from && instantText(from), to: instantText(horizon) }
}

function statementHead(
  { side, from }: StatementQuery,
  { to }: Period,
  balances: readonly AccountBalances[],
): StatementHead {
  return {
    side,
    from,
    to: new Date(to),
    opening: balancesOf(side, balances, 'openingNanos'),
    closing: balancesOf(side, balances, 'closingNanos'),
  }
}

/** Every account of the side, those that were never opened at zero. */
function balancesOf(
  side: StatementSide,
  balances: readonly AccountBalances[],
  which: 'openingNanos' | 'topNanos' | 'closingNanos',
): Balances {
  const accounts: Record<string, bigint> = Object.fromEntries(SIDES[side].map((code) => [code, 0n]))
  let totalNanos = 0n
  for (const balance of balances) {
    accounts[balance.account] = balance[which]
    totalNanos += balance[which]
  }
  return { totalNanos, accounts }
}

/** Walks along the lines, in either direction. */
function runningBalances(start: Balances) {
  const accounts = { ...start.accounts }
  let totalNanos = start.totalNanos
  const show = (account: string) => ({ account: accounts[account] ?? 0n, total: totalNanos })
  const move = (account: string, changeNanos: bigint) => {
    accounts[account] = (accounts[account] ?? 0n) + changeNanos
    totalNanos += changeNanos
  }
  return {
    /** Over a line backwards: the balances after it. */
    before(account: string, changeNanos: bigint) {
      const after = show(account)
      move(account, -changeNanos)
      return after
    },
    /** Over a line forwards: the balances after it. */
    after(account: string, changeNanos: bigint) {
      move(account, changeNanos)
      return show(account)
    },
    total: () => totalNanos,
  }
}

function statementEntry(
  row: EntryRow,
  side: StatementSide,
  balance: { account: bigint; total: bigint },
): StatementEntry {
  const journalId = showJournalId(row)
  return {
    id: lineId(journalId, row.seq),
    journalId,
    createdAt: new Date(row.createdAt),
    code: row.code,
    description: describeJournal(row),
    account: row.account,
    amountNanos: row.changeNanos,
    accountBalanceNanos: balance.account,
    balanceNanos: balance.total,
    requestId: requestOf(row),
    model: row.model ?? undefined,
    listingId: row.listingId ?? undefined,
    keyId: side === 'buyer' ? (row.keyId ?? undefined) : undefined,
  }
}

async function refuseTooLong(
  pool: LedgerPool,
  period: Period & { from: string },
  linesMax: number,
): Promise<void> {
  const count = await countEntries(pool, { ...period, max: linesMax + 1 })
  if (count > linesMax) {
    throw new GatewayError(
      'invalid_value',
      `from: this period has more than ${linesMax} lines. Ask for shorter periods; they add up.`,
      { param: 'from' },
    )
  }
}

async function* filePages({
  pool,
  logger,
  head,
  period: { keys, to },
  start,
}: StatementsDeps & { head: StatementHead; period: Period; start: Position }): AsyncGenerator<
  StatementEntry[]
> {
  const running = runningBalances(head.opening)
  let after = start
  try {
    for (;;) {
      const rows = await readEntriesAfter(pool, { keys, limit: FILE_PAGE, after, to })
      if (rows.length > 0) {
        yield rows.map((row) => statementEntry(row, head.side, running.after(row.account, row.changeNanos)))
      }
      if (rows.length < FILE_PAGE) break
      after = rows.at(-1) as EntryRow
    }
    // The lines and the accounts' counters are two records of the same money.
    if (running.total() !== head.closing.totalNanos) {
      throw new Error(`a statement comes to ${running.total()}, its accounts to ${head.closing.totalNanos}`)
    }
  } catch (error) {
    logger.error({ err: error, account: keys[0] }, 'a statement was broken off')
    throw error
  }
}
