/** Getting in, under `/api`: what a visitor may ask without a session. */
import { z } from 'zod'
import { operation, timeShown } from '../http/operation.ts'
import { linkBody, loginBody, newPasswordBody, resetBody, signUpBody, verifyBody } from './schema.ts'
import { modeShown, userShown } from './shown-api.ts'

const grant = z.strictObject({
  token: z.string().meta({ description: 'Send it as Authorization: Bearer.' }),
  tokenType: z.literal('Bearer'),
  expiresInS: z.number().int(),
  user: userShown.extend({ mode: modeShown }),
})
const publicSettings = z.strictObject({
  mode: modeShown,
  signUp: z.enum(['open', 'closed']),
  mail: z.enum(['smtp', 'kept', 'none']).meta({
    description:
      '`kept`: play mode, operators read mails in the outbox. `none`: mails wait for a mail server.',
  }),
  version: z.string(),
})
const linkTarget = z.strictObject({ email: z.string(), name: z.string(), expiresAt: timeShown })

export type GrantShown = z.output<typeof grant>
export type PublicSettings = z.output<typeof publicSettings>
export type LinkTarget = z.output<typeof linkTarget>

export const getPublicSettings = operation({
  method: 'get',
  path: '/api/public-settings',
  summary: 'What a visitor should know',
  access: 'anyone',
  answer: publicSettings,
})
export const login = operation({
  method: 'post',
  path: '/api/login',
  summary: 'Sign in with a password',
  description:
    'The error `two_factor_required` means that the password was right: send it again together with `code`.',
  access: 'anyone',
  body: loginBody,
  answer: grant,
})
export const renewToken = operation({
  method: 'post',
  path: '/api/token',
  summary: 'A fresh token for the session of the cookie',
  description: 'For pages of this gateway only.',
  access: 'anyone',
  answer: grant,
})
export const logout = operation({
  method: 'post',
  path: '/api/logout',
  summary: 'Sign out',
  access: 'user',
  answer: undefined,
})
export const signUp = operation({
  method: 'post',
  path: '/api/sign-up',
  summary: 'Make an account of your own, where sign-up is open',
  description: 'The answer is the same whether the address is known or not; what follows comes by mail.',
  access: 'anyone',
  body: signUpBody,
  answer: z.strictObject({}),
  status: 202,
})
export const checkLink = operation({
  method: 'post',
  path: '/api/links',
  summary: 'Who a link from a mail is for',
  access: 'anyone',
  body: linkBody,
  answer: linkTarget,
})
export const verifyEmail = operation({
  method: 'post',
  path: '/api/verify',
  summary: 'Confirm the address of a sign-up, and sign in',
  access: 'anyone',
  body: verifyBody,
  answer: grant,
})
export const joinByInvitation = operation({
  method: 'post',
  path: '/api/join',
  summary: 'Take up an invitation: choose a password and sign in',
  access: 'anyone',
  body: newPasswordBody,
  answer: grant,
})
export const askReset = operation({
  method: 'post',
  path: '/api/password-reset',
  summary: 'Ask for a mail with a link to choose a new password',
  description: 'The answer is the same whether the address is known or not.',
  access: 'anyone',
  body: resetBody,
  answer: z.strictObject({}),
  status: 202,
})
export const resetPassword = operation({
  method: 'post',
  path: '/api/password-reset/confirm',
  summary: 'Choose a new password with the link; ends all sessions',
  access: 'anyone',
  body: newPasswordBody,
  answer: undefined,
})
