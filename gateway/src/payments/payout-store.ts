/** Payouts, play top-ups and where a seller stands. Private to this folder. */
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { Standing } from './obstacles.ts'
import type { PayoutState, Unbooked } from './payout-states.ts'

export type Transaction = Prisma.TransactionClient

type Pool = Pick<Database['pool'], 'query'>

/** A payout with the names of those who had a part in it. */
export interface PayoutRow {
  id: string
  organisationId: string
  organisationName: string
  amountNanos: bigint
  state: PayoutState
  unbooked: Unbooked | null
  attempt: number
  requestedAt: Date
  requestedBy: Person
  approvedAt: Date | null
  approvedBy: Person | null
  concludedAt: Date | null
  concludedBy: Person | null
  bankReference: string | null
  note: string | null
}

export interface Person {
  id: string
  name: string
}

export function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return database.prisma.$transaction(work)
}

const SELECT_PAYOUT = `SELECT p.*, p."amountNanos"::text AS amount, o.name AS "organisationName",
    r.name AS "requestedByName", a.name AS "approvedByName", c.name AS "concludedByName"
  FROM payout p JOIN organisation o ON o.id = p."organisationId"
  LEFT JOIN "user" r ON r.id = p."requestedByUserId"
  LEFT JOIN "user" a ON a.id = p."approvedByUserId"
  LEFT JOIN "user" c ON c.id = p."concludedByUserId"`

interface JoinedRow {
  id: string
  organisationId: string
  organisationName: string
  amount: string
  state: PayoutState
  unbooked: Unbooked | null
  attempt: number
  requestedAt: Date
  requestedByUserId: string
  requestedByName: string | null
  approvedAt: Date | null
  approvedByUserId: string | null
  approvedByName: string | null
  concludedAt: Date | null
  concludedByUserId: string | null
  concludedByName: string | null
  bankReference: string | null
  note: string | null
}

function payoutRow(row: JoinedRow): PayoutRow {
  return {
    id: row.id,
    organisationId: row.organisationId,
    organisationName: row.organisationName,
    amountNanos: BigInt(row.amount),
    state: row.state,
    unbooked: row.unbooked,
    attempt: row.attempt,
    requestedAt: row.requestedAt,
    requestedBy: { id: row.requestedByUserId, name: row.requestedByName ?? '' },
    approvedAt: row.approvedAt,
    approvedBy: personOf(row.approvedByUserId, row.approvedByName),
    concludedAt: row.concludedAt,
    concludedBy: personOf(row.concludedByUserId, row.concludedByName),
    bankReference: row.bankReference,
    note: row.note,
  }
}

function personOf(id: string | null, name: string | null): Person | null {
  return id === null ? null : { id, name: name ?? '' }
}

export interface PayoutFilter {
  limit: number
  beforeId?: string
  organisationId?: string
  states?: readonly PayoutState[]
}

/** Newest first. */
export async function listPayouts(pool: Pool, filter: PayoutFilter): Promise<PayoutRow[]> {
  const { limit, beforeId, organisationId, states } = filter
  const values: unknown[] = [limit]
  const given = (condition: string, value: unknown) => {
    values.push(value)
    return condition.replace('?', `$${values.length}`)
  }
  const conditions = [
    ...(beforeId ? [given('p.id < ?::uuid', beforeId)] : []),
    ...(organisationId ? [given('p."organisationId" = ?::uuid', organisationId)] : []),
    ...(states ? [given('p.state = ANY (?::text[])', states)] : []),
  ]
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  const { rows } = await pool.query<JoinedRow>({
    text: `${SELECT_PAYOUT} ${where} ORDER BY p.id DESC LIMIT $1`,
    values,
  })
  return rows.map(payoutRow)
}

export async function findPayout(pool: Pool, id: string): Promise<PayoutRow | undefined> {
  const { rows } = await pool.query<JoinedRow>({ text: `${SELECT_PAYOUT} WHERE p.id = $1`, values: [id] })
  return rows[0] && payoutRow(rows[0])
}

/** Those whose state is not known to be booked, the oldest first. */
export async function unbookedPayouts(pool: Pool, limit: number): Promise<PayoutRow[]> {
  const { rows } = await pool.query<JoinedRow>({
    text: `${SELECT_PAYOUT} WHERE p.unbooked IS NOT NULL ORDER BY p.id LIMIT $1`,
    values: [limit],
  })
  return rows.map(payoutRow)
}

export interface NewPayout {
  id: string
  organisationId: string
  amountNanos: bigint
  requestedAt: Date
  requestedByUserId: string
}

/** False when the seller has one on its way. */
export async function insertPayout(transaction: Transaction, payout: NewPayout): Promise<boolean> {
  const { count } = await transaction.payout.createMany({
    data: [{ ...payout, state: 'requested', unbooked: 'set_aside' }],
    skipDuplicates: true,
  })
  return count === 1
}

/** What of a payout decides, locked until the transaction ends. */
export async function lockPayout(
  transaction: Transaction,
  id: string,
): Promise<
  | { organisationId: string; state: PayoutState; unbooked: Unbooked | null; bankReference: string | null }
  | undefined
