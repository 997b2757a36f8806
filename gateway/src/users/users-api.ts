/** Users as operators manage them, under `/api`. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import { createUserBody, creditBody, listUsersQuery, updateUserBody } from './schema.ts'
import { balanceShown, userShown } from './shown-api.ts'

const invitation = z.strictObject({
  expiresAt: timeShown,
  mail: z.enum(['queued', 'kept']).meta({ description: '`kept`: read it in the outbox; nothing is sent.' }),
  link: z.string().optional().meta({ description: 'Shown once, and only while no mail server is set.' }),
})
const password = z.string().optional().meta({ description: 'When the gateway made it: shown once.' })
const userDetail = userShown.extend({
  balance: balanceShown,
  invitation: z.strictObject({ sentAt: timeShown, expiresAt: timeShown }).nullable(),
  removal: z.enum(['closed', 'deleted']).nullable().meta({
    description: 'What DELETE would do now: a user with money, history or listings is closed.',
  }),
})

export type UserDetailShown = z.output<typeof userDetail>
export type UserCreated = z.output<typeof createUser.answer>
export type InvitationShown = z.output<typeof invitation>

export const listUsers = operation({
  method: 'get',
  path: '/api/users',
  summary: 'Users, the newest first',
  access: 'operator',
  query: listUsersQuery,
  answer: pageAnswer(userShown),
})
export const createUser = operation({
  method: 'post',
  path: '/api/users',
  summary: 'Make a user, with a password or by invitation',
  access: 'operator',
  body: createUserBody,
  answer: userShown.extend({ password, invitation: invitation.optional() }),
  status: 201,
})
export const getUser = operation({
  method: 'get',
  path: '/api/users/:id',
  summary: 'One user with the balance',
  access: 'operator',
  answer: userDetail,
})
export const updateUser = operation({
  method: 'patch',
  path: '/api/users/:id',
  summary: 'Change a user',
  access: 'operator',
  body: updateUserBody,
  answer: userShown.extend({ password }),
})
export const removeUser = operation({
  method: 'delete',
  path: '/api/users/:id',
  summary: 'Close a user with money, history or listings; delete any other',
  access: 'operator',
  answer: z.strictObject({ id: z.string(), outcome: z.enum(['closed', 'deleted']) }),
})
export const inviteAgain = operation({
  method: 'post',
  path: '/api/users/:id/invitation',
  summary: 'Send the invitation again; the older link ends',
  access: 'operator',
  answer: invitation,
  status: 201,
})
export const withdrawInvitation = operation({
  method: 'delete',
  path: '/api/users/:id/invitation',
  summary: 'End the link of an invitation',
  access: 'operator',
  answer: undefined,
})
export const resetTwoFactor = operation({
  method: 'delete',
  path: '/api/users/:id/two-factor',
  summary: 'Turn two-factor sign-in of a user off who has lost app and backup codes',
  access: 'operator',
  answer: undefined,
})
export const creditUser = operation({
  method: 'post',
  path: '/api/users/:id/credits',
  summary: 'Add play money, once per Idempotency-Key',
  description: '201 when it was booked, 200 when this key had booked it before.',
  access: 'operator',
  body: creditBody,
  answer: z.strictObject({
    userId: z.string(),
    amountNanos: nanosShown,
    reason: z.string(),
    balance: balanceShown,
  }),
})
