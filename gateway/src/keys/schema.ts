import { z } from 'zod'
import { pageQuery } from '../audit/page.ts'
import type { BudgetPeriod } from '../ledger/operations.ts'
import { displayName } from '../users/schema.ts'
import { keyPolicy } from './policy.ts'

export const keyScopes = ['inference', 'read'] as const
export type KeyScope = (typeof keyScopes)[number]

/** How often a budget begins anew; the ledger calls one that never does `none`. */
const budgetPeriod = z
  .enum(['day', 'week', 'month', 'total'])
  .transform((period): BudgetPeriod => (period === 'total' ? 'none' : period))

const scopes = z
  .array(z.enum(keyScopes))
  .min(1)
  .max(keyScopes.length)
  .transform((named) => [...new Set(named)])

/** Empty: every model. */
const models = z
  .array(displayName(200))
  .max(200)
  .transform((named) => [...new Set(named)])

const perMinute = (max: number) => z.number().int().min(1).max(max)

const budget = z.strictObject({
  limitNanos: z
    .string()
    .regex(/^(0|[1-9]\d{0,17})$/, 'must be a whole number of nano-dollars, as a string')
    .transform((text) => BigInt(text)),
  period: budgetPeriod,
})

const time = z.iso.datetime({ offset: true }).transform((text) => new Date(text))

const settings = {
  name: displayName(),
  scopes,
  models,
  expiresAt: time.nullable(),
  budget: budget.nullable(),
  requestsPerMinute: perMinute(1_000_000).nullable(),
  tokensPerMinute: perMinute(2_000_000_000).nullable(),
  defaultMaxOutputTokens: perMinute(1_000_000).nullable(),
  policy: keyPolicy,
}

export const createKeyBody = z.strictObject(settings).partial().required({ name: true })

export const updateKeyBody = z
  .strictObject(settings)
  .partial()
  .refine((body) => Object.keys(body).length > 0, 'name at least one field to change')

export type KeyChanges = z.output<typeof updateKeyBody>

const GRACE_MAX_S = 86_400

export const rotateKeyBody = z.strictObject({
  /** How long the old secret goes on; 0 ends it at once. */
  graceS: z.number().int().min(0).max(GRACE_MAX_S).default(0),
})

export const listKeysQuery = pageQuery.extend({ organisation: z.string().max(64).optional() })

export const organisationQuery = z.strictObject({ organisation: z.string().max(64).optional() })
