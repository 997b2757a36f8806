/** What listings are accused of: opened by the gateway with its evidence, disputed by sellers, resolved by operators. */
import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import { followCase } from './reserve-earnings.ts'
import {
  accusedListings,
  type CaseRow,
  countCases,
  findCase,
  insertCase,
  inTransaction,
  listCases,
  lockCase,
  unfinishedCases,
  updateCase,
} from './trust-store.ts'
import type { Verdict } from './verdict.ts'

type Person = Extract<Principal, { kind: 'user' }>

// Cases whose earnings are followed in one round.
const CASES_A_ROUND = 200

export interface CasesDeps {
  database: Database
  ledger: Pick<Ledger, 'post'>
  market: { pause(listingId: string, state: 'quarantined', reason: string): Promise<unknown> }
  audit: Pick<Audit, 'record'>
  clock: Clock
  logger: Logger
  /** The listing was found innocent: whatever was counted against it begins anew. */
  onCleared: (listingId: string) => void
}

export interface Accusation {
  listingId: string
  organisationId: string
  model: string
  verdict: Verdict
  /** JSON: what the verdict rests on. */
  evidence: object
}

export interface Cases {
  /** Opens a case once and lets its consequences follow; harmless when there is one. */
  open(accusation: Accusation): Promise<void>
  isAccused(listingId: string): boolean
  list(filter: CaseFilter, actor: Person): Promise<CaseRow[]>
  get(id: string, actor: Person): Promise<CaseRow>
  /** Throws `not_found`, `forbidden`, `conflict`. */
  dispute(id: string, reason: string, actor: Person): Promise<CaseRow>
  resolve(
    id: string,
    resolution: { outcome: 'cleared' | 'upheld'; note: string },
    actor: Person,
  ): Promise<CaseRow>
  /** Sets aside and gives back what cases call for; for a janitor. */
  followMoney(): Promise<void>
  /** Reads who is accused. */
  load(): Promise<void>
  counts(): Iterable<{ kind: string; state: string; count: number }>
}

export interface CaseFilter {
  limit: number
  beforeId?: string
  listingId?: string
  state?: string
}

export function createCases(deps: CasesDeps): Cases {
  const { database, market, audit, clock, logger } = deps
  let accused = new Set<string>()
  let turn: Promise<void> = Promise.resolve()
  let counted: { kind: string; state: string; count: number }[] = []

  async function load(): Promise<void> {
    accused = new Set(await accusedListings(database))
    counted = await countCases(database)
  }

  async function open({ listingId, organisationId, model, verdict, evidence }: Accusation): Promise<void> {
    const { kind, quarantine } = verdict
    accused.add(listingId)
    const id = uuidv7(clock.nowMs())
    try {
      const row = { id, listingId, organisationId, model, kind, evidence: { ...evidence, quarantine } }
      if (!(await write(row))) return
    } catch (error) {
      // The next answer raises the alarm again.
      accused.delete(listingId)
      throw error
    }
    logger.warn({ listingId, model, kind, quarantine, caseId: id }, 'a listing is accused')
    // What fails from here on is done by the janitor.
    await followOne(id)
    await load()
  }

  function write(row: Parameters<typeof insertCase>[1]): Promise<boolean> {
    const { id, listingId, model, kind } = row
    return inTransaction(database, async (transaction) => {
      const inserted = await insertCase(transaction, row)
      const detail = { listing: formatId('lst-', listingId), model, kind }
      const subject = formatId('cas-', id)
      if (inserted)
        await audit.record({ actor: 'system', action: 'case.opened', subject, detail }, transaction)
      return inserted
    })
  }

  /** One case at a time: two who plan the next part of the same would plan the same part. */
  function followOne(id: string): Promise<void> {
    const work = async () => {
      const row = await findCase(database.prisma, id)
      if (row) await follow(row)
    }
    const done = turn.then(work)
    turn = done.catch(() => undefined)
    return done
  }

  /** Brings about what a case calls for and has not had yet. */
  async function follow(row: CaseRow): Promise<void> {
    const isOpen = row.state === 'open' || row.state === 'disputed'
    if (isOpen && !row.quarantined && wantsQuarantine(row)) {
      await market.pause(row.listingId, 'quarantined', row.kind)
      await inTransaction(database, (transaction) => updateCase(transaction, row.id, { quarantined: true }))
    }
    await followCase(deps, row)
  }

  async function change(
    id: string,
    actor: Person,
    work: (before: CaseRow) => { data: Parameters<typeof updateCase>[2]; action: string; detail: object },
  ): Promise<CaseRow> {
    const row = await inTransaction(database, async (transaction) => {
      const before = reachable(await lockCase(transaction, id), actor)
      const { data, action, detail } = work(before)
      const after = await updateCase(transaction, id, data)
      await audit.record({ actor, action, subject: formatId('cas-', id), detail: { ...detail } }, transaction)
      return after
    })
    await load()
    return row
  }

  return {
    open,
    isAccused: (listingId) => accused.has(listingId),
    list: (filter, actor) =>
      listCases(database, isOperator(actor) ? filter : { ...filter, organisationId: actor.organisationId }),
    get: async (id, actor) => reachable(await findCase(database.prisma, id), actor),
    dispute: (id, reason, actor) =>
      change(id, actor, (before) => {
        if (before.organisationId !== actor.organisationId)
          throw new GatewayError('forbidden', 'Only the seller of the listing can dispute its case.')
        if (before.state !== 'open') throw conflict(before)
        const data = { state: 'disputed', dispute: reason, disputedAt: new Date(clock.nowMs()) }
        return { data, action: 'case.disputed', detail: { reason } }
      }),
    async resolve(id, { outcome, note }, actor) {
      if (!isOperator(actor)) throw new GatewayError('forbidden', 'Only an operator can resolve a case.')
      const row = await change(id, actor, (before) => {
        if (before.state !== 'open' && before.state !== 'disputed') throw conflict(before)
        const resolvedAt = new Date(clock.nowMs())
        const data = { state: outcome, note, resolvedAt, resolvedByUserId: actor.userId }
        return { data, action: `case.${outcome}`, detail: { note } }
      })
      if (outcome === 'cleared') deps.onCleared(row.listingId)
      // What cannot be booked now is booked by the janitor.
      await followOne(id).catch((error) =>
        logger.error({ err: error, caseId: id }, 'earnings stay set aside'),
      )
      return (await findCase(database.prisma, id)) ?? row
    },
    async followMoney() {
      for (const row of await unfinishedCases(database, CASES_A_ROUND)) {
        await followOne(row.id).catch((error) =>
          logger.error(
            { err: error, caseId: row.id },
            'the earnings of an accused listing were not set aside',
          ),
        )
      }
    },
    load,
    counts: () => counted,
  }
}

function wantsQuarantine({ evidence }: CaseRow): boolean {
  return (evidence as { quarantine?: unknown } | null)?.quarantine === true
}

function isOperator(actor: Person): boolean {
  return actor.roles.includes('operator')
}

/** A case of somebody else's is not there. */
function reachable(row: CaseRow | undefined, actor: Person): CaseRow {
  if (row && (isOperator(actor) || row.organisationId === actor.organisationId)) return row
  throw new GatewayError('not_found', 'There is no such case. GET /api/trust/cases lists yours.')
}

function conflict({ state }: CaseRow): GatewayError {
  return new GatewayError('conflict', `This case is ${state}; that cannot be changed.`)
}
