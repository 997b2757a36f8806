/** What is and was in a wallet, under `/api`. */
import { z } from 'zod'
import { nanosShown, operation, timeShown } from '../http/operation.ts'
import { balanceQuery, statementQuery } from './schema.ts'
import { balanceShown, modeShown } from './shown-api.ts'

const balances = z.strictObject({
  balanceNanos: nanosShown,
  accounts: z.record(z.string(), nanosShown),
})
const statementLine = z
  .strictObject({
    id: z.string(),
    journalId: z.string(),
    createdAt: timeShown,
    code: z.string(),
    description: z.string(),
    account: z.string(),
    amountNanos: nanosShown,
    accountBalanceNanos: nanosShown,
    balanceNanos: nanosShown,
    requestId: z.string().optional(),
    model: z.string().optional(),
    listingId: z.string().optional(),
    keyId: z.string().optional(),
  })
  .meta({ id: 'StatementLine' })
const statement = z.strictObject({
  organisation: z.string(),
  account: z.enum(['buyer', 'seller']),
  currency: z.literal('USD'),
  from: timeShown.nullable(),
  to: timeShown,
  opening: balances,
  closing: balances,
  data: z.array(statementLine),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
})

export type BalanceShown = z.output<typeof getBalance.answer>
export type StatementLineShown = z.output<typeof statementLine>
export type StatementShown = z.output<typeof statement>

export const getBalance = operation({
  method: 'get',
  path: '/api/balance',
  summary: 'What is in a wallet',
  access: 'reader',
  query: balanceQuery,
  answer: balanceShown.extend({ mode: modeShown }),
})
export const getStatement = operation({
  method: 'get',
  path: '/api/statements',
  summary: 'What was booked for a buyer or a seller, newest first, or as one CSV file',
  access: 'reader',
  query: statementQuery,
  answer: statement,
  media: 'application/json; text/csv',
})
