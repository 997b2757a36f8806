/** Every operation of the API, room by room: what the reference describes and the permission tests walk through. */
import * as analytics from '../analytics/api.ts'
import * as audit from '../audit/api.ts'
import * as catalog from '../catalog/api.ts'
import { isOperation, type Operation } from '../http/operation.ts'
import * as inference from '../inference/api.ts'
import * as keys from '../keys/api.ts'
import * as ledger from '../ledger/api.ts'
import * as mail from '../mail/api.ts'
import * as listings from '../marketplace/listings-api.ts'
import * as market from '../marketplace/market-api.ts'
import * as marketOperators from '../marketplace/operator-api.ts'
import * as prices from '../marketplace/prices-api.ts'
import * as payments from '../payments/api.ts'
import * as settlement from '../settlement/api.ts'
import * as trust from '../trust/api.ts'
import * as account from '../users/account-api.ts'
import * as signIn from '../users/sign-in-api.ts'
import * as users from '../users/users-api.ts'
import * as wallet from '../users/wallet-api.ts'
import * as admin from './api.ts'
import * as wire from './wire-operations.ts'

export interface Room {
  tag: string
  about: string
  operations: Readonly<Record<string, Operation>>
}

export const rooms: readonly Room[] = [
  room('Models', 'OpenAI’s API, and OpenRouter’s questions about money.', wire),
  room('Getting in', 'Signing up, in and out; invitations and passwords.', signIn),
  room('My account', 'Who you are, your sessions, your second factor.', account),
  room('Keys', 'API keys: limits, budgets and how they choose.', keys),
  room('Money', 'Balances, statements, top-ups, earnings and payouts.', wallet, payments),
  room('Requests and usage', 'What was asked, what it cost, and alerts on spending.', analytics),
  room('Routing', 'What a request would cost, where it would go, and why it went there.', inference),
  room('Receipts', 'Signed receipts of requests.', settlement),
  room('Market', 'Models, offers and prices.', market, prices),
  room('Listings', 'Keys and servers that sellers list.', listings),
  room('Trust', 'Cases against listings and their evidence.', trust),
  room('Users', 'People and their roles, for operators.', users),
  room('Operations', 'How the gateway is, for operators.', admin, marketOperators, catalog, mail),
  room('Ledger', 'Accounts, journals and entries, for operators.', ledger),
  room('Audit', 'Who did what.', audit),
]

function room(tag: string, about: string, ...modules: object[]): Room {
  const operations = modules.flatMap((module) =>
    Object.entries(module).filter((entry): entry is [string, Operation] => isOperation(entry[1])),
  )
  return { tag, about, operations: Object.fromEntries(operations) }
}
