/** A query about usage as a question to the sums: whole hours, and nothing that would tell a seller who buys. */
import type { z } from 'zod'
import type { Principal } from '../http/principal.ts'
import { GatewayError } from '../platform/errors.ts'
import { filterOf } from './requests.ts'
import type { usageQuery } from './schema.ts'
import type { UsageQuestion } from './usage.ts'
import { viewOf } from './view.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const USUAL_DAYS = 30
const MOST_DAYS = 732
const MOST_DAYS_BY_HOUR = 35
/** A longer span of the whole market, by seller, listing or user, is whole days of UTC. */
const MOST_MARKET_DAYS_BY_HOUR = 2

/** Throws `forbidden`, or `invalid_value` for what cannot be asked. */
export function usageQuestion(
  query: z.output<typeof usageQuery>,
  principal: Principal,
  nowMs: number,
): UsageQuestion {
  const { groupBy, splitBy, tz, limit, format } = query
  const view = viewOf(principal, query)
  refuseBuyers(view.side, [groupBy, splitBy, query.key === undefined ? undefined : 'key'])
  if (splitBy !== undefined && groupBy !== 'hour' && groupBy !== 'day')
    throw new GatewayError('invalid_value', 'splitBy goes with groupBy=hour or groupBy=day.', {
      param: 'splitBy',
    })
  if (view.side === 'market' && (groupBy === 'key' || splitBy === 'key'))
    throw new GatewayError('invalid_value', 'Keys are told for one organisation: add organisation=org-….', {
      param: 'organisation',
    })
  const span = wholeHours(query, nowMs)
  const days = (span.to.getTime() - span.from.getTime()) / DAY_MS
  const most = groupBy === 'hour' ? MOST_DAYS_BY_HOUR : MOST_DAYS
  if (!(days > 0 && days <= most))
    throw new GatewayError(
      'invalid_value',
      `from must be before to, and at most ${most} days${groupBy === 'hour' ? ' when grouped by hour; group by day for more' : ''}.`,
      { param: 'from' },
    )
  const filter = filterOf(view, {
    model: query.model,
    key: query.key,
    seller: query.seller,
    listing: query.listing,
  })
  if (!filter)
    throw new GatewayError('invalid_value', 'key, listing or seller is not an id of ours.', { param: 'key' })
  // A file holds everything; a page is cut.
  const question = { groupBy, splitBy, limit: format === 'csv' ? Infinity : limit }
  const isWhole = view.side === 'market' && !(query.model ?? query.seller ?? query.listing ?? query.key)
  if (isWhole && days > MOST_MARKET_DAYS_BY_HOUR && isByThing(groupBy, splitBy))
    return { ...question, tz: 'UTC', filter: { ...filter, ...wholeDays(span), days: true } }
  return { ...question, tz, filter: { ...filter, ...span } }
}

/** Of the whole market these are kept by day; models, which are few, by hour too. */
function isByThing(groupBy: string, splitBy: string | undefined): boolean {
  if (groupBy === 'hour') return false
  return groupBy === 'day' ? splitBy === 'seller' || splitBy === 'listing' : true
}

function wholeDays({ from, to }: { from: Date; to: Date }) {
  return {
    from: new Date(Math.floor(from.getTime() / DAY_MS) * DAY_MS),
    to: new Date(Math.ceil(to.getTime() / DAY_MS) * DAY_MS),
  }
}

function refuseBuyers(side: string, asked: readonly (string | undefined)[]): void {
  if (side !== 'seller' || !asked.some((each) => each === 'key' || each === 'user')) return
  throw new GatewayError(
    'invalid_value',
    'Sales are not told by who bought. Group by model, listing, day or hour.',
    {
      param: 'groupBy',
    },
  )
}

function wholeHours({ from, to }: { from?: Date | undefined; to?: Date | undefined }, nowMs: number) {
  const toMs = Math.ceil(((to?.getTime() ?? nowMs) + (to ? 0 : 1)) / HOUR_MS) * HOUR_MS
  const fromMs = Math.floor((from?.getTime() ?? toMs - USUAL_DAYS * DAY_MS) / HOUR_MS) * HOUR_MS
  return { from: new Date(fromMs), to: new Date(toMs) }
}
