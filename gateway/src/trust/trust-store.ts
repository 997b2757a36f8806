/** Cases, what was set aside for them, and what is remembered of offers. Private to this folder. */
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../platform/database.ts'
import type { Record } from './reputation.ts'
import type { OfferName } from './reputations.ts'

export type Transaction = Prisma.TransactionClient

export type CaseRow = Prisma.TrustCaseGetPayload<{ include: { reserves: true } }>

// As far back as earnings may wait before they mature.
const EARNINGS_MS = 30 * 86_400_000

export function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return database.prisma.$transaction(work)
}

export interface NewCase {
  id: string
  listingId: string
  organisationId: string
  model: string
  kind: string
  evidence: Prisma.InputJsonValue
}

/** False when the listing is accused of the same already. */
export async function insertCase(transaction: Transaction, row: NewCase): Promise<boolean> {
  const { count } = await transaction.trustCase.createMany({
    data: [{ ...row, state: 'open', quarantined: false }],
    skipDuplicates: true,
  })
  return count === 1
}

const withReserves = { reserves: { orderBy: { part: 'asc' } } } as const

export async function findCase(
  client: Pick<Transaction, 'trustCase'>,
  id: string,
): Promise<CaseRow | undefined> {
  return (await client.trustCase.findUnique({ where: { id }, include: withReserves })) ?? undefined
}

/** The case, locked until the transaction ends. */
export async function lockCase(transaction: Transaction, id: string): Promise<CaseRow | undefined> {
  await transaction.$executeRaw`SELECT 1 FROM trust_case WHERE id = ${id}::uuid FOR UPDATE`
  return findCase(transaction, id)
}

export function updateCase(
  transaction: Transaction,
  id: string,
  data: Prisma.TrustCaseUpdateInput,
): Promise<CaseRow> {
  return transaction.trustCase.update({ where: { id }, data, include: withReserves })
}

/** Newest first. */
export function listCases(
  database: Database,
  filter: { limit: number; beforeId?: string; organisationId?: string; listingId?: string; state?: string },
): Promise<CaseRow[]> {
  const { limit, beforeId, ...where } = filter
  return database.prisma.trustCase.findMany({
    where: { ...where, ...(beforeId ? { id: { lt: beforeId } } : {}) },
    orderBy: { id: 'desc' },
    take: limit,
    include: withReserves,
  })
}

/** Those that are open, and those that were resolved and still have something to be booked. */
export function unfinishedCases(database: Database, limit: number): Promise<CaseRow[]> {
  return database.prisma.trustCase.findMany({
    where: {
      OR: [
        { state: { in: ['open', 'disputed'] } },
        { state: 'cleared', reserves: { some: { state: { not: 'released' } } } },
      ],
    },
    orderBy: { id: 'asc' },
    take: limit,
    include: withReserves,
  })
}

export async function countCases(
  database: Database,
): Promise<{ kind: string; state: string; count: number }[]> {
  const groups = await database.prisma.trustCase.groupBy({ by: ['kind', 'state'], _count: { _all: true } })
  return groups.map(({ kind, state, _count }) => ({ kind, state, count: _count._all }))
}

export async function accusedListings(database: Database): Promise<string[]> {
  const rows = await database.prisma.trustCase.findMany({
    where: { state: { in: ['open', 'disputed', 'upheld'] } },
    select: { listingId: true },
    distinct: ['listingId'],
  })
  return rows.map(({ listingId }) => listingId)
}

/** Writes down what is to be booked next for a case. */
export async function planReserve(
  database: Database,
  reserve: { caseId: string; part: number; amountNanos: bigint },
): Promise<void> {
  await database.prisma.trustReserve.create({ data: { ...reserve, state: 'planned' } })
}

export async function markReserve(
  database: Database,
  { caseId, part }: { caseId: string; part: number },
  state: 'held' | 'released',
): Promise<void> {
  await database.prisma.trustReserve.update({ where: { caseId_part: { caseId, part } }, data: { state } })
}

/** What was planned and refused for certain. */
export async function dropReserve(
  database: Database,
  { caseId, part }: { caseId: string; part: number },
): Promise<void> {
  await database.prisma.trustReserve.delete({ where: { caseId_part: { caseId, part } } })
}

