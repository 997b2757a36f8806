/**
 * Tells followers of requests as they end, on this node. `ended` is the port where the ends of other nodes come in, once
 * there is something that carries them.
 */
import { randomUUID } from 'node:crypto'
import type { Logger } from '../platform/logger.ts'
import type { LogRow, Names, RequestFilter } from './requests-store.ts'

/** What a follower who was away for a moment can still be told. */
const REMEMBERED = 500
const MAX_FOLLOWERS = 500

export interface TailEvent {
  /** For `Last-Event-ID`. */
  id: string
  row: LogRow
  names: Names
}

export interface Follower {
  filter: RequestFilter
  tell(events: readonly TailEvent[]): void
  end(): void
}

export interface Tail {
  /** These requests can be read now. */
  ended(ids: readonly string[]): void
  /** `false`: too many follow already. */
  follow(follower: Follower): (() => void) | false
  /** What came after this event, or `undefined` when nobody remembers it. */
  since(eventId: string): Promise<TailEvent[] | undefined>
  idle(): Promise<void>
  close(): void
}

export interface TailDeps {
  read: (ids: readonly string[]) => Promise<{ rows: LogRow[]; names: Names }>
  logger: Pick<Logger, 'warn'>
}

export function createTail({ read, logger }: TailDeps): Tail {
  // Numbers of another life, or of another node, are not ours.
  const life = randomUUID().slice(0, 8)
  const followers = new Set<Follower>()
  let remembered: { number: number; id: string }[] = []
  let last = 0
  let telling: Promise<void> = Promise.resolve()

  async function eventsOf(ended: readonly { number: number; id: string }[]): Promise<TailEvent[]> {
    const { rows, names } = await read(ended.map(({ id }) => id))
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ended.flatMap(({ number, id }) => {
      const row = byId.get(id)
      return row ? [{ id: `${life}-${number}`, row, names }] : []
    })
  }

  async function tellAll(ended: readonly { number: number; id: string }[]): Promise<void> {
    const events = await eventsOf(ended)
    for (const follower of followers) {
      const wanted = events.filter(({ row }) => concerns(row, follower.filter))
      if (wanted.length > 0) follower.tell(wanted)
    }
  }

  return {
    ended(ids) {
      const ended = ids.map((id) => {
        last += 1
        return { number: last, id }
      })
      remembered = [...remembered, ...ended].slice(-REMEMBERED)
      if (followers.size === 0) return
      telling = telling
        .then(() => tellAll(ended))
        .catch((error) => logger.warn({ err: error }, 'followers were not told of requests'))
    },
    follow(follower) {
      if (followers.size >= MAX_FOLLOWERS) return false
      followers.add(follower)
      return () => followers.delete(follower)
    },
    async since(eventId) {
      const number = Number(eventId.slice(life.length + 1))
      const first = remembered[0]?.number ?? last + 1
      if (!eventId.startsWith(`${life}-`) || !(number >= first - 1 && number <= last)) return undefined
      return eventsOf(remembered.filter((each) => each.number > number))
    },
    idle: () => telling,
    close() {
      for (const follower of followers) follower.end()
      followers.clear()
    },
  }
}

/** Whether a list asked with this filter would show the row. */
export function concerns(row: LogRow, filter: RequestFilter): boolean {
  const { view, model, keyId, sellerOrganisationId, listingId, outcome } = filter
  if (view.side === 'buyer' && row.organisationId !== view.organisationId) return false
  if (view.side === 'seller' && row.sellerOrganisationId !== view.organisationId) return false
  if (outcome === 'trouble' ? row.outcome === 'answered' : outcome !== undefined && row.outcome !== outcome)
    return false
  return (
    (model === undefined || row.model === model) &&
    (keyId === undefined || row.keyId === keyId) &&
    (sellerOrganisationId === undefined || row.sellerOrganisationId === sellerOrganisationId) &&
    (listingId === undefined || row.listingId === listingId)
  )
}
