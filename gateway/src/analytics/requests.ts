/** The request log as people read it: lists, one request, and what just ended. */
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import type { RequestShown, RequestsAnswer } from './api.ts'
import { lowestIdAt } from './id-bounds.ts'
import type { Outcome } from './request-row.ts'
import {
  type LogRow,
  type Names,
  type RequestFilter,
  readNames,
  readRequests,
  readRequestsById,
  readSpeed,
} from './requests-store.ts'
import { type Sight, showRequest } from './show-request.ts'
import type { View } from './view.ts'

// Enough that a p95 says something, few enough to be read for every first page.
const SPEED_OF = 1_000
const FILE_PAGE = 1_000
const FILE_MAX = 100_000

/** As it comes from a query: outside ids. */
export interface Asked {
  from?: Date | undefined
  to?: Date | undefined
  model?: string | undefined
  key?: string | undefined
  seller?: string | undefined
  listing?: string | undefined
  outcome?: Outcome | 'trouble' | undefined
}

/** Who reads, and whether he is told who bought. */
export interface Reader {
  view: View
  operator: boolean
}

export interface Requests {
  page(reader: Reader, asked: Asked, page: { limit: number; beforeId?: string }): Promise<RequestsAnswer>
  /** The same rows for a file, in pages, at most 100,000. */
  pages(reader: Reader, asked: Asked): AsyncGenerator<RequestShown[]>
  /** Throws `not_found` for what the reader may not see. */
  one(
    id: string,
    reader: { organisationId: string; isPerson: boolean; operator: boolean },
  ): Promise<RequestShown>
  /** Rows as they are, with the names to show them. */
  written(ids: readonly string[]): Promise<{ rows: LogRow[]; names: Names }>
}

export function createRequests({ database }: { database: Pick<Database, 'pool'> }): Requests {
  async function show(rows: readonly LogRow[], sight: Sight): Promise<RequestShown[]> {
    const names = await namesOf(database, rows)
    return rows.map((row) => showRequest(row, names, sight))
  }

  return {
    async page({ view, operator }, asked, { limit, beforeId }) {
      const filter = filterOf(view, asked, beforeId)
      if (!filter) return { data: [], hasMore: false, nextCursor: null, speed: null }
      const [rows, speed] = await Promise.all([
        readRequests(database, filter, limit + 1),
        beforeId === undefined ? readSpeed(database, filter, SPEED_OF) : undefined,
      ])
      const data = await show(rows.slice(0, limit), { side: view.side, operator })
      const hasMore = rows.length > limit
      return {
        data,
        hasMore,
        nextCursor: hasMore ? (data.at(-1)?.id ?? null) : null,
        ...(beforeId === undefined
          ? { speed: speed ? { of: speed.of, ttftMsP50: speed.p50, ttftMsP95: speed.p95 } : null }
          : {}),
      }
    },
    async *pages({ view, operator }, asked) {
      let beforeId: string | undefined
      for (let sent = 0; sent < FILE_MAX; sent += FILE_PAGE) {
        const filter = filterOf(view, asked, beforeId)
        const rows = filter ? await readRequests(database, filter, FILE_PAGE) : []
        if (rows.length > 0) yield await show(rows, { side: view.side, operator })
        if (rows.length < FILE_PAGE) return
        beforeId = rows.at(-1)?.id
      }
    },
    async one(id, { organisationId, isPerson, operator }) {
      const uuid = parseId('gen-', id)
      const [row] = uuid === undefined ? [] : await readRequestsById(database, [uuid])
      const isBuyer = row?.organisationId === organisationId
      const isSeller = isPerson && row?.sellerOrganisationId === organisationId
      if (!row || !(isBuyer || isSeller || operator)) throw unknownRequest()
      const [shown] = await show([row], {
        side: isBuyer ? 'buyer' : operator ? 'market' : 'seller',
        operator,
      })
      return shown as RequestShown
    },
    async written(ids) {
      const rows = await readRequestsById(database, ids)
      return { rows, names: await namesOf(database, rows) }
    },
  }
}

function namesOf(database: Pick<Database, 'pool'>, rows: readonly LogRow[]): Promise<Names> {
  const attempted = rows.flatMap(({ attempts }) => attempts?.map(({ listing }) => listing) ?? [])
  return readNames(database, {
    listings: [...present(rows.map(({ listingId }) => listingId)), ...attempted],
    organisations: present(rows.flatMap((row) => [row.organisationId, row.sellerOrganisationId])),
    keys: rows.map(({ keyId }) => keyId),
  })
}

const present = (ids: readonly (string | null)[]) => ids.filter((id) => id !== null)

/** `undefined` when an id names nothing, so nothing can match. A seller cannot ask by key: keys are the buyers'. */
export function filterOf(view: View, asked: Asked, beforeId?: string): RequestFilter | undefined {
  const keyId = asked.key === undefined ? undefined : parseId('key-', asked.key)
  const listingId = asked.listing === undefined ? undefined : parseId('lst-', asked.listing)
  const seller = asked.seller === undefined ? undefined : parseId('org-', asked.seller)
  if (
    (asked.key && (!keyId || view.side === 'seller')) ||
    (asked.listing && !listingId) ||
    (asked.seller && !seller)
  )
    return undefined
  const toId = asked.to === undefined ? undefined : lowestIdAt(asked.to.getTime())
  const below = [beforeId, toId].filter((id) => id !== undefined).sort()[0]
  return {
    view,
    ...(asked.from ? { fromId: lowestIdAt(asked.from.getTime()) } : {}),
    ...(below ? { beforeId: below } : {}),
    ...(asked.model ? { model: asked.model } : {}),
    ...(keyId ? { keyId } : {}),
    ...(seller ? { sellerOrganisationId: seller } : {}),
    ...(listingId ? { listingId } : {}),
    ...(asked.outcome ? { outcome: asked.outcome } : {}),
  }
}

function unknownRequest(): GatewayError {
  return new GatewayError(
    'not_found',
    'There is no such request of yours. They appear here a second after their end, and are kept for a while only.',
  )
}
