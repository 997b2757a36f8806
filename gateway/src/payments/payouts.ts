/**
 * Payouts: a seller asks, an operator approves and books what the bank has paid, or gives the money back. The row says
 * first what is to be booked, the ledger books it once by the payout's id and attempt, and then the row forgets it; what
 * a crash leaves between is finished by whoever comes next. A transfer at a payment provider joins as another way from
 * `approved` to `paid`.
 */
import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import {
  type PayoutAttempt,
  payoutFailed,
  payoutPaidManually,
  payoutRequested,
} from '../ledger/payout-postings.ts'
import type { Journal } from '../ledger/postings.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import { formatUsd } from '../platform/money.ts'
import type { Maturing } from './mature-earnings.ts'
import { type Obstacle, objectionsOf, obstaclesOf, payableNanos, type Standing } from './obstacles.ts'
import { afterAct, type PayoutAct, whyNot } from './payout-states.ts'
import {
  findPayout,
  giveBackFailed,
  insertPayout,
  inTransaction,
  listPayouts,
  lockPayout,
  markBooked,
  type PayoutChange,
  type PayoutFilter,
  type PayoutRow,
  payoutJournals,
  readStanding,
  type Transaction,
  unbookedPayouts,
  updatePayout,
} from './payout-store.ts'

type Person = Extract<Principal, { kind: 'user' }>

const FINISHED_A_ROUND = 100
const CENT = 10_000_000n

export interface PayoutsDeps {
  database: Database
  ledger: Pick<Ledger, 'post'>
  maturing: Pick<Maturing, 'of'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  logger: Pick<Logger, 'error'>
  minNanos: bigint
}

export interface Payouts {
  /** Sets money aside for a payout: what is named, or all whole cents. Throws `conflict` with the first obstacle. */
  request(wish: { amountNanos?: bigint }, actor: Person): Promise<PayoutRow>
  /** One's own; anyone's for operators. Throws `not_found`. */
  get(id: string, actor: Person): Promise<PayoutRow>
  list(filter: PayoutFilter): Promise<PayoutRow[]>
  journals(payout: PayoutRow): Promise<{ journalId: string; code: string; createdAt: Date }[]>
  /** Throws `not_found`, or `conflict` when the payout is past it. */
  cancel(id: string, actor: Person): Promise<PayoutRow>
  approve(id: string, actor: Person): Promise<PayoutRow>
  refuse(id: string, note: string, actor: Person): Promise<PayoutRow>
  fail(id: string, note: string, actor: Person): Promise<PayoutRow>
  /** Paid by hand. The same reference for the same payout is a repetition; for another one it throws `conflict`. */
  book(id: string, paid: { bankReference: string; note?: string }, actor: Person): Promise<PayoutRow>
  /** Where a seller stands and what is in his way. Throws `not_found`. */
  standing(organisationId: string): Promise<Standing & { obstacles: Obstacle[]; payable: bigint }>
  /** What a crash left unbooked; for a timer. */
  finish(): Promise<void>
}

