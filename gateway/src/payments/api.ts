/** Money for people under `/api`: what sellers earned, payouts, top-ups, and what happened on an account. */
import { z } from 'zod'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'
import {
  bookPayoutBody,
  earningsQuery,
  listPayoutsQuery,
  refusalBody,
  requestPayoutBody,
  topupBody,
  transactionsQuery,
} from './schema.ts'

const obstacle = z.strictObject({
  code: z.enum(['payout_open', 'debt', 'case_open', 'too_little', 'closed']),
  text: z.string(),
})

const earnings = z
  .strictObject({
    organisation: z.string(),
    currency: z.literal('USD'),
    pendingNanos: nanosShown.meta({ description: 'Earned, and waiting to mature.' }),
    availableNanos: nanosShown.meta({ description: 'Matured: a payout can be asked for.' }),
    reserveNanos: nanosShown.meta({ description: 'Set aside while a listing is examined.' }),
    inFlightNanos: nanosShown.meta({ description: 'In a payout that is not paid yet.' }),
    paidNanos: nanosShown.meta({ description: 'All that was ever paid out.' }),
    owedNanos: nanosShown.meta({ description: 'What the seller owes the platform.' }),
    holdDays: z.int().meta({ description: 'Full days before earnings mature; 0: within a minute.' }),
    matures: z.array(z.strictObject({ at: timeShown, amountNanos: nanosShown })).meta({
      description: 'What of `pendingNanos` matures when; a time that has passed means within a minute.',
    }),
    payout: z.strictObject({
      payableNanos: nanosShown.meta({ description: 'Whole cents of what is available.' }),
      minNanos: nanosShown,
      openId: z.string().nullable().meta({ description: 'The payout that is on its way.' }),
      obstacles: z
        .array(obstacle)
        .meta({ description: 'Why no payout can be asked for now; empty when one can.' }),
    }),
  })
  .meta({ id: 'Earnings' })

export type Earnings = z.output<typeof earnings>

export const getEarnings = operation({
  method: 'get',
  path: '/api/earnings',
  summary: 'What a seller earned, and how far it is on its way to him',
  description:
    'Your own organisation; operators may name another. What each listing earned: `GET /api/usage?groupBy=listing&side=seller`.',
  access: 'user',
  query: earningsQuery,
  answer: earnings,
})

const person = z.strictObject({ id: z.string(), name: z.string() }).nullable()

const payoutFields = {
  id: z.string(),
  organisation: z.strictObject({ id: z.string(), name: z.string() }),
  amountNanos: nanosShown,
  currency: z.literal('USD'),
  state: z.enum(['requested', 'approved', 'paid', 'refused', 'cancelled', 'failed']),
  booked: z.boolean().meta({ description: 'False for a moment while the ledger follows.' }),
  requestedAt: timeShown,
  requestedBy: person.meta({ description: 'Told to operators only, as are the other names.' }),
  approvedAt: timeShown.nullable(),
  approvedBy: person,
  concludedAt: timeShown.nullable().meta({ description: 'When it was paid, refused, cancelled or failed.' }),
  concludedBy: person,
  bankReference: z.string().nullable(),
  note: z.string().nullable(),
}

const payout = z.strictObject(payoutFields).meta({ id: 'Payout' })

export type PayoutShown = z.output<typeof payout>

const payoutDetail = z
  .strictObject({
    ...payoutFields,
    fourEyes: z
      .boolean()
      .nullable()
      .meta({ description: 'Of a paid one: whether two people approved and booked it.' }),
    journals: z.array(z.strictObject({ id: z.string(), code: z.string(), createdAt: timeShown })),
  })
  .meta({ id: 'PayoutDetail' })

export type PayoutDetail = z.output<typeof payoutDetail>

export const listPayouts = operation({
  method: 'get',
  path: '/api/payouts',
  summary: 'Payouts, the newest first',
  description:
    'Your own; for operators everybody’s, or those of one `organisation`. `format=csv` answers the whole list as a file.',
  access: 'user',
  query: listPayoutsQuery,
  answer: pageAnswer(payout),
  media: 'application/json; text/csv',
})

export const getPayout = operation({
  method: 'get',
  path: '/api/payouts/:id',
  summary: 'One payout with its journals',
  access: 'user',
  answer: payoutDetail,
})

export const requestPayout = operation({
  method: 'post',
  path: '/api/payouts',
  summary: 'Ask to be paid',
  description: 'Sets the money aside at once. One payout is on its way at a time.',
  access: 'seller',
  body: requestPayoutBody,
  answer: payoutDetail,
  status: 201,
})

export const cancelPayout = operation({
  method: 'post',
  path: '/api/payouts/:id/cancel',
  summary: 'Take back a payout that was not approved yet',
  access: 'user',
  answer: payoutDetail,
})

export const approvePayout = operation({
  method: 'post',
  path: '/api/payouts/:id/approve',
  summary: 'Agree to a payout; it is to be paid from then on',
  access: 'operator',
  answer: payoutDetail,
})

export const refusePayout = operation({
  method: 'post',
  path: '/api/payouts/:id/refuse',
  summary: 'Refuse a payout; the money is available to its seller again',
  access: 'operator',
  body: refusalBody,
  answer: payoutDetail,
})

export const bookPayout = operation({
  method: 'post',
  path: '/api/payouts/:id/book',
  summary: 'Book an approved payout that was paid by hand, with the bank’s reference',
  description: 'A repetition with the same reference changes nothing. A reference pays one payout.',
  access: 'operator',
  body: bookPayoutBody,
  answer: payoutDetail,
})

export const failPayout = operation({
  method: 'post',
  path: '/api/payouts/:id/fail',
  summary: 'An approved payout could not be paid; the money is available to its seller again',
  access: 'operator',
  body: refusalBody,
  answer: payoutDetail,
})

const topup = z
  .strictObject({
    id: z.string(),
    amountNanos: nanosShown,
    createdAt: timeShown,
    balance: z.strictObject({
      balanceNanos: nanosShown,
      availableNanos: nanosShown,
      heldNanos: nanosShown,
    }),
  })
  .meta({ id: 'Topup' })

export type TopupShown = z.output<typeof topup>

export const createTopup = operation({
  method: 'post',
  path: '/api/topups',
  summary: 'Put play money into your own wallet',
  description:
    'In play mode, at most $100 at once and $500 within 24 hours; with an `Idempotency-Key` header, so that a repetition adds nothing. In live mode it answers 501: no way to pay is connected.',
  access: 'buyer',
  body: topupBody,
  answer: topup,
  status: 201,
})

const transaction = z
  .strictObject({
    id: z.string(),
    journalId: z.string(),
    createdAt: timeShown,
    code: z.string(),
    description: z.string(),
    account: z.string(),
    amountNanos: nanosShown.meta({ description: 'What it did to the balance.' }),
    requestId: z.string().nullable(),
    model: z.string().nullable(),
  })
  .meta({ id: 'Transaction' })

export type TransactionShown = z.output<typeof transaction>

export const listTransactions = operation({
  method: 'get',
  path: '/api/transactions',
  summary: 'What happened on your account, by kind, the newest first',
  description: 'As `GET /api/statements`, without balances and with a filter by `kind`.',
  access: 'user',
  query: transactionsQuery,
  answer: pageAnswer(transaction),
})