/** What a listing earned from 30 days before `sinceMs` on, and what of all its seller's earnings is still pending. */
export async function earningsOf(
  database: Database,
  { listingId, organisationId, since }: { listingId: string; organisationId: string; since: Date },
): Promise<{ earnedNanos: bigint; pendingNanos: bigint }> {
  const { rows } = await database.pool.query<{ earned: string; pending: string }>({
    name: 'trust_earnings',
    text: `
      SELECT (SELECT coalesce(sum(u.seller_nanos), 0)
                FROM ledger.usage_record u
               WHERE u.seller_organisation_id = $2 AND u.listing_id = $1
                 AND u.id >= $3)::text AS earned,
             (SELECT coalesce(sum(a.credits - a.debits), 0)
                FROM ledger.account a WHERE a.key = 'seller_pending:' || $2::text)::text AS pending`,
    values: [listingId, organisationId, idFloor(since.getTime() - EARNINGS_MS)],
  })
  const [row] = rows
  return { earnedNanos: BigInt(row?.earned ?? 0), pendingNanos: BigInt(row?.pending ?? 0) }
}

/** Below every request's id from then on: they begin with their time. */
function idFloor(atMs: number): string {
  const hex = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

export interface RecordRow {
  listingId: string
  model: string
  nth: number
  record: unknown
}

/** Writes the records over those there are, in one statement. */
export async function saveRecords(
  database: Database,
  rows: readonly RecordRow[],
  nowMs: number,
): Promise<void> {
  await database.pool.query({
    name: 'trust_save_records',
    text: `
      INSERT INTO trust_record ("listingId", model, nth, record, "updatedAt")
      SELECT r."listingId", r.model, r.nth, r.record, $2
        FROM jsonb_to_recordset($1::jsonb) AS r ("listingId" uuid, model text, nth integer, record jsonb)
      ON CONFLICT ("listingId", model) DO UPDATE
        SET nth = EXCLUDED.nth, record = EXCLUDED.record, "updatedAt" = EXCLUDED."updatedAt"`,
    values: [JSON.stringify(rows), new Date(nowMs)],
  })
}

/** The latest written `limit`, oldest first. */
export async function loadRecords(
  database: Database,
  limit: number,
): Promise<(RecordRow & { organisationId: string })[]> {
  const { rows } = await database.pool.query<RecordRow & { organisationId: string }>({
    name: 'trust_load_records',
    text: `
      SELECT r."listingId", l."organisationId", r.model, r.nth, r.record
        FROM trust_record r JOIN listing l ON l.id = r."listingId"
       ORDER BY r."updatedAt" DESC LIMIT $1`,
    values: [limit],
  })
  return rows.reverse()
}

export async function saveReputations(
  database: Database,
  kept: readonly { offer: OfferName; record: Record }[],
): Promise<void> {
  const rows = kept.map(({ offer, record }) => ({
    ...offer,
    successes: record.successes,
    failures: record.failures,
    completed: record.completed,
    ttftMs: record.ttftMs.at(-1) ?? null,
    tokensPerS: record.tokensPerS.at(-1) ?? null,
    since: new Date(record.sinceMs),
    updatedAt: new Date(record.updatedMs),
  }))
  await database.pool.query({
    name: 'trust_save_reputations',
    text: `
      INSERT INTO reputation ("listingId", model, successes, failures, completed, "ttftMs", "tokensPerS", since, "updatedAt")
      SELECT r."listingId", r.model, r.successes, r.failures, r.completed, r."ttftMs", r."tokensPerS", r.since, r."updatedAt"
        FROM jsonb_to_recordset($1::jsonb) AS r ("listingId" uuid, model text, successes double precision,
             failures double precision, completed integer, "ttftMs" double precision, "tokensPerS" double precision,
             since timestamptz, "updatedAt" timestamptz)
      ON CONFLICT ("listingId", model) DO UPDATE
        SET successes = EXCLUDED.successes, failures = EXCLUDED.failures, completed = EXCLUDED.completed,
            "ttftMs" = EXCLUDED."ttftMs", "tokensPerS" = EXCLUDED."tokensPerS", since = EXCLUDED.since,
            "updatedAt" = EXCLUDED."updatedAt"`,
    values: [JSON.stringify(rows)],
  })
}

/** The latest written `limit`, oldest first. */
export async function loadReputations(
  database: Database,
  limit: number,
): Promise<{ offer: OfferName; record: Record }[]> {
  const rows = await database.prisma.reputation.findMany({ orderBy: { updatedAt: 'desc' }, take: limit })
  return rows.reverse().map(({ listingId, model, ttftMs, tokensPerS, since, updatedAt, ...sums }) => ({
    offer: { listingId, model },
    record: {
      ...sums,
      ttftMs: ttftMs === null ? [] : [ttftMs],
      tokensPerS: tokensPerS === null ? [] : [tokensPerS],
      sinceMs: since.getTime(),
      updatedMs: updatedAt.getTime(),
    },
  }))
}
