/** A ledger on a database of its own, with buyers who have money. */
import { createLedger, type Ledger, type LedgerDeps } from '../../src/ledger/ledger.ts'
import type { SettleOperation } from '../../src/ledger/operations.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { connectClient, type DatabaseClient } from '../../src/platform/database.ts'
import { uuidv7 } from '../../src/platform/ids.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { usageRecord } from './ledger-history.ts'

export interface LedgerScene {
  testDatabase: TestDatabase
  /** As the superuser: sees and breaks what the gateway may not. */
  admin: DatabaseClient
  ledger: Ledger
  /** Lines of the log, level first. */
  logged: string[]
  /** Another ledger on the same database; the caller closes it. */
  open(deps?: Partial<LedgerDeps>): Ledger
  buyer(nanos: bigint): Promise<Buyer>
  settlement(id: string, costNanos: bigint, feeNanos?: bigint): Promise<SettleOperation>
  close(): Promise<void>
}

export interface Buyer {
  organisationId: string
  payer: bigint
}

export async function createLedgerScene(): Promise<LedgerScene> {
  const testDatabase = await createTestDatabase()
  const admin = await connectClient(testDatabase.adminUrl)
  const logged: string[] = []
  const logger = {
    warn: (_: unknown, message?: string) => void logged.push(`warn ${message}`),
    error: (_: unknown, message?: string) => void logged.push(`error ${message}`),
  } as LedgerDeps['logger']
  const open = (deps: Partial<LedgerDeps> = {}) =>
    createLedger({
      pool: testDatabase.database.ledgerPool,
      logger,
      clock: systemClock,
      nodeId: 'node-a',
      nodeEpoch: 1,
      ...deps,
    })
  const ledger = open()
  return {
    testDatabase,
    admin,
    ledger,
    logged,
    open,
    async buyer(nanos) {
      const organisationId = uuidv7()
      const payer = await ledger.accountId({ code: 'buyer_cash', owner: organisationId })
      if (nanos > 0n) {
        const credit = { organisationId, amountNanos: nanos, reason: 'a start', idempotencyKey: 'start' }
        await ledger.creditPlayMoney(credit)
      }
      return { organisationId, payer }
    },
    async settlement(id, costNanos, feeNanos = 0n) {
      return {
        id,
        costNanos,
        sellerAccount: await ledger.accountId({ code: 'seller_pending', owner: 'seller' }),
        sellerNanos: costNanos - feeNanos,
        feeAccount: await ledger.accountId({ code: 'platform_fee', owner: '0' }),
        feeNanos,
        record: usageRecord(),
      }
    },
    async close() {
      await ledger.close()
      await admin.end()
      await testDatabase.drop()
    },
  }
}
