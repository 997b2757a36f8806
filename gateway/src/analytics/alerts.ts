/**
 * Tells a person by mail when so much is spent, or so little left: once in each day, week or month, or each time that the
 * balance falls below. Looked at after something of the organisation was counted, in one transaction with the mail.
 */
import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Mail } from '../mail/mail.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId, uuidv7 } from '../platform/ids.ts'
import { alertMail } from './alert-mail.ts'
import { type Period, windowStart } from './alert-window.ts'
import {
  type AlertRow,
  deleteAlertRow,
  findAddress,
  findAlertRow,
  findKeyName,
  insertAlert,
  inTransaction,
  listAlertRows,
  spentSince,
  type Transaction,
  takeDue,
  updateAlert,
} from './alerts-store.ts'
import type { SpendingAlertShown } from './api.ts'

const MAX_PER_ORGANISATION = 20
const CHECKED_AT_ONCE = 100

export type Person = Extract<Principal, { kind: 'user' }>

export type NewAlert =
  | { kind: 'spend'; period: Period; amountNanos: bigint; key?: string | undefined }
  | { kind: 'balance'; amountNanos: bigint }

export interface Alerts {
  list(person: Person): Promise<SpendingAlertShown[]>
  create(person: Person, alert: NewAlert): Promise<SpendingAlertShown>
  change(
    person: Person,
    id: string,
    changes: { amountNanos?: bigint | undefined; period?: Period | undefined },
  ): Promise<SpendingAlertShown>
  remove(person: Person, id: string): Promise<void>
  /** Looks at those that may have something to say. */
  check(): Promise<void>
}

export interface AlertsDeps {
  database: Database
  ledger: Pick<Ledger, 'balanceOf'>
  mail: Pick<Mail, 'send'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  /** Where the console is, for the link in the mail. */
  publicUrl?: string | undefined
}

export function createAlerts(deps: AlertsDeps): Alerts {
  const { database, audit, clock } = deps

  async function own(transaction: Transaction, person: Person, id: string): Promise<AlertRow> {
    const uuid = parseId('alr-', id)
    const where = { id: uuid ?? '', organisationId: person.organisationId }
    const row = uuid === undefined ? undefined : await findAlertRow(transaction, where)
    if (!row)
      throw new GatewayError('not_found', 'There is no such alert. GET /api/spending-alerts lists yours.')
    return row
  }

  return {
    async list({ organisationId }) {
      const rows = await listAlertRows(database.prisma, organisationId)
      return Promise.all(rows.map((row) => show(deps, row)))
    },
    async create(person, alert) {
      const row = await inTransaction(database, async (transaction) => {
        const made = await newRow(transaction, person, { alert, nowMs: clock.nowMs() })
        await insertAlert(transaction, made)
        await audit.record(event(person, 'spending_alert.created', made), transaction)
        return made
      })
      return show(deps, row)
    },
    async change(person, id, { amountNanos, period }) {
      const row = await inTransaction(database, async (transaction) => {
        const { id: uuid, kind } = await own(transaction, person, id)
        if (kind === 'balance' && period !== undefined)
          throw new GatewayError('invalid_value', 'An alert on the balance has no period.', {
            param: 'period',
          })
        // Another amount is another question: it may be answered again in this period.
        const changed = await updateAlert(transaction, uuid, {
          ...(amountNanos === undefined ? {} : { amountNanos }),
          ...(period === undefined ? {} : { period }),
          due: true,
          firedWindow: null,
        })
        await audit.record(event(person, 'spending_alert.changed', changed), transaction)
        return changed
      })
      return show(deps, row)
    },
    remove: (person, id) =>
      inTransaction(database, async (transaction) => {
        const row = await own(transaction, person, id)
        await deleteAlertRow(transaction, row.id)
        await audit.record(event(person, 'spending_alert.removed', row), transaction)
      }),
    async check() {
      while ((await checkSome(deps)) === CHECKED_AT_ONCE);
    },
  }
}

