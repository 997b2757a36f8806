import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'
import { parseScaled } from '../platform/money.ts'

// Control characters (NUL among them) and halves of surrogate pairs: nothing a name needs, and the database
// refuses some of them.
const UNPRINTABLE = /\p{Cc}|\p{Cs}/u

/** A name that people read: trimmed, 1 to `maxCharacters`, printable. */
export const displayName = (maxCharacters = 100) =>
  z
    .string()
    .trim()
    .min(1)
    .max(maxCharacters)
    .refine((text) => !UNPRINTABLE.test(text), 'must not contain control characters')

/** Lower case: one person, one account, however they type their address. */
const emailAddress = z.string().trim().toLowerCase().max(254).pipe(z.email())

/** For a login anything goes that is text: an answer about its form would tell nothing useful. */
const givenPassword = z.string().min(1).max(128)

export const PASSWORD_MIN_CHARACTERS = 12
export const PASSWORD_MAX_CHARACTERS = 128
const newPassword = z
  .string()
  .min(PASSWORD_MIN_CHARACTERS)
  .max(PASSWORD_MAX_CHARACTERS)
  .refine((text) => new Set(text).size >= 5, 'is too simple; use at least five different characters')

/** From the environment: what could not sign in later must fail at the start. */
export const firstOperator = z.strictObject({ email: emailAddress, password: newPassword })

/** Six digits of an app, or a backup code, with or without blanks and dashes. */
const givenCode = z.string().trim().min(1).max(64)

export const loginBody = z.strictObject({
  email: z.string().trim().toLowerCase().max(254),
  password: givenPassword,
  code: givenCode.optional().meta({ description: 'Needed when the answer was `two_factor_required`.' }),
})

export const codeBody = z.strictObject({ code: givenCode })
export const ownPasswordBody = z.strictObject({ password: givenPassword })
export const passwordBody = z.strictObject({ currentPassword: givenPassword, newPassword })

export const signUpBody = z.strictObject({
  email: emailAddress,
  name: displayName(),
  password: newPassword,
})
export const resetBody = z.strictObject({ email: emailAddress })

/** Ours have 43; nothing longer is worth a hash. */
const linkToken = z.string().min(1).max(128)
export const linkBody = z.strictObject({
  kind: z.enum(['invitation', 'reset', 'verification']),
  token: linkToken,
})
export const verifyBody = z.strictObject({ token: linkToken, password: givenPassword })
export const newPasswordBody = z.strictObject({ token: linkToken, password: newPassword })

export const profileBody = z.strictObject({ name: displayName() })

const grantableRoles = z
  .array(z.enum(['buyer', 'seller']))
  .max(2)
  .transform((roles) => [...new Set(roles)])

export const createUserBody = z
  .strictObject({
    email: emailAddress,
    name: displayName(),
    password: newPassword.optional(),
    invite: z.boolean().default(false).meta({ description: 'By mail; the person chooses the password.' }),
    roles: grantableRoles.default(['buyer']),
    operator: z.boolean().default(false),
  })
  .refine(({ invite, password }) => !invite || password === undefined, {
    path: ['password'],
    error: 'is chosen by who is invited; leave it out',
  })

export const updateUserBody = z
  .strictObject({
    email: emailAddress.optional(),
    name: displayName().optional(),
    roles: grantableRoles.optional(),
    operator: z.boolean().optional(),
    /** A new password, or `true`: we make one and show it once. */
    password: z.union([newPassword, z.literal(true)]).optional(),
  })
  .refine((body) => Object.keys(body).length > 0, 'name at least one field to change')

export const userState = z.enum(['active', 'invited', 'unverified', 'closed'])

export const listUsersQuery = pageQuery.extend({
  q: queryText(100).optional(),
  state: userState.optional(),
  role: z.enum(['buyer', 'seller', 'operator']).optional(),
})

const FIRST_YEAR = 2000
const LAST_YEAR = 9000

/** An instant with its offset, or a day, which begins at midnight UTC. */
const instant = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: 'must be a day (2026-11-01) or a time with its offset (2026-11-01T00:00:00Z; send + as %2B)',
  })
  .transform((text) => new Date(text))
  .refine((date) => date.getUTCFullYear() >= FIRST_YEAR, `must not be before the year ${FIRST_YEAR}`)
  .refine((date) => date.getUTCFullYear() <= LAST_YEAR, `must not be after the year ${LAST_YEAR}`)

export const statementQuery = z
  .strictObject({
    account: z.enum(['buyer', 'seller']).default('buyer'),
    from: instant.optional(),
    to: instant.optional(),
    format: z.enum(['json', 'csv']).default('json'),
    limit: pageQuery.shape.limit.removeDefault().optional(),
    /** The id of the last line seen. */
    before: z.string().max(64).optional(),
    /** The same, by the name that every list has. */
    cursor: z.string().max(64).optional(),
    organisation: z.string().max(64).optional(),
  })
  .refine(({ from, to }) => !from || !to || from < to, { path: ['from'], error: 'must lie before `to`' })
  .refine(({ before, cursor }) => before === undefined || cursor === undefined, {
    path: ['cursor'],
    error: 'is another name of `before`; send one of them',
  })
  .refine(({ format, limit }) => format === 'json' || limit === undefined, {
    path: ['limit'],
    error: 'is for JSON; a CSV file holds the whole period',
  })
  .refine(({ format, before, cursor }) => format === 'json' || (before ?? cursor) === undefined, {
    path: ['before'],
    error: 'is for JSON; a CSV file holds the whole period',
  })

export const balanceQuery = z.strictObject({ organisation: z.string().max(64).optional() })

/** A million dollars: a slip of the keyboard stays below it. */
const CREDIT_MAX_NANOS = 1_000_000_000_000_000n

export const creditBody = z.strictObject({
  amountNanos: z
    .string()
    .regex(/^[1-9]\d{0,17}$/, 'must be a whole number of nano-dollars above 0, as a string')
    .transform((text) => parseScaled(text, 0) ?? 0n)
    .refine((nanos) => nanos > 0n && nanos <= CREDIT_MAX_NANOS, `must be at most ${CREDIT_MAX_NANOS}`),
  reason: displayName(500),
})
