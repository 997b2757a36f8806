/** Reads the request log. Private to this folder. */
import type { Database } from '../platform/database.ts'
import type { LoggedAttempt, Outcome } from './request-row.ts'
import type { View } from './view.ts'

type Pool = Pick<Database, 'pool'>

export interface LogRow {
  id: string
  organisationId: string
  keyId: string
  modelAsked: string | null
  model: string | null
  listingId: string | null
  sellerOrganisationId: string | null
  provider: string | null
  outcome: Outcome
  status: number | null
  error: string | null
  finishReason: string | null
  stream: boolean
  attempts: LoggedAttempt[] | null
  startedAt: Date
  overheadMs: number | null
  ttftMs: number | null
  durationMs: number | null
  settledAt: Date | null
  billed: string | null
  usageSource: string | null
  uncachedInput: string | null
  cacheRead: string | null
  cacheWrite: string | null
  audioInput: string | null
  output: string | null
  audioOutput: string | null
  reasoning: string | null
  heldNanos: string | null
  costNanos: string | null
  sellerNanos: string | null
  feeNanos: string | null
}

export interface RequestFilter {
  view: View
  /** Bounds of ids: from the first, below the second. */
  fromId?: string
  beforeId?: string
  model?: string
  keyId?: string
  sellerOrganisationId?: string
  listingId?: string
  /** `trouble`: everything but `answered`. */
  outcome?: Outcome | 'trouble'
}

/** The newest first. */
export async function readRequests({ pool }: Pool, filter: RequestFilter, limit: number): Promise<LogRow[]> {
  const { where, values } = conditions(filter)
  const { rows } = await pool.query<LogRow>(
    `SELECT * FROM request_log WHERE ${where} ORDER BY id DESC LIMIT ${Math.trunc(limit)}`,
    values,
  )
  return rows
}

export async function readRequestsById({ pool }: Pool, ids: readonly string[]): Promise<LogRow[]> {
  const { rows } = await pool.query<LogRow>({
    name: 'request_log_by_id',
    text: 'SELECT * FROM request_log WHERE id = ANY($1) ORDER BY id',
    values: [ids],
  })
  return rows
}

export interface Speed {
  of: number
  p50: number
  p95: number
}

/** How soon the newest requests began to answer; `undefined` when none did. */
export async function readSpeed(
  { pool }: Pool,
  filter: RequestFilter,
  of: number,
): Promise<Speed | undefined> {
  const { where, values } = conditions(filter)
  const { rows } = await pool.query<{ of: number; at: [number, number] | null }>(
    `SELECT count(*)::integer AS of, percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY "ttftMs") AS at
     FROM (SELECT "ttftMs" FROM request_log WHERE ${where} ORDER BY id DESC LIMIT ${Math.trunc(of)}) newest
     WHERE "ttftMs" IS NOT NULL`,
    values,
  )
  const [row] = rows
  return row?.at ? { of: row.of, p50: row.at[0], p95: row.at[1] } : undefined
}

/** Values go as parameters; the outcome, one of a few words, as itself, so that the partial indexes are seen to fit. */
function conditions(filter: RequestFilter): { where: string; values: unknown[] } {
  const values: unknown[] = []
  const parts: string[] = []
  const add = (condition: string, value: unknown) => {
    if (value === undefined) return
    values.push(value)
    parts.push(`${condition} $${values.length}`)
  }
  // A key or listing says whose it is: with both columns the planner would take the few of one for fewer still.
  const addOwn = (
    column: string,
    table: 'api_key' | 'listing',
    of: { id: string; organisationId: string },
  ) => {
    values.push(of.id, of.organisationId)
    const [id, organisation] = [values.length - 1, values.length]
    parts.push(
      `${column} = (SELECT t.id FROM ${table} t WHERE t.id = $${id} AND t."organisationId" = $${organisation})`,
    )
  }
  const { view, outcome, keyId, listingId } = filter
  if (view.side === 'buyer' && keyId !== undefined) addOwn('"keyId"', 'api_key', { id: keyId, ...view })
  else if (view.side === 'buyer') add('"organisationId" =', view.organisationId)
  else add('"keyId" =', keyId)
  if (view.side === 'seller' && listingId !== undefined)
    addOwn('"listingId"', 'listing', { id: listingId, ...view })
  else if (view.side === 'seller') add('"sellerOrganisationId" =', view.organisationId)
  if (view.side !== 'seller') add('"listingId" =', listingId)
  add('id >=', filter.fromId)
  add('id <', filter.beforeId)
  add('model =', filter.model)
  add('"sellerOrganisationId" =', filter.sellerOrganisationId)
  if (outcome === 'trouble') parts.push(`outcome <> 'answered'`)
  else if (outcome !== undefined) parts.push(`outcome = '${outcome}'`)
  return { where: parts.length === 0 ? 'true' : parts.join(' AND '), values }
}

export interface Names {
  listing: ReadonlyMap<string, string>
  organisation: ReadonlyMap<string, string>
  key: ReadonlyMap<string, string>
}

/** What people call the things that these ids stand for, also when they are gone. */
export async function readNames(
  { pool }: Pool,
  ids: { listings: Iterable<string>; organisations: Iterable<string>; keys: Iterable<string> },
): Promise<Names> {
  const { rows } = await pool.query<{ kind: keyof Names; id: string; name: string }>({
    name: 'request_log_names',
    text: `
      SELECT 'listing' AS kind, id, name FROM listing WHERE id = ANY($1)
      UNION ALL SELECT 'organisation', id, name FROM organisation WHERE id = ANY($2)
      UNION ALL SELECT 'key', id, name FROM api_key WHERE id = ANY($3)`,
    values: [[...new Set(ids.listings)], [...new Set(ids.organisations)], [...new Set(ids.keys)]],
  })
  const named = (kind: keyof Names) =>
    new Map(rows.filter((row) => row.kind === kind).map(({ id, name }) => [id, name]))
  return { listing: named('listing'), organisation: named('organisation'), key: named('key') }
}
