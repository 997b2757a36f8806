/**
 * `npm run seed:market`: fills an empty play database with a market that has a history. The same seed makes the same people,
 * listings and requests; only the moment at which the history ends is the present.
 */
import { strict as assert } from 'node:assert'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createRollup } from '../gateway/src/analytics/rollup.ts'
import { loadCatalog } from '../gateway/src/catalog/catalog.ts'
import { readProvidersFile } from '../gateway/src/context.ts'
import { createLedgerSealer } from '../gateway/src/ledger/sealer.ts'
import { systemClock } from '../gateway/src/platform/clock.ts'
import { connectClient, type DatabaseClient, openDatabase } from '../gateway/src/platform/database.ts'
import { startEmbeddedPostgres } from '../gateway/src/platform/embedded-postgres.ts'
import { fixMode } from '../gateway/src/platform/fix-mode.ts'
import { createJobBoard } from '../gateway/src/platform/job-board.ts'
import { createLocalKms } from '../gateway/src/platform/kms.ts'
import { createLogger } from '../gateway/src/platform/logger.ts'
import { migrate } from '../gateway/src/platform/migrate.ts'
import { completeSecrets } from '../gateway/src/platform/secret-files.ts'
import { createSealer } from '../gateway/src/platform/secrets.ts'
import { loadProviders } from '../gateway/src/providers/registry.ts'
import { randomOf } from '../gateway/src/routing/seeded-random.ts'
import { createAuth } from '../gateway/src/users/auth.ts'
import { makeMonths, writeJournals, writeRequests, writeSums } from './market-books.ts'
import { writeKeys, writeListings, writePeople } from './market-people.ts'
import { DAY_MS, type Market, type MarketSize, planMarket } from './market-plan.ts'
import {
  planCredits,
  planSellers,
  writeAlerts,
  writeAudit,
  writeCases,
  writeCatalogues,
  writeMails,
  writeSellers,
} from './market-rest.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const AUDIT_PER_REQUEST = 0.2
/** Of everybody in a seeded market. */
export const SEED_PASSWORD = 'a password for load tests'

export interface SeedOptions extends Omit<MarketSize, 'endMs'> {
  /** As a superuser: rows of the past are not written by the functions that write those of the present. */
  adminUrl: string
  /** What the listings' credentials are sealed with. */
  encryptionKey: Buffer
  tell: (line: string) => void
}

/** Throws when the database holds anything but what the migrations made, or was made in live mode. */
export async function seedMarket({ adminUrl, encryptionKey, tell, ...size }: SeedOptions): Promise<Market> {
  const logger = createLogger({ level: 'error' })
  const database = openDatabase({ url: adminUrl, applicationName: 'bourse-seed', logger })
  const client = await connectClient(adminUrl, 'bourse-seed')
  const step = timed(tell)
  try {
    await fixMode(database, 'play')
    const endMs = await emptySince(client)
    const catalog = loadCatalog({ overridesPath: join(ROOT, 'config/models.json'), nowMs: endMs })
    const providers = loadProviders(readProvidersFile())
      .list()
      .filter(({ baseUrl }) => baseUrl.startsWith('https:'))
    const market = planMarket({ ...size, endMs }, catalog, providers)
    await step('people, keys and listings', async () => {
      const auth = createAuth({
        database,
        sessionSecret: encryptionKey.toString('hex'),
        publicUrl: 'http://127.0.0.1',
        logger,
        mayEnter: async () => true,
      })
      await writePeople(client, market, await auth.hashPassword(SEED_PASSWORD))
      await writeKeys(client, market)
      await writeListings(client, market, createSealer(createLocalKms({ current: encryptionKey })))
    })
    await step('requests', () => history(client, market, tell))
    await step('audit, mails, cases, alerts', async () => {
      await writeAudit(client, market, Math.ceil(size.requests * AUDIT_PER_REQUEST))
      await writeMails(client, market)
      await writeCases(client, market)
      await writeAlerts(client, market)
      await writeCatalogues(client, market)
    })
    await step('statistics', () => client.query('VACUUM ANALYZE'))
    await step('usage added up', () => addUp(database, client, logger))
    await step('books sealed', () => seal(database, logger))
    await step('statistics', () => client.query('VACUUM ANALYZE'))
    await step('invariants of the ledger', async () => {
      const { rows } = await client.query('SELECT * FROM ledger.check_invariants() LIMIT 5')
      assert.deepEqual(rows, [], 'the seeded books are not in order')
    })
    return market
  } finally {
    await client.end()
    await database.close()
  }
}

