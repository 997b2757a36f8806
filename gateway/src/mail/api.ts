/** The outbox under `/api`. */
import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'
import { operation, pageAnswer, timeShown } from '../http/operation.ts'

const mailState = z.enum(['queued', 'sent', 'failed', 'kept'])

const mail = z
  .strictObject({
    id: z.string(),
    kind: z.string(),
    to: z.string(),
    subject: z.string(),
    text: z.string().meta({
      description: 'Plain text. A link in it is shown in play mode only, as long as it is a way in.',
    }),
    state: mailState,
    attempts: z.number().int(),
    lastError: z.string().nullable(),
    createdAt: timeShown,
    sentAt: timeShown.nullable(),
    nextAttemptAt: timeShown.nullable().meta({ description: 'Of a queued mail.' }),
  })
  .meta({ id: 'Mail' })

export type MailShown = z.output<typeof mail>

export const listOutbox = operation({
  method: 'get',
  path: '/api/outbox',
  summary: 'The mails of this gateway, the newest first',
  description: 'Mails are kept for 30 days.',
  access: 'operator',
  query: pageQuery.extend({ state: mailState.optional(), to: queryText(254).optional() }),
  answer: pageAnswer(mail),
})

export const getMail = operation({
  method: 'get',
  path: '/api/outbox/:id',
  summary: 'One mail',
  access: 'operator',
  answer: mail,
})

export const hurryMail = operation({
  method: 'post',
  path: '/api/outbox/:id/attempts',
  summary: 'Try to send a queued mail now',
  access: 'operator',
  answer: undefined,
})
