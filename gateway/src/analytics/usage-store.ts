/** Reads the sums. Private to this folder. */
import type { Database } from '../platform/database.ts'
import { COUNTERS, type Counters } from './counters.ts'
import type { View } from './view.ts'

type Pool = Pick<Database, 'pool'>

export type Dimension = 'model' | 'key' | 'seller' | 'listing' | 'user'
export type Grouping = 'hour' | 'day' | Dimension

export interface UsageFilter {
  view: View
  from: Date
  to: Date
  model?: string
  keyId?: string
  sellerOrganisationId?: string
  listingId?: string
  /** The whole market in whole days of UTC: from the sums of days. */
  days?: true
  /** With `days`: only these. */
  only?: readonly string[]
}

export interface SumRow extends Counters {
  /** A model, a UUID, or an instant in milliseconds. */
  id: string
  /** `null`: all the others. */
  part: string | null
}

const COLUMN: Record<Dimension, string> = {
  model: 'model',
  key: '"keyId"',
  seller: '"sellerOrganisationId"',
  listing: '"listingId"',
  user: '"organisationId"',
}

const SUMS = COUNTERS.map((name) => `sum("${name}")::bigint AS "${name}"`).join(', ')
const COLUMNS = COUNTERS.map((name) => `"${name}"`).join(', ')

export interface Split {
  by: Dimension
  /** Those that are told by name, all others together; `undefined`: each by itself. */
  parts: readonly string[] | undefined
}

/** Sums by `groupBy`, and by the parts of `split` within; not in any order. */
export async function readUsage(
  database: Pool,
  filter: UsageFilter,
  { groupBy, split, tz }: { groupBy: Grouping; split?: Split | undefined; tz: string },
): Promise<SumRow[]> {
  const { source, values } = sourceOf(filter, groupBy, split?.by)
  const part = split === undefined ? 'NULL' : partOf(filter, split, values)
  const sums = (id: string) => `SELECT ${id} AS id, ${part} AS part, ${SUMS} FROM ${source} GROUP BY 1, 2`
  const text =
    groupBy === 'hour' || groupBy === 'day'
      ? byTime(sums, { groupBy, isWide: split !== undefined && split.parts === undefined, tz, values })
      : sums(COLUMN[groupBy])
  return (await read<Record<string, string | null>>(database, filter, { text, values })).map(sumRow)
}

function partOf(filter: UsageFilter, { by, parts }: Split, values: unknown[]): string {
  if (parts === undefined) return COLUMN[by]
  values.push(parts)
  // The sums of days keep every name as text.
  const type = by === 'model' || filter.days ? 'text' : 'uuid'
  return `CASE WHEN ${COLUMN[by]} = ANY($${values.length}::${type}[]) THEN ${COLUMN[by]} END`
}

/** What cost most, dearest first. */
export async function readDearest(
  database: Pool,
  filter: UsageFilter,
  { by, groupBy, limit }: { by: Dimension; groupBy: Grouping; limit: number },
): Promise<string[]> {
  const { source, values } = sourceOf(filter, groupBy, by)
  const rows = await read<{ part: string }>(database, filter, {
    text: `SELECT ${COLUMN[by]}::text AS part FROM ${source} GROUP BY ${COLUMN[by]}
           ORDER BY sum("costNanos") DESC, sum(requests) DESC, ${COLUMN[by]} LIMIT ${Math.trunc(limit)}`,
    values,
  })
  return rows.map(({ part }) => part)
}

/**
 * With room for the sums of a month of hours, so that they need no sorting. A buyer's rows lie together, and his index
 * finds them sooner than a look through everybody's, which the planner takes for as cheap as soon as one organisation has
 * a tenth of the market.
 */
async function read<Row extends object>(
  { pool }: Pool,
  { view }: UsageFilter,
  query: { text: string; values: unknown[] },
): Promise<Row[]> {
  const client = await pool.connect()
  let fault: unknown
  try {
    const along = view.side === 'buyer' ? '; SET LOCAL enable_seqscan = off' : ''
    await client.query(`BEGIN READ ONLY; SET LOCAL work_mem = '16MB'${along}`)
    const { rows } = await client.query<Row>(query)
    await client.query('COMMIT')
    return rows
  } catch (error) {
    fault = error
    throw error
  } finally {
    // What was broken off in the middle does not go back into the pool.
    client.release(fault instanceof Error ? fault : undefined)
  }
}

