/** API keys under `/api`. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import { keyPolicy } from './policy.ts'
import {
  createKeyBody,
  keyScopes,
  listKeysQuery,
  organisationQuery,
  rotateKeyBody,
  updateKeyBody,
} from './schema.ts'

const limit = z.int().nullable()

const budgetShown = z
  .strictObject({
    limitNanos: nanosShown,
    period: z.enum(['day', 'week', 'month', 'total']),
    spentNanos: nanosShown,
    heldNanos: nanosShown,
    resetsAt: timeShown.nullable(),
  })
  .meta({ id: 'KeyBudget' })

const keyFields = {
  id: z.string(),
  organisationId: z.string(),
  createdBy: z.string().nullable(),
  name: z.string(),
  hint: z.string().meta({ description: 'The last characters of the secret.' }),
  label: z
    .string()
    .meta({ description: 'The key as lists show it: its public beginning and its last characters.' }),
  scopes: z.array(z.enum(keyScopes)),
  models: z.array(z.string()).meta({ description: 'The models it may use; empty: every model.' }),
  expiresAt: timeShown.nullable(),
  requestsPerMinute: limit,
  tokensPerMinute: limit,
  defaultMaxOutputTokens: limit,
  policy: keyPolicy,
  budget: budgetShown.nullable(),
  createdAt: timeShown,
  lastUsedAt: timeShown.nullable(),
  revokedAt: timeShown.nullable(),
  previousSecretUntil: timeShown.nullable(),
}

const keyShown = z.strictObject(keyFields).meta({ id: 'Key' })

export type KeyShown = z.output<typeof keyShown>

const keyWithSecret = z
  .strictObject({
    ...keyFields,
    key: z.string().meta({ description: 'The whole key. It is told once and kept nowhere.' }),
  })
  .meta({ id: 'KeyWithSecret' })

export type KeyWithSecret = z.output<typeof keyWithSecret>

export const createKey = operation({
  method: 'post',
  path: '/api/keys',
  summary: 'Create an API key; the answer is the only place where it stands whole',
  access: 'user',
  query: organisationQuery,
  body: createKeyBody,
  answer: keyWithSecret,
  status: 201,
})

export const listKeys = operation({
  method: 'get',
  path: '/api/keys',
  summary: 'Your API keys, the newest first',
  description: 'Operators name another organisation with `organisation`.',
  access: 'user',
  query: listKeysQuery,
  answer: pageAnswer(keyShown),
})

export const getKey = operation({
  method: 'get',
  path: '/api/keys/:id',
  summary: 'One API key, without its secret',
  access: 'user',
  answer: keyShown,
})

export const updateKey = operation({
  method: 'patch',
  path: '/api/keys/:id',
  summary: 'Change what a key may do and spend',
  access: 'user',
  body: updateKeyBody,
  answer: keyShown,
})

export const rotateKey = operation({
  method: 'post',
  path: '/api/keys/:id/rotate',
  summary: 'Give a key a new secret; the old one goes on for as long as you say',
  access: 'user',
  body: rotateKeyBody,
  answer: keyWithSecret,
})

export const revokeKey = operation({
  method: 'delete',
  path: '/api/keys/:id',
  summary: 'End a key for good',
  access: 'user',
  answer: keyShown,
})
