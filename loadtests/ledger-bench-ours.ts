/**
 * The ledger as it is shipped; its SQL without group commit, one operation a call; and the same calls booked nowhere,
 * which tells what the load itself costs.
 */
import { createLedger, type Ledger } from '../gateway/src/ledger/ledger.ts'
import type { SettleOperation } from '../gateway/src/ledger/operations.ts'
import { holdBatch, settleBatch } from '../gateway/src/ledger/store.ts'
import type { UsageRecord } from '../gateway/src/ledger/usage-record.ts'
import { systemClock } from '../gateway/src/platform/clock.ts'
import { connectClient, openDatabase } from '../gateway/src/platform/database.ts'
import { uuidv7 } from '../gateway/src/platform/ids.ts'
import type { Logger } from '../gateway/src/platform/logger.ts'
import { amounts, type Books, BUYERS, FEE_STRIPES, type Order, SELLERS } from './ledger-bench-load.ts'

export interface OurBooks {
  batched: Books
  /** The same functions in the database, called with one operation each, on a connection for each worker. */
  unbatched: Books
  /** The same calls with the same arguments, booked nowhere. */
  nowhere: Books
  checkInvariants: Ledger['checkInvariants']
  close(): Promise<void>
}

interface Market {
  buyers: { organisationId: string; payer: bigint }[]
  sellers: bigint[]
  fees: bigint[]
}

const node = { nodeId: 'bench', nodeEpoch: 1 }

/** `connections` are for the calls without group commit. */
export async function openOurBooks(url: string, connections: number, logger: Logger): Promise<OurBooks> {
  const database = openDatabase({ url, applicationName: 'ledger-bench', logger })
  const ledger = createLedger({ pool: database.ledgerPool, logger, clock: systemClock, ...node })
  const market = await openMarket(ledger)
  const clients = await Promise.all(
    Array.from({ length: connections }, () => connectClient(url, 'unbatched')),
  )
  const alone = clients.map((client) =>
    booksOf(market, {
      hold: (operation) => holdBatch(client, [operation], node),
      settle: (operation) => settleBatch(client, [operation]),
    }),
  )
  const of = (worker: number) => alone[worker] as Books
  return {
    batched: booksOf(market, ledger),
    unbatched: {
      hold: (order, worker) => of(worker).hold(order, worker),
      settle: (order, worker) => of(worker).settle(order, worker),
    },
    nowhere: booksOf(market, { hold: async () => undefined, settle: async () => undefined }),
    checkInvariants: () => ledger.checkInvariants(),
    async close() {
      await ledger.close()
      await Promise.all([database.close(), ...clients.map((client) => client.end())])
    },
  }
}

function booksOf(
  market: Market,
  ledger: {
    hold: (hold: Parameters<Ledger['hold']>[0]) => Promise<unknown>
    settle: (settlement: SettleOperation) => Promise<unknown>
  },
): Books {
  return {
    async hold({ id, buyer }) {
      await ledger.hold({ id, payer: buyerOf(market, buyer).payer, amountNanos: amounts.hold })
    },
    async settle(order) {
      await ledger.settle(settlementOf(market, order))
    },
  }
}

function settlementOf(market: Market, { id, buyer, seller, stripe }: Order): SettleOperation {
  return {
    id,
    costNanos: amounts.cost,
    sellerAccount: market.sellers[seller] as bigint,
    sellerNanos: amounts.seller,
    feeAccount: market.fees[stripe] as bigint,
    feeNanos: amounts.fee,
    record: usageRecord(buyerOf(market, buyer).organisationId),
  }
}

const buyerOf = (market: Market, index: number) => market.buyers[index] as Market['buyers'][number]

async function openMarket(ledger: Ledger): Promise<Market> {
  const buyers = []
  for (let index = 0; index < BUYERS; index += 1) {
    const organisationId = uuidv7()
    const payer = await ledger.accountId({ code: 'buyer_cash', owner: organisationId })
    await ledger.creditPlayMoney({
      organisationId,
      amountNanos: amounts.credit,
      reason: 'bench',
      idempotencyKey: organisationId,
    })
    buyers.push({ organisationId, payer })
  }
  const many = (count: number, open: (owner: string) => Promise<bigint>) =>
    Promise.all(Array.from({ length: count }, (_, index) => open(String(index))))
  return {
    buyers,
    sellers: await many(SELLERS, (owner) => ledger.accountId({ code: 'seller_pending', owner })),
    fees: await many(FEE_STRIPES, (owner) => ledger.accountId({ code: 'platform_fee', owner })),
  }
}

const id = uuidv7()
const prices = {
  uncachedInput: 150_000n,
  cacheRead: 75_000n,
  cacheWrite5m: 150_000n,
  cacheWrite1h: 150_000n,
  audioInput: 0n,
  output: 600_000n,
  audioOutput: 0n,
}
const price = {
  table: { base: prices, tiers: [] },
  nanosPerRequest: 0n,
  multiplierPpm: 1_000_000n,
  feeBps: 500n,
}

function usageRecord(organisationId: string): UsageRecord {
  return {
    organisationId,
    keyId: id,
    listingId: id,
    sellerOrganisationId: id,
    model: 'openai/gpt-4o-mini',
    provider: 'openai',
    usage: {
      uncachedInput: 900,
      cacheRead: 100,
      cacheWrite5m: 0,
      cacheWrite1h: 0,
      audioInput: 0,
      output: 300,
      audioOutput: 0,
      reasoning: 0,
    },
    usageSource: 'reported',
    price,
    stream: true,
    finishReason: 'stop',
    startedAt: new Date(),
    durationMs: 812.5,
    ttftMs: 120.25,
    proof: { keyFingerprint: 'f'.repeat(16), requestHash: 'a'.repeat(64), responseHash: 'b'.repeat(64) },
  }
}