async function newRow(
  transaction: Transaction,
  { organisationId, userId }: Person,
  { alert, nowMs }: { alert: NewAlert; nowMs: number },
): Promise<AlertRow> {
  const others = await listAlertRows(transaction, organisationId)
  if (others.length >= MAX_PER_ORGANISATION)
    throw new GatewayError(
      'invalid_value',
      `You have ${MAX_PER_ORGANISATION} alerts already. Change or remove one of them.`,
    )
  const keyId = alert.kind === 'spend' && alert.key !== undefined ? parseId('key-', alert.key) : undefined
  const isOwnKey =
    keyId !== undefined && (await findKeyName(transaction, { id: keyId, organisationId })) !== undefined
  if (alert.kind === 'spend' && alert.key !== undefined && !isOwnKey)
    throw new GatewayError('invalid_value', 'key: there is no such key of yours. GET /api/keys lists them.', {
      param: 'key',
    })
  return {
    id: uuidv7(nowMs),
    organisationId,
    keyId: keyId ?? null,
    kind: alert.kind,
    period: alert.kind === 'spend' ? alert.period : null,
    amountNanos: alert.amountNanos,
    createdByUserId: userId,
    createdAt: new Date(nowMs),
    due: true,
    firedWindow: null,
    firedAt: null,
    firedNanos: null,
  }
}

async function checkSome(deps: AlertsDeps): Promise<number> {
  return inTransaction(deps.database, async (transaction) => {
    const due = await takeDue(transaction, CHECKED_AT_ONCE)
    for (const row of due) await checkOne(deps, transaction, row)
    return due.length
  })
}

async function checkOne(deps: AlertsDeps, transaction: Transaction, row: AlertRow): Promise<void> {
  const nowMs = deps.clock.nowMs()
  const { nanos, reached, window } = await look(deps, transaction, row)
  if (!reached) {
    // The balance is above again, so the next fall is news.
    if (row.kind === 'balance' && row.firedWindow !== null)
      await updateAlert(transaction, row.id, { firedWindow: null })
    return
  }
  const said =
    row.kind === 'balance' ? row.firedWindow !== null : row.firedWindow?.getTime() === window.getTime()
  if (said) return
  await updateAlert(transaction, row.id, { firedWindow: window, firedAt: new Date(nowMs), firedNanos: nanos })
  const address = await findAddress(transaction, row.createdByUserId)
  if (!address) return
  const keyName = await keyNameOf(transaction, row)
  await deps.mail.send(
    { to: address.email, kind: 'notice', ...alertMail({ row, nanos, keyName, publicUrl: deps.publicUrl }) },
    transaction,
  )
}

/** What was spent in the window of now, or what is left now, and whether that is what the alert waits for. */
async function look(
  { ledger, clock }: Pick<AlertsDeps, 'ledger' | 'clock'>,
  client: Pick<Transaction, '$queryRaw'>,
  row: AlertRow,
): Promise<{ nanos: bigint; reached: boolean; window: Date }> {
  if (row.kind === 'balance') {
    const { balanceNanos } = await ledger.balanceOf(row.organisationId)
    return { nanos: balanceNanos, reached: balanceNanos < row.amountNanos, window: new Date(clock.nowMs()) }
  }
  const window = windowStart(row.period as Period, clock.nowMs())
  const nanos = await spentSince(client, {
    organisationId: row.organisationId,
    keyId: row.keyId,
    from: window,
  })
  return { nanos, reached: nanos >= row.amountNanos, window }
}

async function keyNameOf(
  client: Pick<Transaction, 'apiKey'>,
  { keyId: id, organisationId }: AlertRow,
): Promise<string | undefined> {
  return id === null
    ? undefined
    : ((await findKeyName(client, { id, organisationId })) ?? formatId('key-', id))
}

async function show(deps: AlertsDeps, row: AlertRow): Promise<SpendingAlertShown> {
  const { prisma } = deps.database
  const [{ nanos, reached }, address, keyName] = await Promise.all([
    look(deps, prisma, row),
    findAddress(prisma, row.createdByUserId),
    keyNameOf(prisma, row),
  ])
  return {
    id: formatId('alr-', row.id),
    kind: row.kind as SpendingAlertShown['kind'],
    period: row.period as SpendingAlertShown['period'],
    key: row.keyId === null ? null : { id: formatId('key-', row.keyId), name: keyName ?? '' },
    amountNanos: row.amountNanos.toString(),
    to: address?.email ?? '',
    createdAt: row.createdAt.toISOString(),
    reached,
    nowNanos: nanos.toString(),
    firedAt: row.firedAt?.toISOString() ?? null,
  }
}

function event(person: Person, action: string, { id, kind, period, amountNanos }: AlertRow) {
  const detail = { kind, period, amountNanos: amountNanos.toString() }
  return { actor: person, action, subject: formatId('alr-', id), detail }
}
