import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'

const MAX_WORDS = 4_000

const words = z
  .string()
  .trim()
  .min(1)
  .max(MAX_WORDS)
  .refine((text) => !text.includes('\0'), 'must not contain NUL')

export const listCasesQuery = pageQuery.extend({
  state: z.enum(['open', 'disputed', 'cleared', 'upheld']).optional(),
  listing: queryText(64).optional(),
})

export const disputeBody = z.strictObject({ reason: words })

export const resolveBody = z.strictObject({ outcome: z.enum(['cleared', 'upheld']), note: words })
