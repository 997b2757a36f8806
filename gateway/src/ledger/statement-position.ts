/** Places in a statement: instants, and the ids of lines that pages go on from. */
import { GatewayError } from '../platform/errors.ts'
import { parseJournalId } from './describe-journal.ts'
import { journalTime, type Position } from './statement-store.ts'
import type { LedgerPool } from './store.ts'

const NO_JOURNAL = '00000000-0000-0000-0000-000000000000'

/** Before anything was booked, as the database reads it. */
export const START_OF_TIME = '-infinity'

/** After everything that will be booked. */
export const END_OF_TIME: Position = { createdAt: 'infinity', journalId: NO_JOURNAL, seq: 0 }

/** In front of whatever was booked at this instant. */
export function positionAt(instant: string): Position {
  return { createdAt: instant, journalId: NO_JOURNAL, seq: 0 }
}

/** An instant as positions have it, so that both compare as text. */
export function instantText(instant: Date): string {
  return `${instant.toISOString().slice(0, -1)}000Z`
}

/** `gen-….2` is the second entry of its journal; without a number, the place before all of them. */
export function lineId(journalId: string, seq: number): string {
  return `${journalId}.${seq}`
}

/** Where a line stands. Throws `invalid_value` when there is no such line. */
export async function cursorPosition(pool: LedgerPool, cursor: string): Promise<Position> {
  const [, id = '', seq = '0'] = /^([a-z]{3}-[0-9a-z]{26})(?:\.(\d{1,3}))?$/.exec(cursor) ?? []
  const journalId = parseJournalId(id)
  const createdAt = journalId && (await journalTime(pool, journalId))
  if (!journalId || !createdAt) {
    throw new GatewayError(
      'invalid_value',
      `There is no statement line '${cursor.slice(0, 64)}'. Send the nextCursor of the page before.`,
      { param: 'before' },
    )
  }
  return { createdAt, journalId, seq: Number.parseInt(seq, 10) }
}
