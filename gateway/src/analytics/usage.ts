/** Sums of usage as people ask for them: by time or by thing, in order, with names, cut to a limit that loses nothing. */
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { UsageAnswer, UsageRow } from './api.ts'
import { COUNTERS, type Counters, NOBODY } from './counters.ts'
import { type Names, readNames } from './requests-store.ts'
import { tokensShown } from './show-request.ts'
import {
  type Dimension,
  type Grouping,
  readAsOf,
  readDearest,
  readEmails,
  readUsage,
  type SumRow,
  type UsageFilter,
} from './usage-store.ts'

/** Parts of a bucket that are told by name: as many as a chart has colours for. */
const NAMED_PARTS = 10

export interface UsageQuestion {
  filter: UsageFilter
  groupBy: Grouping
  splitBy?: Dimension | undefined
  tz: string
  limit: number
}

export interface Usage {
  ask(question: UsageQuestion): Promise<UsageAnswer>
}

export function createUsage({ database }: { database: Pick<Database, 'pool'> }): Usage {
  return {
    async ask({ filter, groupBy, splitBy, tz, limit }) {
      // Read first: what is counted in the meantime is more than it promises, never less.
      const asOf = await readAsOf(database)
      const isFew = splitBy !== undefined && hasFewParts(filter, splitBy)
      const dear =
        splitBy === undefined || isFew
          ? undefined
          : await readDearest(database, filter, { by: splitBy, groupBy, limit: NAMED_PARTS })
      const split = splitBy === undefined ? undefined : { by: splitBy, parts: dear }
      const read = async () => {
        const rows = await readUsage(database, filter, { groupBy, split, tz })
        return isFew ? nameDearest(rows) : { rows, parts: dear ?? [] }
      }
      const isTopOnly = filter.days && groupBy !== 'hour' && groupBy !== 'day' && limit !== Infinity
      const { rows, parts } = isTopOnly ? { rows: [], parts: [] } : await read()
      const { told, totals, rest } = isTopOnly
        ? await dearest(database, filter, { by: groupBy, limit })
        : cut(rows, { groupBy, limit })
      const names = await namesFor(database, [
        { kind: groupBy, ids: told.map(({ id }) => id) },
        ...(splitBy === undefined ? [] : [{ kind: splitBy, ids: parts }]),
      ])
      return {
        asOf: asOf.toISOString(),
        from: filter.from.toISOString(),
        to: filter.to.toISOString(),
        groupBy,
        totals: figures(totals),
        data: told.map((group) => ({
          ...named(groupBy, group.id, names),
          ...figures(group.sum),
          ...(splitBy === undefined ? {} : { parts: partsOf(group.rows, parts, { splitBy, names }) }),
        })),
        rest: rest === undefined ? null : figures(rest),
      }
    },
  }
}

/** So few that reading all of them costs less than asking first which are the dearest. */
function hasFewParts({ view, days }: UsageFilter, splitBy: Dimension): boolean {
  if (splitBy === 'model') return true
  if (days) return false
  return view.side === 'seller' ? splitBy !== 'key' : view.side === 'buyer' && splitBy === 'key'
}

/** Of rows with every part by itself: the dearest parts by name, the others together, as `readDearest` would say. */
function nameDearest(rows: readonly SumRow[]): { rows: SumRow[]; parts: string[] } {
  const byPart = grouped(rows.map((row) => ({ ...row, id: row.part ?? '' })))
  const parts = byCost(byPart)
    .slice(0, NAMED_PARTS)
    .map(({ id }) => id)
  const named = new Set(parts)
  const isNamed = ({ part }: SumRow) => part !== null && named.has(part)
  const others = grouped(rows.filter((row) => !isNamed(row)))
  return {
    rows: [...rows.filter(isNamed), ...others.map(({ id, sum }) => ({ ...sum, id, part: null }))],
    parts,
  }
}

interface Answered {
  told: Group[]
  totals: Counters
  /** Of what is not told. */
  rest: Counters | undefined
}

function cut(rows: readonly SumRow[], { groupBy, limit }: { groupBy: Grouping; limit: number }): Answered {
  const groups = grouped(rows)
  const ordered = groupBy === 'hour' || groupBy === 'day' ? byTime(groups) : byCost(groups)
  const beyond = ordered.slice(limit)
  return {
    told: ordered.slice(0, limit),
    totals: total(rows),
    rest: beyond.length === 0 ? undefined : total(beyond.map(({ sum }) => sum)),
  }
}

/** The same for the whole market, where ten thousand people may have bought: only those that are told are added up. */
async function dearest(
  database: Pick<Database, 'pool'>,
  filter: UsageFilter,
  { by, limit }: { by: Dimension; limit: number },
): Promise<Answered> {
  const only = await readDearest(database, filter, { by, groupBy: by, limit })
  const [rows, models] = await Promise.all([
    readUsage(database, { ...filter, only }, { groupBy: by, tz: 'UTC' }),
    readUsage(database, filter, { groupBy: 'model', tz: 'UTC' }),
  ])
  const [told, totals] = [total(rows), total(models)]
  const rest = Object.fromEntries(COUNTERS.map((name) => [name, totals[name] - told[name]])) as Counters
  const isAll = COUNTERS.every((name) => rest[name] === 0n)
  return { told: byCost(grouped(rows)), totals, rest: isAll ? undefined : rest }
}

