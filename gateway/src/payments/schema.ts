import { z } from 'zod'
import { pageQuery } from '../audit/page.ts'

const UNPRINTABLE = /\p{Cc}|\p{Cs}/u
const line = (maxCharacters: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxCharacters)
    .refine((text) => !UNPRINTABLE.test(text), 'must not contain control characters')

/** Eighteen digits are a billion dollars. */
const nanosAsked = z
  .string()
  .regex(/^[1-9]\d{0,17}$/, 'must be a whole number of nano-dollars above 0, as a string')

export const requestPayoutBody = z.strictObject({
  amountNanos: nanosAsked
    .optional()
    .meta({ description: 'Whole cents; all that is available unless given.' }),
})

export const refusalBody = z.strictObject({
  note: line(500).meta({ description: 'Why; the seller reads it.' }),
})

export const bookPayoutBody = z.strictObject({
  bankReference: line(100).meta({
    description: 'The reference of the transfer at your bank; once for all payouts.',
  }),
  note: line(500).optional(),
})

/** An instant with its offset, or a day, which begins at midnight UTC. */
const instant = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: 'must be a day (2026-11-01) or a time with its offset (2026-11-01T00:00:00Z; send + as %2B)',
  })
  .refine((text) => {
    const year = new Date(text).getUTCFullYear()
    return year >= 2000 && year <= 9000
  }, 'must lie between the years 2000 and 9000')

const range = { from: instant.optional(), to: instant.optional() }

export const earningsQuery = z.strictObject({ organisation: z.string().max(64).optional() })

export const listPayoutsQuery = pageQuery.extend({
  state: z
    .enum(['open', 'requested', 'approved', 'paid', 'refused', 'cancelled', 'failed'])
    .optional()
    .meta({ description: '`open`: requested or approved.' }),
  organisation: z.string().max(64).optional(),
  format: z.enum(['json', 'csv']).default('json'),
})

export const topupBody = z.strictObject({ amountNanos: nanosAsked })

const TRANSACTION_KINDS = ['requests', 'topups', 'refunds', 'payouts', 'earnings', 'other'] as const

export const transactionsQuery = pageQuery.extend({
  ...range,
  account: z.enum(['buyer', 'seller']).default('buyer'),
  kind: z.enum(TRANSACTION_KINDS).optional(),
  organisation: z.string().max(64).optional(),
})