/** Until when everything that was booked is counted. */
export async function readAsOf({ pool }: Pool): Promise<Date> {
  const { rows } = await pool.query<{ asOf: Date }>({
    name: 'usage_as_of',
    text: 'SELECT "asOf" FROM usage_progress WHERE id = 1',
  })
  return rows[0]?.asOf ?? new Date(0)
}

/** Sums of hours become sums of days at the end, where they are few; where each has many parts, row by row. */
function byTime(
  sums: (id: string) => string,
  {
    groupBy,
    isWide,
    tz,
    values,
  }: { groupBy: 'hour' | 'day'; isWide: boolean; tz: string; values: unknown[] },
): string {
  const day = (hour: string) =>
    groupBy === 'hour' ? hour : `date_trunc('day', ${hour}, $${values.push(tz)})`
  const [inner, outer] = isWide ? [day('hour'), 'times.id'] : ['hour', day('times.id')]
  return `SELECT (extract(epoch FROM ${outer}) * 1000)::bigint::text AS id, part::text AS part, ${SUMS}
    FROM (${sums(inner)}) times GROUP BY 1, 2`
}

/** Rows with `hour`, what is asked for and the counters, out of the smallest table that has them. */
function sourceOf(filter: UsageFilter, groupBy: Grouping, splitBy: Dimension | undefined) {
  if (filter.days) return marketDays(filter, splitBy ?? (groupBy as Dimension))
  const isWhole =
    filter.view.side === 'market' &&
    filter.model === undefined &&
    filter.keyId === undefined &&
    filter.sellerOrganisationId === undefined &&
    filter.listingId === undefined
  const isByTime = groupBy === 'hour' || groupBy === 'day'
  return isWhole && isByTime && (splitBy ?? 'model') === 'model' ? marketHours(filter) : hours(filter)
}

function marketHours({ from, to }: UsageFilter) {
  return {
    source: `(SELECT bucket AS hour, value AS model, ${COLUMNS} FROM usage_market
      WHERE dimension = 'model' AND grain = 'hour' AND bucket >= $1 AND bucket < $2) u`,
    values: [from, to] as unknown[],
  }
}

function marketDays({ from, to, only }: UsageFilter, by: Dimension) {
  const dimension = by === 'user' ? 'organisation' : by
  return {
    source: `(SELECT bucket AS hour, value AS ${COLUMN[by]}, ${COLUMNS} FROM usage_market
      WHERE dimension = '${dimension}' AND grain = 'day' AND bucket >= $1 AND bucket < $2
      ${only ? 'AND value = ANY($3)' : ''}) u`,
    values: [from, to, ...(only ? [only] : [])] as unknown[],
  }
}

function hours(filter: UsageFilter) {
  const values: unknown[] = [filter.from, filter.to]
  const parts = ['hour >= $1', 'hour < $2']
  const add = (column: string, value: string | undefined) => {
    if (value === undefined) return
    values.push(value)
    parts.push(`${column} = $${values.length}`)
  }
  const { view } = filter
  if (view.side === 'buyer') add('"organisationId"', view.organisationId)
  if (view.side === 'seller') add('"sellerOrganisationId"', view.organisationId)
  add('model', filter.model)
  add('"keyId"', filter.keyId)
  add('"sellerOrganisationId"', filter.sellerOrganisationId)
  add('"listingId"', filter.listingId)
  return { source: `(SELECT * FROM usage_hour WHERE ${parts.join(' AND ')}) u`, values }
}

function sumRow(row: Record<string, string | null>): SumRow {
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, BigInt(row[name] ?? 0)])) as Counters
  return { id: row.id ?? '', part: row.part ?? null, ...counters }
}

/** The people behind personal organisations, by organisation: what an operator knows them by. */
export async function readEmails(
  { pool }: Pool,
  organisationIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ id: string; email: string }>({
    name: 'usage_emails',
    text: `
      SELECT m."organisationId" AS id, min(u.email) AS email
      FROM membership m JOIN "user" u ON u.id = m."userId" JOIN organisation o ON o.id = m."organisationId"
      WHERE m."organisationId" = ANY($1) AND o.kind = 'personal' GROUP BY 1`,
    values: [organisationIds],
  })
  return new Map(rows.map(({ id, email }) => [id, email]))
}