interface Group {
  id: string
  sum: Counters
  rows: SumRow[]
}

function grouped(rows: readonly SumRow[]): Group[] {
  const groups = new Map<string, SumRow[]>()
  for (const row of rows) {
    const group = groups.get(row.id)
    if (group) group.push(row)
    else groups.set(row.id, [row])
  }
  return [...groups].map(([id, of]) => ({
    id,
    sum: of.length === 1 ? (of[0] as SumRow) : total(of),
    rows: of,
  }))
}

function total(rows: readonly Counters[]): Counters {
  const sum = Object.fromEntries(COUNTERS.map((name) => [name, 0n])) as Counters
  for (const row of rows) for (const name of COUNTERS) sum[name] += row[name]
  return sum
}

const byTime = (groups: readonly Group[]) =>
  groups.toSorted((left, right) => Number(left.id) - Number(right.id))

const byCost = (groups: readonly Group[]) =>
  groups.toSorted(
    (left, right) =>
      compare(right.sum.costNanos, left.sum.costNanos) ||
      compare(right.sum.requests, left.sum.requests) ||
      (left.id < right.id ? -1 : 1),
  )

function compare(left: bigint, right: bigint): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** The same ones in every bucket, so that a chart's colours mean the same from left to right. */
function partsOf(
  rows: readonly SumRow[],
  told: readonly string[],
  { splitBy, names }: { splitBy: Dimension; names: NamesOf },
): NonNullable<UsageRow['parts']> {
  const parts = told.flatMap((id) => {
    const row = rows.find(({ part }) => part === id)
    return row ? [{ ...named(splitBy, id, names), ...cost(row) }] : []
  })
  const others = rows.find(({ part }) => part === null)
  return others && others.requests > 0n ? [...parts, { id: null, name: 'others', ...cost(others) }] : parts
}

const cost = ({ requests, costNanos }: Counters) => ({
  requests: Number(requests),
  costNanos: costNanos.toString(),
})

/** Names of what the groups are, and of people by their organisations. */
interface NamesOf extends Names {
  email: ReadonlyMap<string, string>
}

async function namesFor(
  database: Pick<Database, 'pool'>,
  asked: readonly { kind: Grouping; ids: readonly string[] }[],
): Promise<NamesOf> {
  const of = (...kinds: Grouping[]) => asked.flatMap(({ kind, ids }) => (kinds.includes(kind) ? ids : []))
  const [users, listings, sellers, keys] = [of('user'), of('listing'), of('seller'), of('key')]
  const isTime = users.length + listings.length + sellers.length + keys.length === 0
  if (isTime) return { listing: new Map(), organisation: new Map(), key: new Map(), email: new Map() }
  const [names, email] = await Promise.all([
    readNames(database, { listings, organisations: [...sellers, ...users], keys }),
    users.length === 0 ? new Map<string, string>() : readEmails(database, users),
  ])
  return { ...names, email }
}

function named(kind: Grouping, id: string, names: NamesOf): { id: string | null; name: string } {
  if (kind === 'hour' || kind === 'day') {
    const at = new Date(Number(id)).toISOString()
    return { id: at, name: at }
  }
  if (kind === 'model') return id === '' ? { id: null, name: 'unknown model' } : { id, name: id }
  if (id === NOBODY) return { id: null, name: kind === 'key' ? 'no key' : 'nobody served' }
  if (kind === 'key') return called(formatId('key-', id), names.key.get(id))
  if (kind === 'listing') return called(formatId('lst-', id), names.listing.get(id))
  const shown = formatId('org-', id)
  return called(shown, (kind === 'user' ? names.email.get(id) : undefined) ?? names.organisation.get(id))
}

const called = (id: string, name: string | undefined) => ({ id, name: name ?? id })

function figures(sum: Counters): UsageAnswer['totals'] {
  const count = (value: bigint) => Number(value)
  const mean = (value: bigint, of: bigint) => (of === 0n ? null : Math.round(Number(value) / Number(of)))
  return {
    requests: count(sum.requests),
    failed: count(sum.failed),
    refused: count(sum.refused),
    left: count(sum.left),
    tokens: tokensShown({
      uncachedInput: count(sum.uncachedInput),
      cacheRead: count(sum.cacheRead),
      cacheWrite: count(sum.cacheWrite),
      audioInput: count(sum.audioInput),
      output: count(sum.output),
      audioOutput: count(sum.audioOutput),
      reasoning: count(sum.reasoning),
    }),
    costNanos: sum.costNanos.toString(),
    sellerNanos: sum.sellerNanos.toString(),
    feeNanos: sum.feeNanos.toString(),
    ttftMsMean: mean(sum.ttftMs, sum.streams),
    durationMsMean: mean(sum.durationMs, sum.requests),
  }
}
