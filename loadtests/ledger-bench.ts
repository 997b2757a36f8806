/**
 * How many requests a second the ledger books on this machine: each is a durable hold and then a durable settlement.
 *
 *   npx tsx loadtests/ledger-bench.ts                the table
 *   npx tsx loadtests/ledger-bench.ts --json         the same as JSON
 *   npx tsx loadtests/ledger-bench.ts --rounds 5     more rounds (default 3)
 *
 * One gateway process, the embedded PostgreSQL as it is shipped (fsync on), 1,000 buyers, 100 sellers. The levels
 * alternate within a run. A hold's latency is what a request waits before it may be sent.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLedger, type Ledger } from '../gateway/src/ledger/ledger.ts'
import type { UsageRecord } from '../gateway/src/ledger/usage-record.ts'
import { systemClock } from '../gateway/src/platform/clock.ts'
import { openDatabase } from '../gateway/src/platform/database.ts'
import { startEmbeddedPostgres } from '../gateway/src/platform/embedded-postgres.ts'
import { uuidv7 } from '../gateway/src/platform/ids.ts'
import { createLogger } from '../gateway/src/platform/logger.ts'
import { migrate } from '../gateway/src/platform/migrate.ts'
import { median, quantile } from './load-client.ts'

const BUYERS = 1_000
const SELLERS = 100
const ROUND_MS = 4_000
const LEVELS = [
  { name: '1 in flight', inFlight: 1, buyers: BUYERS },
  { name: '64 in flight', inFlight: 64, buyers: BUYERS },
  { name: '256 in flight', inFlight: 256, buyers: BUYERS },
  { name: '256 in flight, one buyer', inFlight: 256, buyers: 1 },
]

interface Market {
  ledger: Ledger
  buyers: { organisationId: string; payer: bigint }[]
  sellers: bigint[]
  fee: bigint
}

interface Round {
  requestsPerSecond: number
  holdP50Ms: number
  holdP99Ms: number
  settleP50Ms: number
  settleP99Ms: number
  cpuMicrosPerRequest: number
}

async function main(): Promise<void> {
  const rounds = Number(process.argv[process.argv.indexOf('--rounds') + 1]) || 3
  const dataDir = mkdtempSync(join(tmpdir(), 'bourse-ledger-bench-'))
  chmodSync(dataDir, 0o711)
  const logger = createLogger({ level: 'error' })
  const server = await startEmbeddedPostgres({ dataDir, logger })
  try {
    const migrationsDir = fileURLToPath(new URL('../prisma/migrations', import.meta.url))
    await migrate({ url: server.adminUrl, migrationsDir, logger })
    const database = openDatabase({ url: server.appUrl, applicationName: 'ledger-bench', logger })
    const ledger = createLedger({
      pool: database.ledgerPool,
      logger,
      clock: systemClock,
      nodeId: 'bench',
      nodeEpoch: 1,
    })
    const results = await measure(await openMarket(ledger), rounds)
    const violations = await ledger.checkInvariants()
    await ledger.close()
    await database.close()
    report(results, violations.length)
  } finally {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function openMarket(ledger: Ledger): Promise<Market> {
  const buyers = []
  for (let index = 0; index < BUYERS; index += 1) {
    const organisationId = uuidv7()
    const payer = await ledger.accountId({ code: 'buyer_cash', owner: organisationId })
    const credit = {
      organisationId,
      amountNanos: 10n ** 15n,
      reason: 'bench',
      idempotencyKey: organisationId,
    }
    await ledger.creditPlayMoney(credit)
    buyers.push({ organisationId, payer })
  }
  const sellers = []
  for (let index = 0; index < SELLERS; index += 1) {
    sellers.push(await ledger.accountId({ code: 'seller_pending', owner: `seller-${index}` }))
  }
  return { ledger, buyers, sellers, fee: await ledger.accountId({ code: 'platform_fee', owner: '0' }) }
}

async function measure(market: Market, rounds: number): Promise<Map<string, Round[]>> {
  const results = new Map(LEVELS.map(({ name }): [string, Round[]] => [name, []]))
  for (const level of LEVELS) await runRound(market, level, ROUND_MS / 4)
  for (let round = 0; round < rounds; round += 1) {
    for (const level of LEVELS) results.get(level.name)?.push(await runRound(market, level, ROUND_MS))
  }
  return results
}

async function runRound(market: Market, level: (typeof LEVELS)[number], forMs: number): Promise<Round> {
  const holds: number[] = []
  const settles: number[] = []
  const cpuBefore = process.cpuUsage()
  const startedMs = performance.now()
  const endMs = startedMs + forMs
  const worker = async () => {
    while (performance.now() < endMs) await bookOne(market, level.buyers, holds, settles)
  }
  await Promise.all(Array.from({ length: level.inFlight }, worker))
  const cpu = process.cpuUsage(cpuBefore)
  for (const latencies of [holds, settles]) latencies.sort((left, right) => left - right)
  return {
    requestsPerSecond: (settles.length * 1_000) / (performance.now() - startedMs),
    holdP50Ms: quantile(holds, 0.5),
    holdP99Ms: quantile(holds, 0.99),
    settleP50Ms: quantile(settles, 0.5),
    settleP99Ms: quantile(settles, 0.99),
    cpuMicrosPerRequest: (cpu.user + cpu.system) / settles.length,
  }
}

async function bookOne(market: Market, buyers: number, holds: number[], settles: number[]): Promise<void> {
  const { ledger, fee } = market
  const { payer, organisationId } = market.buyers[
    Math.floor(Math.random() * buyers)
  ] as Market['buyers'][number]
  const sellerAccount = market.sellers[Math.floor(Math.random() * SELLERS)] as bigint
  const id = uuidv7()
  const askedMs = performance.now()
  await ledger.hold({ id, payer, amountNanos: 2_000_000n })
  const heldMs = performance.now()
  await ledger.settle({
    id,
    costNanos: 1_234_567n,
    sellerAccount,
    sellerNanos: 1_172_838n,
    feeAccount: fee,
    feeNanos: 61_729n,
    record: usageRecord(organisationId),
  })
  holds.push(heldMs - askedMs)
  settles.push(performance.now() - heldMs)
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
    price: {
      table: { base: prices, tiers: [] },
      nanosPerRequest: 0n,
      multiplierPpm: 1_000_000n,
      feeBps: 500n,
    },
    stream: true,
    finishReason: 'stop',
    startedAt: new Date(),
    durationMs: 812.5,
    ttftMs: 120.25,
  }
}

function report(results: Map<string, Round[]>, violations: number): void {
  const table = [...results].map(([level, rounds]) => {
    const of = (field: keyof Round) => Math.round(median(rounds.map((round) => round[field])) * 100) / 100
    const rates = rounds.map(({ requestsPerSecond }) => Math.round(requestsPerSecond))
    return {
      level,
      'requests/s': Math.round(of('requestsPerSecond')),
      range: `${Math.min(...rates)}–${Math.max(...rates)}`,
      'hold p50 ms': of('holdP50Ms'),
      'hold p99 ms': of('holdP99Ms'),
      'settle p50 ms': of('settleP50Ms'),
      'settle p99 ms': of('settleP99Ms'),
      'gateway CPU µs/request': of('cpuMicrosPerRequest'),
    }
  })
  if (process.argv.includes('--json')) console.log(JSON.stringify({ levels: table, violations }))
  else {
    console.table(table)
    console.log(`Broken invariants afterwards: ${violations}`)
  }
  if (violations > 0) process.exitCode = 1
}

await main()
