import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'

const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => new Date(text))
  .refine(
    (at) => at.getUTCFullYear() >= 2000 && at.getUTCFullYear() <= 9000,
    'must lie between the years 2000 and 9000',
  )
const outcome = z.enum(['answered', 'free', 'left', 'failed', 'refused'])
const side = z.enum(['buyer', 'seller']).default('buyer').meta({
  description: '`buyer`: what the organisation asked for. `seller`: what its listings served.',
})
const organisation = queryText(40).optional().meta({
  description: 'One’s own unless told. Operators: `org-…` of anybody, or `all` for the whole market.',
})

const filters = {
  from: instant.optional(),
  to: instant.optional(),
  model: queryText(200).optional(),
  key: queryText(40).optional(),
  seller: queryText(40).optional().meta({ description: 'The organisation that sells, `org-…`.' }),
  listing: queryText(40).optional(),
  side,
  organisation,
}

export const requestsQuery = pageQuery.extend({
  ...filters,
  outcome: outcome.or(z.literal('trouble')).optional().meta({
    description: '`trouble` is everything but `answered`.',
  }),
  format: z.enum(['json', 'csv']).default('json'),
})

export const tailQuery = z.strictObject({
  model: filters.model,
  key: filters.key,
  seller: filters.seller,
  listing: filters.listing,
  side,
  organisation,
  outcome: outcome.or(z.literal('trouble')).optional(),
})

export const GROUPS = ['hour', 'day', 'model', 'key', 'seller', 'listing', 'user'] as const

export const usageQuery = z.strictObject({
  ...filters,
  groupBy: z.enum(GROUPS).default('day'),
  splitBy: z.enum(['model', 'key', 'seller', 'listing']).optional().meta({
    description: 'With `hour` or `day`: each bucket in parts, the ten that cost most by name.',
  }),
  tz: queryText(64)
    .refine(isZone, 'must be an IANA time zone such as Europe/Berlin')
    .default('UTC')
    .meta({ description: 'Whose days; zones that are not whole hours from UTC are rounded to the hour.' }),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
  format: z.enum(['json', 'csv']).default('json'),
})

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

const amount = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, 'must be nano-dollars above zero, as a string')
  .transform(BigInt)
const period = z.enum(['day', 'week', 'month'])

export const newAlert = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('spend'),
    period,
    amountNanos: amount,
    key: z.string().max(40).optional(),
  }),
  z.strictObject({ kind: z.literal('balance'), amountNanos: amount }),
])

export const changedAlert = z.strictObject({ amountNanos: amount.optional(), period: period.optional() })
