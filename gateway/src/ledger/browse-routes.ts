/** The ledger browser: accounts, what was booked on them, journals, and whether the books are in order. */
import { Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import {
  getLedgerAccount,
  getLedgerJournal,
  getLedgerStatus,
  type LedgerAccount,
  type LedgerJournal,
  type LedgerLine,
  type LedgerStatus,
  listLedgerAccounts,
  listLedgerEntries,
} from './api.ts'
import { isAccountKey, OWNERS_MAX, originOf, readAccountSearch, showOwner } from './browse.ts'
import {
  type AccountRow,
  findAccount,
  findJournal,
  type JournalEntryRow,
  type JournalRow,
  journalEntries,
  lastSeal,
  listAccounts,
  ownersNamed,
  readChart,
} from './browse-store.ts'
import { describeJournal, parseJournalId, requestOf, showJournalId } from './describe-journal.ts'
import { failedChecks, type LedgerHealth, type LedgerHealthReader } from './health.ts'
import { cursorPosition, END_OF_TIME, lineId, START_OF_TIME } from './statement-position.ts'
import { type EntryRow, readEntriesBefore } from './statement-store.ts'
import type { LedgerPool } from './store.ts'

const CHECKS = ['sums_to_zero', 'held_is_open', 'letters_answered', 'holds_end', 'sealed'] as const

export function createBrowseRoutes({
  pool,
  health,
  door,
}: {
  /** Not the ledger's own connections: who looks must not hold up a request. */
  pool: LedgerPool
  health: LedgerHealthReader
  door: Door
}): Router {
  const router = Router()
  serveOperation(router, door, listLedgerAccounts, async ({ query: { limit, cursor, ...wish } }) => {
    if (cursor !== undefined && !isAccountKey(cursor)) throw strangeCursor()
    const search = await searchOf(pool, wish)
    const rows = await listAccounts(pool, { ...search, after: cursor, limit: limit + 1 })
    return pageOfLines(rows.map(showAccount), limit)
  })
  serveOperation(router, door, getLedgerAccount, async ({ params }) =>
    showAccount(await accountOf(pool, params)),
  )
  serveOperation(router, door, listLedgerEntries, async ({ params, query: { limit, cursor } }) => {
    const { key } = await accountOf(pool, params)
    const top = cursor === undefined ? END_OF_TIME : await cursorPosition(pool, cursor)
    const rows = await readEntriesBefore(pool, { keys: [key], limit: limit + 1, from: START_OF_TIME, top })
    return pageOfLines(rows.map(showLine), limit)
  })
  serveOperation(router, door, getLedgerJournal, async ({ params }) => {
    const id = parseJournalId(String(params.id))
    const journal = id === undefined ? undefined : await findJournal(pool, id)
    if (!journal) throw new GatewayError('not_found', 'There is no such journal in the ledger.')
    return showJournal(journal, await journalEntries(pool, journal.id))
  })
  serveOperation(router, door, getLedgerStatus, async () => showStatus(pool, await health.read()))
  return router
}

interface Wish {
  q?: string | undefined
  code?: string | undefined
  owner?: string | undefined
}

/** A kind and an owner narrow what the text asks for. */
async function searchOf(pool: LedgerPool, { q, code, owner }: Wish) {
  let codes = code === undefined ? undefined : [code]
  let owners = owner === undefined ? undefined : ownersAsked(owner)
  if (q !== undefined && q.trim() !== '') {
    const asked = readAccountSearch(q)
    if ('codes' in asked) codes = codes?.filter((each) => asked.codes.includes(each)) ?? [...asked.codes]
    if ('code' in asked) codes = [asked.code]
    if ('owner' in asked) owners = [asked.owner]
    if ('ownersNamed' in asked) owners = await ownersNamed(pool, asked.ownersNamed, OWNERS_MAX)
  }
  return { codes, owners }
}

function ownersAsked(owner: string): string[] {
  const asked = readAccountSearch(owner)
  return ['owner' in asked ? asked.owner : owner]
}

async function accountOf(pool: LedgerPool, { id: key = '' }: Record<string, string>): Promise<AccountRow> {
  const account = isAccountKey(key) ? await findAccount(pool, key) : undefined
  if (account) return account
  throw new GatewayError('not_found', 'There is no such account. GET /api/ledger/accounts lists them.')
}

function strangeCursor(): GatewayError {
  return new GatewayError('invalid_value', 'cursor: use the nextCursor of the page before.', {
    param: 'cursor',
  })
}

function pageOfLines<Item extends { id: string }>(items: Item[], limit: number) {
  const data = items.slice(0, limit)
  const hasMore = items.length > limit
  return { data, hasMore, nextCursor: hasMore ? (data.at(-1)?.id ?? null) : null }
}

function showAccount(row: AccountRow): LedgerAccount {
  const { debits, credits } = row
  return {
    id: row.key,
    code: row.code,
    number: row.number,
    class: row.class as LedgerAccount['class'],
    normalSide: row.normalSide,
    floored: row.floored,
    owner: showOwner(row),
    debitsNanos: debits.toString(),
    creditsNanos: credits.toString(),
    balanceNanos: (row.normalSide === 'debit' ? debits - credits : credits - debits).toString(),
    heldNanos: row.held.toString(),
    openedAt: row.openedAt.toISOString(),
  }
}

function showLine(row: EntryRow): LedgerLine {
  const journalId = showJournalId(row)
  return {
    id: lineId(journalId, row.seq),
    journalId,
    code: row.code,
    description: describeJournal(row),
    requestId: requestOf(row) ?? null,
    model: row.model,
    amountNanos: (-row.changeNanos).toString(),
    createdAt: new Date(row.createdAt).toISOString(),
  }
}

function showJournal(row: JournalRow, entries: readonly JournalEntryRow[]): LedgerJournal {
  const { id, code, source, sourceId, memo, reversesId, reversedById } = row
  return {
    id: showJournalId({ journalId: id, code }),
    code,
    description: describeJournal(row),
    source,
    sourceId,
    origin: originOf(row),
    memo,
    createdAt: row.createdAt.toISOString(),
    sealed: row.sealed === true,
    reverses: reversesId === null ? null : formatId('jrn-', reversesId),
    reversedBy: reversedById === null ? null : formatId('jrn-', reversedById),
    entries: entries.map((entry) => ({
      seq: entry.seq,
      account: entry.key,
      code: entry.code,
      owner: showOwner(entry),
      amountNanos: entry.amount.toString(),
    })),
  }
}

async function showStatus(pool: LedgerPool, health: LedgerHealth): Promise<LedgerStatus> {
  const [seal, chart] = await Promise.all([lastSeal(pool), readChart(pool)])
  const failed = new Set<string>(failedChecks(health))
  return {
    checkedAt: new Date(health.checkedAtMs).toISOString(),
    checks: CHECKS.map((id) => ({ id, ok: !failed.has(id) })),
    unsealedSeconds: health.unsealedSeconds,
    deadLetters: health.deadLetters,
    overdueHolds: health.overdueHolds,
    seal: seal
      ? { seq: seal.seq, sealedAt: seal.sealedAt.toISOString(), journals: seal.journals, hash: seal.hash }
      : null,
    chart: chart.map(({ balance, held, ...row }) => ({
      ...row,
      class: row.class as LedgerAccount['class'],
      balanceNanos: balance.toString(),
      heldNanos: held.toString(),
    })),
  }
}
