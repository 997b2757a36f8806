/** Earnings, payouts, top-ups and transactions. */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Response, Router } from 'express'
import { cursorId, pageOf } from '../audit/page.ts'
import type { Principal } from '../http/principal.ts'
import { type Door, sent, serveOperation } from '../http/serve-operation.ts'
import { readTransactions, type TransactionLine } from '../ledger/transactions.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import { organisationAsked } from '../users/organisation-asked.ts'
import {
  approvePayout,
  bookPayout,
  cancelPayout,
  createTopup,
  failPayout,
  getEarnings,
  getPayout,
  listPayouts,
  listTransactions,
  type PayoutDetail,
  refusePayout,
  requestPayout,
  type TransactionShown,
} from './api.ts'
import type { Payments } from './payments.ts'
import type { PayoutState } from './payout-states.ts'
import type { PayoutFilter, PayoutRow } from './payout-store.ts'
import { noSuchPayout } from './payouts.ts'
import { payoutsCsv, showPayout, showPayoutDetail } from './show-payout.ts'
import { showTopup } from './show-topup.ts'
import { TOPUP_MAX_NANOS } from './topups.ts'

const FILE_PAGE = 500
// What a spreadsheet opens in comfort.
const FILE_PAYOUTS_MAX = 100_000
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,100}$/

type User = Extract<Principal, { kind: 'user' }>

export function createPaymentRoutes({ payments, door }: { payments: Payments; door: Door }): Router {
  const { payouts, topups, pool } = payments
  const router = Router()
  const detail = async (row: PayoutRow, user: User): Promise<PayoutDetail> =>
    showPayoutDetail(row, await payouts.journals(row), { names: isOperator(user) })

  serveOperation(router, door, getEarnings, ({ query: { organisation }, response }) =>
    payments.earnings(organisationAsked(response, organisation)),
  )
  serveOperation(router, door, listPayouts, async ({ query, user, response }) => {
    const { limit, cursor, state, organisation, format } = query
    const filter = payoutFilter({ state, organisation }, user, response)
    const names = isOperator(user)
    if (format === 'csv') return sendPayouts(response, payoutsCsv(allPayouts(payments, filter), { names }))
    const beforeId = cursorId('pay-', cursor)
    const rows = await payouts.list({ ...filter, limit: limit + 1, ...(beforeId ? { beforeId } : {}) })
    return pageOf(rows, limit, (row) => showPayout(row, { names }))
  })
  serveOperation(router, door, getPayout, async ({ params, user }) =>
    detail(await payouts.get(idOf(params), user), user),
  )
  serveOperation(router, door, requestPayout, async ({ body: { amountNanos }, user }) =>
    detail(
      await payouts.request(amountNanos === undefined ? {} : { amountNanos: BigInt(amountNanos) }, user),
      user,
    ),
  )
  serveOperation(router, door, cancelPayout, async ({ params, user }) =>
    detail(await payouts.cancel(idOf(params), user), user),
  )
  serveOperation(router, door, approvePayout, async ({ params, user }) =>
    detail(await payouts.approve(idOf(params), user), user),
  )
  serveOperation(router, door, refusePayout, async ({ params, body, user }) =>
    detail(await payouts.refuse(idOf(params), body.note, user), user),
  )
  serveOperation(router, door, failPayout, async ({ params, body, user }) =>
    detail(await payouts.fail(idOf(params), body.note, user), user),
  )
  serveOperation(router, door, bookPayout, async ({ params, body: { bankReference, note }, user }) =>
    detail(await payouts.book(idOf(params), { bankReference, ...(note ? { note } : {}) }, user), user),
  )
  serveOperation(router, door, createTopup, async ({ body, request, user }) => {
    const amountNanos = topupAsked(body.amountNanos)
    const idempotencyKey = keyOf(request.headers['idempotency-key'])
    return showTopup(await topups.topUp({ amountNanos, idempotencyKey }, user))
  })
  serveOperation(router, door, listTransactions, async ({ query, response }) => {
    const { limit, cursor, account, kind = 'requests', from, to, organisation } = query
    const lines = await readTransactions(pool, {
      organisationId: organisationAsked(response, organisation),
      side: account,
      kind,
      from: instantOf(from),
      to: instantOf(to),
      after: cursor,
      limit: limit + 1,
    })
    return pageOf(lines, limit, showTransaction)
  })
  return router
}

function isOperator(user: User): boolean {
  return user.roles.includes('operator')
}

/** One's own; for operators everybody's, unless they name one. */
function payoutFilter(
  { state, organisation }: { state: string | undefined; organisation: string | undefined },
  user: User,
  response: Response,
): Omit<PayoutFilter, 'limit'> {
  const all = organisation === undefined && isOperator(user)
  return {
    ...(all ? {} : { organisationId: organisationAsked(response, organisation) }),
    ...(state === undefined
      ? {}
      : { states: state === 'open' ? (['requested', 'approved'] as const) : [state as PayoutState] }),
  }
}

async function* allPayouts({ payouts }: Payments, filter: Omit<PayoutFilter, 'limit'>) {
  let beforeId: string | undefined
  for (let told = 0; told < FILE_PAYOUTS_MAX; told += FILE_PAGE) {
    const page = await payouts.list({ ...filter, limit: FILE_PAGE, ...(beforeId ? { beforeId } : {}) })
    yield page
    beforeId = page.at(-1)?.id
    if (page.length < FILE_PAGE) return
  }
}

/** At the reader's pace. What fails on the way breaks the connection off: half a file is no file. */
async function sendPayouts(response: Response, csv: AsyncIterable<string>): Promise<typeof sent> {
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-type', 'text/csv; charset=utf-8')
  response.setHeader('content-disposition', 'attachment; filename="payouts.csv"')
  await pipeline(Readable.from(csv, { objectMode: true, highWaterMark: 1 }), response).catch(() =>
    response.destroy(),
  )
  return sent
}

function topupAsked(text: string): bigint {
  const amountNanos = BigInt(text)
  if (amountNanos <= TOPUP_MAX_NANOS) return amountNanos
  throw new GatewayError('invalid_value', `amountNanos: must be at most ${TOPUP_MAX_NANOS}, that is $100.`, {
    param: 'amountNanos',
  })
}

function keyOf(header: string | string[] | undefined): string {
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return header
  throw new GatewayError(
    'invalid_value',
    'Send an Idempotency-Key header of 1 to 100 printable characters, a new one for each top-up, so that a repeated request adds once.',
    { param: 'Idempotency-Key' },
  )
}

function instantOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text)
}

function idOf({ id: named }: Record<string, string>): string {
  const id = parseId('pay-', String(named))
  if (id) return id
  throw noSuchPayout()
}

function showTransaction(line: TransactionLine): TransactionShown {
  return {
    id: line.id,
    journalId: line.journalId,
    createdAt: line.createdAt.toISOString(),
    code: line.code,
    description: line.description,
    account: line.account,
    amountNanos: line.amountNanos.toString(),
    requestId: line.requestId ?? null,
    model: line.model ?? null,
  }
}
