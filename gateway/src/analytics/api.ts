/** Requests, usage and spending alerts under `/api`. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import { changedAlert, GROUPS, newAlert, requestsQuery, tailQuery, usageQuery } from './schema.ts'

const named = z.strictObject({ id: z.string(), name: z.string() })
const milliseconds = z.number()

const attempt = z.strictObject({
  listing: named,
  provider: z.string(),
  outcome: z.string(),
  afterMs: milliseconds.meta({ description: 'From the beginning of the request.' }),
  durationMs: milliseconds.meta({ description: 'Until it failed, or its first content came.' }),
})

const tokens = z.strictObject({
  input: z.int().meta({ description: 'All of the prompt: fresh, cached, written to a cache and audio.' }),
  uncachedInput: z.int(),
  cacheRead: z.int(),
  cacheWrite: z.int(),
  audioInput: z.int(),
  output: z.int().meta({ description: 'All of the answer, reasoning and audio included.' }),
  audioOutput: z.int(),
  reasoning: z.int(),
})

const request = z
  .strictObject({
    id: z.string(),
    at: timeShown,
    organisation: named.optional().meta({ description: 'Who bought it; for operators only.' }),
    key: named.optional().meta({ description: 'Not for sellers.' }),
    modelAsked: z.string().nullable(),
    model: z.string().nullable(),
    listing: named.nullable().meta({ description: 'Who served it, or was tried last.' }),
    seller: named.nullable(),
    provider: z.string().nullable(),
    outcome: z.enum(['answered', 'free', 'left', 'failed', 'refused']),
    status: z.int().nullable(),
    error: z.string().nullable(),
    finishReason: z.string().nullable(),
    stream: z.boolean(),
    attempts: z.array(attempt).nullable().meta({
      description: 'Null when the gateway died before it told. Sellers see their own only.',
    }),
    overheadMs: milliseconds.nullable().meta({ description: 'Our own share, hold included.' }),
    ttftMs: milliseconds.nullable(),
    durationMs: milliseconds.nullable(),
    tokens: tokens.nullable(),
    usageSource: z.string().nullable(),
    billed: z.string().nullable(),
    settledAt: timeShown.nullable().meta({ description: 'Null: not billed, or not yet.' }),
    heldNanos: nanosShown.nullable(),
    costNanos: nanosShown.nullable(),
    sellerNanos: nanosShown.nullable(),
    feeNanos: nanosShown.nullable(),
  })
  .meta({ id: 'Request' })

export type RequestShown = z.output<typeof request>

const requestsAnswer = pageAnswer(request).extend({
  speed: z
    .strictObject({ of: z.int(), ttftMsP50: milliseconds, ttftMsP95: milliseconds })
    .nullable()
    .optional()
    .meta({ description: 'Of the newest thousand at most; with the first page only.' }),
})

export type RequestsAnswer = z.output<typeof requestsAnswer>

export const listRequests = operation({
  method: 'get',
  path: '/api/requests',
  summary: 'Requests, the newest first',
  description:
    'Also those that were refused or failed after a key was recognised. `format=csv` answers the same rows, up to 100,000.',
  access: 'reader',
  query: requestsQuery,
  answer: requestsAnswer,
  media: 'application/json; text/csv',
})

export const tailRequests = operation({
  method: 'get',
  path: '/api/requests/stream',
  summary: 'Requests as they end, as server-sent events',
  description:
    'Event `request` is a request as the list shows it. Send the last id seen as `Last-Event-ID` to go on; event `reset` says that too much was missed: read the list again.',
  access: 'reader',
  query: tailQuery,
  answer: request,
  media: 'text/event-stream',
})

export const getRequest = operation({
  method: 'get',
  path: '/api/requests/:id',
  summary: 'One request: its attempts, times, tokens and money',
  access: 'reader',
  answer: request,
})

const figures = {
  requests: z.int().meta({ description: 'That were billed, also at nothing.' }),
  failed: z.int(),
  refused: z.int(),
  left: z.int().meta({ description: 'The client went before anything was owed.' }),
  tokens,
  costNanos: nanosShown,
  sellerNanos: nanosShown,
  feeNanos: nanosShown,
  ttftMsMean: milliseconds.nullable().meta({ description: 'Of streams.' }),
  durationMsMean: milliseconds.nullable(),
}

const usageRow = z.strictObject({
  id: z.string().nullable().meta({ description: 'A time, a model or an id; null: none, or all the others.' }),
  name: z.string(),
  ...figures,
  parts: z
    .array(
      z.strictObject({
        id: z.string().nullable(),
        name: z.string(),
        requests: z.int(),
        costNanos: nanosShown,
      }),
    )
    .optional(),
})

export type UsageRow = z.output<typeof usageRow>

const usageAnswer = z
  .strictObject({
    asOf: timeShown.meta({ description: 'Everything that was booked by then is counted.' }),
    from: timeShown,
    to: timeShown,
    groupBy: z.enum(GROUPS),
    totals: z.strictObject(figures),
    data: z.array(usageRow),
    rest: z.strictObject(figures).nullable().meta({ description: 'What is beyond `limit`, in sum.' }),
  })
  .meta({ id: 'Usage' })

export type UsageAnswer = z.output<typeof usageAnswer>

export const getUsage = operation({
  method: 'get',
  path: '/api/usage',
  summary: 'What was used and what it cost, in sums',
  description:
    'Whole hours: `from` is rounded down, `to` up; thirty days unless told, two years at most. More than two days of the whole market by model, seller, listing or user are whole days of UTC. Hours and days are in order of time, everything else by cost.',
  access: 'reader',
  query: usageQuery,
  answer: usageAnswer,
  media: 'application/json; text/csv',
})

const alert = z
  .strictObject({
    id: z.string(),
    kind: z.enum(['spend', 'balance']),
    period: z.enum(['day', 'week', 'month']).nullable(),
    key: named.nullable(),
    amountNanos: nanosShown,
    to: z.string().meta({ description: 'Where the mail goes.' }),
    createdAt: timeShown,
    reached: z.boolean().meta({ description: 'In this period, or with the balance of now.' }),
    nowNanos: nanosShown.meta({ description: 'Spent in this period, or left, when it was last counted.' }),
    firedAt: timeShown.nullable(),
  })
  .meta({ id: 'SpendingAlert' })

export type SpendingAlertShown = z.output<typeof alert>

export const listAlerts = operation({
  method: 'get',
  path: '/api/spending-alerts',
  summary: 'Your spending alerts',
  access: 'user',
  answer: z.strictObject({ data: z.array(alert) }),
})

export const createAlert = operation({
  method: 'post',
  path: '/api/spending-alerts',
  summary: 'Be written to when so much is spent, or so little is left',
  description:
    'At most one mail per day, week or month of UTC, or each time the balance falls below the amount.',
  access: 'user',
  body: newAlert,
  answer: alert,
  status: 201,
})

export const changeAlert = operation({
  method: 'patch',
  path: '/api/spending-alerts/:id',
  summary: 'Change the amount or the period of an alert',
  access: 'user',
  body: changedAlert,
  answer: alert,
})

export const deleteAlert = operation({
  method: 'delete',
  path: '/api/spending-alerts/:id',
  summary: 'Remove an alert',
  access: 'user',
  answer: undefined,
})