export function createPayouts(deps: PayoutsDeps): Payouts {
  const { database, ledger, maturing, audit, clock, logger, minNanos } = deps
  const { pool } = database
  const now = () => new Date(clock.nowMs())

  async function standing(organisationId: string) {
    const found = await readStanding(pool, organisationId)
    if (!found) throw new GatewayError('not_found', 'There is no such organisation.')
    return { ...found, obstacles: obstaclesOf(found, minNanos), payable: payableNanos(found) }
  }

  /** Books what the row calls for; harmless when it is booked. */
  async function settle(payout: PayoutRow): Promise<void> {
    const { unbooked } = payout
    if (unbooked === null) return
    try {
      await ledger.post(journalOf(payout, unbooked))
    } catch (error) {
      if (unbooked !== 'set_aside' || !(error instanceof GatewayError && error.code === 'conflict'))
        throw error
      await withdraw(payout)
      throw new GatewayError('conflict', 'Less is available by now. Look again, and ask for what there is.', {
        cause: error,
      })
    }
    if (await markBooked(pool, payout.id, unbooked)) return
    // Somebody else has booked it too, or found too little a moment before and given up.
    if (unbooked === 'set_aside' && (await giveBackFailed(pool, payout.id)))
      await settle(await read(payout.id))
  }

  /** It was asked for and never set aside, because the balance had shrunk meanwhile. */
  function withdraw({ id }: PayoutRow): Promise<void> {
    const note = 'Nothing was set aside: less was available by then.'
    return inTransaction(database, async (transaction) => {
      const locked = await lockPayout(transaction, id)
      if (locked?.unbooked !== 'set_aside') return
      await updatePayout(transaction, id, { state: 'failed', unbooked: null, concludedAt: now(), note })
      await record(transaction, { actor: 'system', action: 'payout.failed', id, detail: { note } })
    })
  }

  function record(
    transaction: Transaction,
    { actor, action, id, detail }: { actor: Person | 'system'; action: string; id: string; detail: object },
  ): Promise<void> {
    return audit.record({ actor, action, subject: formatId('pay-', id), detail: { ...detail } }, transaction)
  }

  async function read(id: string): Promise<PayoutRow> {
    const row = await findPayout(pool, id)
    if (!row) throw noSuchPayout()
    return row
  }

  /** Moves a payout on, with its audit event, and books what that calls for. */
  async function change(
    id: string,
    act: PayoutAct,
    {
      actor,
      fields,
      detail,
    }: { actor: Person; fields: Omit<PayoutChange, 'state' | 'unbooked'>; detail: object },
  ): Promise<PayoutRow> {
    await settle(reachable(await findPayout(pool, id), actor))
    await inTransaction(database, async (transaction) => {
      const before = reachable(await lockPayout(transaction, id), actor)
      if (act === 'book' && before.state === 'paid' && before.bankReference === fields.bankReference) return
      const after = afterAct(before.state, act)
      if (!after) throw new GatewayError('conflict', whyNot(before.state, act))
      if (act === 'cancel' && before.organisationId !== actor.organisationId)
        throw new GatewayError('forbidden', 'Only its seller cancels a payout. Refuse it instead.')
      if ((await updatePayout(transaction, id, { ...after, ...fields })) === 'reference_taken') {
        throw new GatewayError(
          'conflict',
          'Another payout was booked with this bank reference. One transfer pays one payout; check the reference.',
          { param: 'bankReference' },
        )
      }
      await record(transaction, { actor, action: `payout.${after.state}`, id, detail })
    })
    await settle(await read(id))
    return read(id)
  }

  const concluded = (actor: Person) => ({ concludedAt: now(), concludedByUserId: actor.userId })

  return {
    standing,
    list: (filter) => listPayouts(pool, filter),
    get: async (id, actor) => reachable(await findPayout(pool, id), actor),
    journals: (payout) => payoutJournals(pool, payout),
    async request({ amountNanos }, actor) {
      const { organisationId, userId } = actor
      await maturing.of(organisationId)
      const { obstacles, payable } = await standing(organisationId)
      if (obstacles[0]) throw new GatewayError('conflict', obstacles[0].text)
      const asked = amountNanos ?? payable
      requirePayable(asked, { payable, minNanos })
      const id = uuidv7(clock.nowMs())
      await inTransaction(database, async (transaction) => {
        const row = { id, organisationId, amountNanos: asked, requestedAt: now(), requestedByUserId: userId }
        if (!(await insertPayout(transaction, row)))
          throw new GatewayError('conflict', 'A payout of yours is on its way already.')
        const detail = { amountNanos: asked, usd: formatUsd(asked) }
        await record(transaction, { actor, action: 'payout.requested', id, detail })
      })
      await settle(await read(id))
      return read(id)
    },
    cancel: (id, actor) => change(id, 'cancel', { actor, fields: concluded(actor), detail: {} }),
    async approve(id, actor) {
      const { organisationId } = await read(id)
      const [objection] = objectionsOf(await standing(organisationId))
      if (objection)
        throw new GatewayError('conflict', `Not payable now. The seller sees: “${objection.text}”`)
      const fields = { approvedAt: now(), approvedByUserId: actor.userId }
      return change(id, 'approve', { actor, fields, detail: {} })
    },
    refuse: (id, note, actor) =>
      change(id, 'refuse', { actor, fields: { ...concluded(actor), note }, detail: { note } }),
    fail: (id, note, actor) =>
      change(id, 'fail', { actor, fields: { ...concluded(actor), note }, detail: { note } }),
    book: (id, { bankReference, note }, actor) =>
      change(id, 'book', {
        actor,
        fields: { ...concluded(actor), bankReference, ...(note === undefined ? {} : { note }) },
        detail: { bankReference, ...(note === undefined ? {} : { note }) },
      }),
    async finish() {
      for (const payout of await unbookedPayouts(pool, FINISHED_A_ROUND)) {
        await settle(payout).catch((error) =>
          logger.error({ err: error, payoutId: payout.id }, 'a payout is not booked yet'),
        )
      }
    },
  }
}

function journalOf(payout: PayoutRow, unbooked: NonNullable<PayoutRow['unbooked']>): Journal {
  const attempt: PayoutAttempt = {
    payoutId: payout.id,
    attempt: payout.attempt,
    organisationId: payout.organisationId,
    payoutNanos: payout.amountNanos,
  }
  switch (unbooked) {
    case 'set_aside':
      return payoutRequested(attempt)
    case 'give_back':
      return payoutFailed(attempt)
    case 'pay':
      return payoutPaidManually({ ...attempt, bankReference: payout.bankReference ?? '' })
  }
}

function requirePayable(asked: bigint, { payable, minNanos }: { payable: bigint; minNanos: bigint }): void {
  const refuse = (text: string) => {
    throw new GatewayError('invalid_value', `amountNanos: ${text}`, { param: 'amountNanos' })
  }
  if (asked % CENT !== 0n) refuse('must be whole cents, that is a multiple of 10000000.')
  if (asked < minNanos) refuse(`must be at least ${minNanos} ($${formatUsd(minNanos)}).`)
  if (asked > payable)
    refuse(`must be at most ${payable} ($${formatUsd(payable)}), which is what is available.`)
}

/** A payout of somebody else's is not there. */
function reachable<Row extends { organisationId: string }>(row: Row | undefined, actor: Person): Row {
  if (row && (actor.roles.includes('operator') || row.organisationId === actor.organisationId)) return row
  throw noSuchPayout()
}

export function noSuchPayout(): GatewayError {
  return new GatewayError('not_found', 'There is no such payout. GET /api/payouts lists yours.')
}