/** The moment at which the history ends: just before the books were opened, because what came before is signed when it is asked for. */
async function emptySince(client: DatabaseClient): Promise<number> {
  const { rows } = await client.query<{ foreign: string | null; began: Date }>(
    `SELECT coalesce((SELECT 'a user' FROM "user" LIMIT 1), (SELECT 'an organisation' FROM organisation LIMIT 1),
       (SELECT 'a listing' FROM listing LIMIT 1), (SELECT 'a journal' FROM ledger.journal LIMIT 1),
       (SELECT 'a request' FROM request_log LIMIT 1)) AS foreign, began_at AS began
     FROM ledger.receipt_progress`,
  )
  const { foreign, began } = rows[0] as { foreign: string | null; began: Date }
  if (foreign) {
    throw new Error(
      `This database is in use: it has ${foreign}. Seed an empty one, for example with another --data-dir.`,
    )
  }
  return began.getTime() - 1_000
}

async function history(client: DatabaseClient, market: Market, tell: (line: string) => void): Promise<void> {
  const random = randomOf(`journals ${market.size.seed}`)
  await makeMonths(client, market)
  const every = Math.max(20_000, Math.ceil(market.size.requests / 10))
  const totals = await writeRequests(client, market, (made) => {
    if (made % every === 0) tell(`  ${made} requests`)
  })
  const sellers = planSellers(market, totals)
  const journals = [...planCredits(market, totals), ...sellers.journals].sort((a, b) => a.atMs - b.atMs)
  await writeJournals(client, journals, random)
  await writeSellers(client, sellers)
  await writeSums(client, market)
  tell(`  ${journals.length} other journals, ${sellers.payouts.length} payouts`)
}

type Opened = ReturnType<typeof openDatabase>
type Logger = ReturnType<typeof createLogger>

/** By the gateway's own job, until nothing is left. */
async function addUp(database: Opened, client: DatabaseClient, logger: Logger): Promise<void> {
  let faults = 0
  const rollup = createRollup({
    database,
    clock: systemClock,
    logger: { error: () => (faults += 1) },
    keptDays: 3_650,
    onCounted: async () => undefined,
    jobs: createJobBoard(systemClock),
    everyMs: DAY_MS,
  })
  const progress = async () => {
    const { rows } = await client.query(
      'SELECT xid, (SELECT count(*) FROM request_log WHERE uncounted) AS uncounted FROM usage_progress',
    )
    return JSON.stringify(rows)
  }
  for (let before = ''; ; ) {
    await rollup.countNow()
    const after = await progress()
    if (after === before) break
    before = after
  }
  await rollup.close()
  if (faults > 0) logger.warn({ faults }, 'adding up failed now and then')
}

async function seal({ pool }: Opened, logger: Logger): Promise<void> {
  const sealer = createLedgerSealer({ pool, logger, clock: systemClock })
  await sealer.prepare()
  while ((await sealer.sealNow()) > 0);
}

function timed(tell: (line: string) => void) {
  return async function step(what: string, work: () => Promise<unknown>): Promise<void> {
    const began = performance.now()
    await work()
    tell(`${what}: ${((performance.now() - began) / 1000).toFixed(1)} s`)
  }
}

const HELP = `Fills an empty play database with a market that has a history, to look at the console and to measure it.

  npm run seed:market -- --data-dir DIR [options]

  --data-dir DIR     where the gateway keeps its data (.bourse-market); start it later with DATA_DIR=DIR
  --database URL     an empty database of your own, as a superuser, instead of the embedded server
  --requests N       1000000       --users N    10000       --listings N   2000
  --days N           60: how far back the history goes
  --seed N           1: the same seed makes the same market

Everybody signs in with the password '${SEED_PASSWORD}': operator@, whale@, top-seller@ and small-buyer@market.example.
A database with anything in it, or one of a live gateway, is refused.`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string', default: '.bourse-market' },
      database: { type: 'string' },
      requests: { type: 'string', default: '1000000' },
      users: { type: 'string', default: '10000' },
      listings: { type: 'string', default: '2000' },
      days: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return console.log(HELP)
  const size = {
    requests: whole('requests', values.requests, 1_000),
    users: whole('users', values.users, 20),
    listings: whole('listings', values.listings, 10),
    days: whole('days', values.days, 1),
    seed: whole('seed', values.seed, 0),
  }
  const began = performance.now()
  const dataDir = values['data-dir']
  const logger = createLogger({ level: 'warn' })
  const { encryptionKey } = completeSecrets({ given: {}, dataDir })
  // What is lost in a power cut is seeded again.
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_wal_size: '8GB' }
  const embedded =
    values.database === undefined ? await startEmbeddedPostgres({ dataDir, logger, settings }) : undefined
  try {
    const adminUrl = values.database ?? (embedded as NonNullable<typeof embedded>).adminUrl
    await migrate({ url: adminUrl, migrationsDir: join(ROOT, 'prisma/migrations'), logger })
    await seedMarket({ ...size, adminUrl, encryptionKey, tell: console.log })
  } finally {
    await embedded?.stop()
  }
  console.log(
    `done in ${((performance.now() - began) / 1000).toFixed(0)} s; sign in as operator@market.example, password '${SEED_PASSWORD}'`,
  )
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`--${name} must be a whole number from ${least}.`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}
