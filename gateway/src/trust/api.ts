/** Cases against listings under `/api`. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import { disputeBody, listCasesQuery, resolveBody } from './schema.ts'

const trustCase = z
  .strictObject({
    id: z.string(),
    listingId: z.string(),
    model: z.string(),
    kind: z.string().meta({
      description:
        '`usage_inflated`: more tokens reported than counted; `integrity`: answers that were tampered with.',
    }),
    state: z.enum(['open', 'disputed', 'cleared', 'upheld']),
    quarantined: z.boolean(),
    evidence: z
      .unknown()
      .meta({ description: 'What the verdict rests on: the test, its signs and samples.' }),
    reservedNanos: nanosShown,
    openedAt: timeShown,
    disputedAt: timeShown.nullable(),
    dispute: z.string().nullable(),
    resolvedAt: timeShown.nullable(),
    note: z.string().nullable(),
  })
  .meta({ id: 'TrustCase' })

export type TrustCase = z.output<typeof trustCase>

export const listCases = operation({
  method: 'get',
  path: '/api/trust/cases',
  summary: 'Cases against your listings; operators see all',
  access: 'user',
  query: listCasesQuery,
  answer: pageAnswer(trustCase),
})

export const getCase = operation({
  method: 'get',
  path: '/api/trust/cases/:id',
  summary: 'One case with its evidence',
  access: 'user',
  answer: trustCase,
})

export const disputeCase = operation({
  method: 'post',
  path: '/api/trust/cases/:id/dispute',
  summary: 'Say why a case against your listing is wrong',
  access: 'user',
  body: disputeBody,
  answer: trustCase,
})

export const resolveCase = operation({
  method: 'post',
  path: '/api/trust/cases/:id/resolve',
  summary: 'Clear a listing of a case, or uphold it',
  description: 'What was reserved for the case is given back when it is cleared.',
  access: 'operator',
  body: resolveBody,
  answer: trustCase,
})
