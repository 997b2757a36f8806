/** Sellers who earn and are paid, on a database of their own: the ledger, payments, and a clock that can be moved. */
import { createAudit } from '../../src/audit/audit.ts'
import type { Principal } from '../../src/http/principal.ts'
import { createLedger, type Ledger } from '../../src/ledger/ledger.ts'
import { createPayments, type Payments } from '../../src/payments/payments.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { createJobBoard } from '../../src/platform/job-board.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createWallets } from '../../src/users/wallets.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { usageRecord } from './ledger-history.ts'
import { createTestClock, type TestClock } from './people-app.ts'

export type User = Extract<Principal, { kind: 'user' }>

export interface PaymentsScene {
  testDatabase: TestDatabase
  ledger: Ledger
  payments: Payments
  clock: TestClock
  /** A person with an organisation of their own. */
  person(roles: User['roles'], name?: string): Promise<User>
  /** A request of somebody's that a seller served: all of its cost is his. Answers its journal. */
  earn(seller: User, nanos: bigint): Promise<string>
  balance(code: string, owner?: string): Promise<bigint>
  /** Payments on the same books, through another ledger or by other rules; nothing of it runs by itself. */
  open(options?: { ledger?: Pick<Ledger, 'post'>; holdDays?: number; clock?: TestClock }): Payments
  close(): Promise<void>
}

export async function createPaymentsScene({
  holdDays = 0,
  minUsd = 1n,
  mode = 'play',
}: {
  holdDays?: number
  minUsd?: bigint
  mode?: 'play' | 'live'
} = {}): Promise<PaymentsScene> {
  const testDatabase = await createTestDatabase()
  const { database } = testDatabase
  const logger = createLogger({ level: 'silent' })
  const clock = createTestClock()
  const ledger = createLedger({
    pool: database.ledgerPool,
    logger,
    clock,
    nodeId: 'payments-scene',
    nodeEpoch: 1,
  })
  const audit = createAudit({ database, logger, clock })
  const wallets = createWallets({ database, ledger, audit, playMode: mode === 'play' })
  const opened: Payments[] = []
  const open: PaymentsScene['open'] = (options = {}) => {
    const config = {
      mode,
      earningsHoldDays: options.holdDays ?? holdDays,
      payoutMinNanos: minUsd * 1_000_000_000n,
    }
    const books = options.ledger ?? ledger
    const time = options.clock ?? clock
    const payments = createPayments({
      config,
      database,
      ledger: books,
      wallets,
      audit,
      clock: time,
      logger,
      jobs: createJobBoard(time),
    })
    opened.push(payments)
    return payments
  }
  const buyer = uuidv7()
  await ledger.creditPlayMoney({
    organisationId: buyer,
    amountNanos: 10n ** 15n,
    reason: 'to spend',
    idempotencyKey: 'start',
  })
  return {
    testDatabase,
    ledger,
    payments: open(),
    clock,
    open,
    async person(roles, name = 'Somebody') {
      const [userId, organisationId] = [uuidv7(), uuidv7()]
      await database.prisma.organisation.create({ data: { id: organisationId, name, kind: 'personal' } })
      await database.prisma.user.create({ data: { id: userId, name, email: `${userId}@example.test` } })
      return { kind: 'user', userId, sessionId: uuidv7(), organisationId, roles }
    },
    async earn(seller, nanos) {
      const id = uuidv7()
      const payer = await ledger.accountId({ code: 'buyer_cash', owner: buyer })
      await ledger.hold({ id, payer, amountNanos: nanos })
      await ledger.settle({
        id,
        costNanos: nanos,
        sellerAccount: await ledger.accountId({ code: 'seller_pending', owner: seller.organisationId }),
        sellerNanos: nanos,
        feeAccount: await ledger.accountId({ code: 'platform_fee', owner: '0' }),
        feeNanos: 0n,
        record: usageRecord(buyer, seller.organisationId),
      })
      return id
    },
    async balance(code, owner) {
      const { rows } = await database.pool.query<{ balance: string }>(
        `SELECT (CASE normal_side WHEN 'credit' THEN credits - debits ELSE debits - credits END)::text AS balance
          FROM ledger.account WHERE key = $1`,
        [owner === undefined ? code : `${code}:${owner}`],
      )
      return BigInt(rows[0]?.balance ?? 0)
    },
    async close() {
      for (const payments of opened) await payments.close()
      await ledger.close()
      await testDatabase.drop()
    },
  }
}
