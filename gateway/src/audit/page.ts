import { z } from 'zod'
import { GatewayError } from '../platform/errors.ts'
import { type IdPrefix, parseId } from '../platform/ids.ts'

const PAGE_MAX = 100

/** The query of every list: `limit` (1 to 100) and the `nextCursor` of the page before. */
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(50),
  cursor: z.string().max(64).optional(),
})

/** Text of a query that goes into SQL as a parameter: PostgreSQL takes no NUL. */
export const queryText = (maxCharacters: number) =>
  z
    .string()
    .max(maxCharacters)
    .refine((text) => !text.includes('\0'), 'must not contain NUL')

export interface Page<Item> {
  data: Item[]
  hasMore: boolean
  nextCursor: string | null
}

/** Cuts `rows`, fetched with one more than `limit`, to a page; its cursor is the last item's id. */
export function pageOf<Row, Item extends { id: string }>(
  rows: readonly Row[],
  limit: number,
  show: (row: Row) => Item,
): Page<Item> {
  const data = rows.slice(0, limit).map(show)
  const hasMore = rows.length > limit
  return { data, hasMore, nextCursor: hasMore ? (data.at(-1)?.id ?? null) : null }
}

/** The UUID a cursor stands for. Throws `invalid_value` when it is none of ours. */
export function cursorId(prefix: IdPrefix, cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined
  const id = parseId(prefix, cursor)
  if (!id)
    throw new GatewayError('invalid_value', 'cursor: use the nextCursor of the page before.', {
      param: 'cursor',
    })
  return id
}
