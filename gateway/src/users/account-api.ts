/** One's own account, under `/api`. */
import { z } from 'zod'
import { operation, timeShown } from '../http/operation.ts'
import { codeBody, ownPasswordBody, passwordBody, profileBody } from './schema.ts'
import { modeShown, userShown } from './shown-api.ts'

const person = userShown.extend({ mode: modeShown })
const session = z
  .strictObject({
    id: z.string(),
    createdAt: timeShown,
    lastUsedAt: timeShown,
    expiresAt: timeShown,
    ipAddress: z.string().nullable(),
    userAgent: z.string().nullable(),
    current: z.boolean(),
  })
  .meta({ id: 'Session' })
const twoFactor = z.strictObject({ enabledAt: timeShown.nullable(), backupCodesLeft: z.number().int() })

export type SessionShown = z.output<typeof session>
export type TwoFactorShown = z.output<typeof twoFactor>

export const getMe = operation({
  method: 'get',
  path: '/api/me',
  summary: 'Who is signed in',
  access: 'user',
  answer: person.extend({ sessionId: z.string() }),
})
export const updateMe = operation({
  method: 'patch',
  path: '/api/me',
  summary: 'Change your name',
  access: 'user',
  body: profileBody,
  answer: person,
})
export const changePassword = operation({
  method: 'post',
  path: '/api/me/password',
  summary: 'Change your password; ends your other sessions',
  access: 'user',
  body: passwordBody,
  answer: undefined,
})
export const getTwoFactor = operation({
  method: 'get',
  path: '/api/me/two-factor',
  summary: 'Whether two-factor sign-in is on',
  access: 'user',
  answer: twoFactor,
})
export const beginTwoFactor = operation({
  method: 'post',
  path: '/api/me/two-factor',
  summary: 'Get a secret for an authenticator app',
  description: 'It is on when `POST /api/me/two-factor/confirm` has seen a code of the app.',
  access: 'user',
  body: ownPasswordBody,
  answer: z.strictObject({ secret: z.string(), uri: z.string() }),
})
const backupCodes = z.strictObject({ backupCodes: z.array(z.string()) })
export const confirmTwoFactor = operation({
  method: 'post',
  path: '/api/me/two-factor/confirm',
  summary: 'Turn two-factor sign-in on; answers the backup codes, once',
  access: 'user',
  body: codeBody,
  answer: backupCodes,
})
export const renewBackupCodes = operation({
  method: 'post',
  path: '/api/me/two-factor/backup-codes',
  summary: 'New backup codes in place of the old ones',
  access: 'user',
  body: ownPasswordBody,
  answer: backupCodes,
})
export const disableTwoFactor = operation({
  method: 'post',
  path: '/api/me/two-factor/disable',
  summary: 'Turn two-factor sign-in off',
  access: 'user',
  body: ownPasswordBody,
  answer: undefined,
})
export const listSessions = operation({
  method: 'get',
  path: '/api/sessions',
  summary: 'Where you are signed in',
  access: 'user',
  answer: z.strictObject({ data: z.array(session) }),
})
export const endSession = operation({
  method: 'delete',
  path: '/api/sessions/:id',
  summary: 'End one of your sessions',
  access: 'user',
  answer: undefined,
})
export const endOtherSessions = operation({
  method: 'delete',
  path: '/api/sessions',
  summary: 'End all your sessions but this one',
  access: 'user',
  answer: undefined,
})