> {
  await transaction.$executeRaw`SELECT 1 FROM payout WHERE id = ${id}::uuid FOR UPDATE`
  const row = await transaction.payout.findUnique({ where: { id } })
  return row
    ? {
        organisationId: row.organisationId,
        state: row.state as PayoutState,
        unbooked: row.unbooked as Unbooked | null,
        bankReference: row.bankReference,
      }
    : undefined
}

export interface PayoutChange {
  state: PayoutState
  unbooked?: Unbooked | null
  approvedAt?: Date
  approvedByUserId?: string
  concludedAt?: Date
  concludedByUserId?: string
  bankReference?: string
  note?: string
}

/** `reference_taken` when another payout has been paid by that bank reference. */
export async function updatePayout(
  transaction: Transaction,
  id: string,
  change: PayoutChange,
): Promise<'changed' | 'reference_taken'> {
  try {
    await transaction.payout.update({ where: { id }, data: change })
    return 'changed'
  } catch (error) {
    if ((error as { code?: unknown }).code === 'P2002') return 'reference_taken'
    throw error
  }
}

/** What was to be booked is booked; false when that was known, or the payout has moved on. */
export async function markBooked(pool: Pool, id: string, unbooked: Unbooked): Promise<boolean> {
  const { rowCount } = await pool.query({
    text: 'UPDATE payout SET unbooked = NULL WHERE id = $1 AND unbooked = $2',
    values: [id, unbooked],
  })
  return rowCount === 1
}

/** What a failed payout has set aside is to be given back, which is harmless when it was; false when it has not failed. */
export async function giveBackFailed(pool: Pool, id: string): Promise<boolean> {
  const { rowCount } = await pool.query({
    text: `UPDATE payout SET unbooked = 'give_back' WHERE id = $1 AND state = 'failed' AND unbooked IS NULL`,
    values: [id],
  })
  return rowCount === 1
}

/** The journals of a payout, the oldest first. */
export async function payoutJournals(
  pool: Pool,
  { id, attempt }: { id: string; attempt: number },
): Promise<{ journalId: string; code: string; createdAt: Date }[]> {
  const { rows } = await pool.query<{ journalId: string; code: string; createdAt: Date }>({
    text: `SELECT s.journal_id AS "journalId", s.code, j.created_at AS "createdAt"
      FROM ledger.journal_source s JOIN ledger.journal j ON j.id = s.journal_id
      WHERE s.source = 'payout' AND s.source_id = ANY ($1) ORDER BY j.created_at, j.id`,
    values: [Array.from({ length: attempt }, (_, index) => `${id}:${index + 1}`)],
  })
  return rows
}

/** Where a seller stands: balances, debt, and what holds a payout up. `undefined` when there is no such organisation. */
export async function readStanding(pool: Pool, organisationId: string): Promise<Standing | undefined> {
  const { rows } = await pool.query<StandingRow>({
    text: `SELECT o."closedAt" IS NOT NULL AS "isClosed", b.*,
        (SELECT coalesce(sum(p."amountNanos"), 0)::text FROM payout p
          WHERE p."organisationId" = o.id AND p.state = 'paid') AS paid,
        (SELECT p.id FROM payout p
          WHERE p."organisationId" = o.id AND p.state IN ('requested', 'approved')) AS "openPayout",
        (SELECT count(*)::integer FROM trust_case c
          WHERE c."organisationId" = o.id AND c.state IN ('open', 'disputed')) AS "openCases"
      FROM organisation o CROSS JOIN LATERAL (
        SELECT coalesce(sum(a.credits - a.debits) FILTER (WHERE a.code = 'seller_pending'), 0)::text AS pending,
          coalesce(sum(a.credits - a.debits) FILTER (WHERE a.code = 'seller_available'), 0)::text AS available,
          coalesce(sum(a.credits - a.debits) FILTER (WHERE a.code = 'seller_reserve'), 0)::text AS reserve,
          coalesce(sum(a.credits - a.debits) FILTER (WHERE a.code = 'seller_payout_inflight'), 0)::text AS "inFlight",
          coalesce(sum(a.debits - a.credits) FILTER (WHERE a.code = 'receivable_seller'), 0)::text AS owed
        FROM ledger.account a WHERE a.owner = o.id::text
      ) b
      WHERE o.id = $1`,
    values: [organisationId],
  })
  const [row] = rows
  return (
    row && {
      pendingNanos: BigInt(row.pending),
      availableNanos: BigInt(row.available),
      reserveNanos: BigInt(row.reserve),
      inFlightNanos: BigInt(row.inFlight),
      owedNanos: BigInt(row.owed),
      paidNanos: BigInt(row.paid),
      openPayoutId: row.openPayout === null ? undefined : formatId('pay-', row.openPayout),
      openCases: row.openCases,
      isClosed: row.isClosed,
    }
  )
}

interface StandingRow {
  isClosed: boolean
  pending: string
  available: string
  reserve: string
  inFlight: string
  owed: string
  paid: string
  openPayout: string | null
  openCases: number
}
