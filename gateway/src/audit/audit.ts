import type { Principal } from '../http/principal.ts'
import type { Clock } from '../platform/clock.ts'
import { systemClock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import { type AuditFilter, type AuditRow, type AuditTransaction, insertEvent, listEvents } from './store.ts'

export type { AuditRow, AuditTransaction } from './store.ts'

/** Detail is evidence for people, not a copy of the request; what is longer is cut to its size. */
const DETAIL_MAX_CHARACTERS = 8_000

export interface AuditEvent {
  actor: Principal | 'system'
  /** `user.created`, `key.revoked`: the thing, a point, what happened to it. */
  action: string
  /** The id of the thing as the outside knows it: `usr-…`. */
  subject: string
  /** Facts that may be read by every operator: never a secret. */
  detail?: Record<string, unknown>
}

export interface Audit {
  /** Writes one event; inside `transaction` it is kept or lost together with what it tells about. */
  record(event: AuditEvent, transaction?: AuditTransaction): Promise<void>
  /** The newest first. `action` is a whole one, or the thing before its point. */
  list(filter: AuditFilter): Promise<AuditRow[]>
}

/** The append-only record of who did what. The log line is only an echo: the row is the record. */
export function createAudit({
  database,
  logger,
  clock = systemClock,
}: {
  database: Database
  logger: Logger
  clock?: Clock
}): Audit {
  return {
    async record(event, transaction = database.prisma) {
      const row = rowOf(event, clock.nowMs())
      await insertEvent(transaction, row)
      const { actorType, actorId, action, subject } = row
      logger.info({ audit: { actorType, actorId, action, subject } }, 'audit event')
    },
    list: (filter) => listEvents(database, filter),
  }
}

function rowOf(event: AuditEvent, nowMs: number): AuditRow {
  return {
    id: uuidv7(nowMs),
    at: new Date(nowMs),
    ...actorOf(event.actor),
    action: storable(event.action),
    subject: storable(event.subject),
    detail: detailOf(event.detail ?? {}),
  }
}

function actorOf(actor: Principal | 'system'): { actorType: string; actorId: string | null } {
  if (actor === 'system') return { actorType: 'system', actorId: null }
  if (actor.kind === 'user') return { actorType: 'user', actorId: formatId('usr-', actor.userId) }
  return { actorType: 'key', actorId: formatId('key-', actor.keyId) }
}

function detailOf(detail: Record<string, unknown>): unknown {
  const json = JSON.stringify(detail, (_, value) => {
    if (typeof value === 'bigint') return value.toString()
    return typeof value === 'string' ? storable(value) : value
  })
  return json.length > DETAIL_MAX_CHARACTERS
    ? { cut: json.slice(0, DETAIL_MAX_CHARACTERS) }
    : JSON.parse(json)
}

// PostgreSQL takes neither NUL nor half a surrogate pair; evidence with a mark in it beats no evidence.
const UNSTORABLE = /\p{Surrogate}|\0/gu

function storable(text: string): string {
  return text.replace(UNSTORABLE, '\uFFFD')
}
