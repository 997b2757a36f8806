/** The composition root: builds each long-lived thing once, floor by floor, and closes them in reverse. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAnalytics } from './analytics/analytics.ts'
import { createAudit } from './audit/audit.ts'
import { type Catalog, loadCatalog } from './catalog/catalog.ts'
import { type CatalogVersions, createCatalogVersions } from './catalog/catalog-versions.ts'
import { DEMO_BASE_URL } from './demo/demo-models.ts'
import { startDemoUpstream } from './demo/upstream.ts'
import { createEgress, type Outside } from './egress/egress.ts'
import { createMailSender } from './egress/send-mail.ts'
import { createChatParser } from './inference/chat-parser.ts'
import type { InferenceDeps } from './inference/deps.ts'
import { createOddities } from './inference/oddities.ts'
import { createKeys } from './keys/keys.ts'
import { createKeyVerifier } from './keys/verify.ts'
import type { Ledger } from './ledger/ledger.ts'
import { createLimits } from './limits/admit.ts'
import { createMail } from './mail/mail.ts'
import { warmTokenizer } from './metering/tokenizers.ts'
import { openBooks } from './open-books.ts'
import { type Market, openMarket } from './open-market.ts'
import { openOperations } from './open-operations.ts'
import { createPayments } from './payments/payments.ts'
import { type Clock, systemClock } from './platform/clock.ts'
import type { Config } from './platform/config.ts'
import { openDatabase } from './platform/database.ts'
import { startEmbeddedPostgres } from './platform/embedded-postgres.ts'
import { fixMode } from './platform/fix-mode.ts'
import type { Secrets } from './platform/given-secrets.ts'
import { createJobBoard } from './platform/job-board.ts'
import { createLocalKms } from './platform/kms.ts'
import type { Logger } from './platform/logger.ts'
import { createMetrics } from './platform/metrics.ts'
import { migrate } from './platform/migrate.ts'
import { takeNodeIdentity } from './platform/node-identity.ts'
import { lockNode } from './platform/node-lock.ts'
import { createSealer } from './platform/secrets.ts'
import type { ShownSetting } from './platform/show-settings.ts'
import type { Providers } from './providers/registry.ts'
import type { Settlement } from './settlement/settlement.ts'
import { createUsers } from './users/users.ts'
import type { WalletLedger } from './users/wallets.ts'

// Sources and built files stand at the same depth, so the same path leads to both.
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CATALOG_REFRESH_MS = 3_600_000

export interface ContextOptions {
  config: Config
  secrets: Secrets
  providers: Providers
  logger: Logger
  clock?: Clock
  /** Connects with the right to change the schema, when `config.databaseUrl` has not. */
  migrateUrl?: string
  /** How upstreams are found and reached, instead of over the network. */
  outside?: Outside
  /** The configuration as operators may see it. */
  settings?: readonly ShownSetting[]
}

export type Context = Awaited<ReturnType<typeof createContext>>

/** Starts the database, migrates it and builds every room. When a step fails, what was already opened is closed again. */
export async function createContext(options: ContextOptions) {
  const closers: (() => Promise<unknown> | unknown)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) {
      try {
        await closer()
      } catch (error) {
        // What comes after it, the database server and the lock, must be closed all the same.
        options.logger.error({ err: error }, 'a part of the gateway could not be closed')
      }
    }
  }
  try {
    return { ...(await build(options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

type Closers = (() => Promise<unknown> | unknown)[]

async function build(options: ContextOptions, closers: Closers) {
  const ground = await openGround(options, closers)
  const catalog = loadCatalog({
    overridesPath: join(ROOT, 'config/models.json'),
    nowMs: ground.clock.nowMs(),
  })
  const books = { ...(await openBooks(ground, closers)), catalog }
  const catalogVersions = createCatalogVersions({ ...ground, catalog })
  await catalogVersions.note('start')
  const people = await openPeople(ground, books, closers)
  const market = await openMarket({ ...ground, ...books }, closers)
  const payments = createPayments({ ...ground, ...books, wallets: people.users.wallets })
  closers.push(() => payments.close())
  payments.start()
  const analytics = createAnalytics({
    ...ground,
    ...books,
    keptDays: ground.config.requestLogDays,
    publicUrl: ground.config.publicUrl,
  })
  closers.push(() => analytics.close())
  const corridor = openCorridor({ ...ground, ...books, ...people, ...market }, closers)
  const inference: InferenceDeps = { ...corridor, onRequestEnded: analytics.requestLog.ended }
  closers.push(followPrices({ ...ground, ...books, ...market, catalogVersions }))
  const operations = openOperations({ ...ground, ...books, ...people, ...market }, closers)
  return {
    ...ground,
    ...books,
    ...people,
    ...market,
    payments,
    analytics,
    catalogVersions,
    inference,
    operations,
  }
}

/** What everything stands on: who we are, the database, what we measure, and the one door out. */
async function openGround(
  {
    config,
    secrets,
    providers,
    logger,
    clock = systemClock,
    migrateUrl,
    outside,
    settings = [],
  }: ContextOptions,
  closers: Closers,
) {
  const node = takeNodeIdentity(config.dataDir)
  closers.push(() => node.release())
  const { database, databaseUrl } = await openMoneyDatabase({ config, logger, migrateUrl }, closers)
  const lock = await lockNode({ databaseUrl, nodeId: node.nodeId, logger, onLost: endProcess })
  closers.push(() => lock.release())
  const metrics = createMetrics()
  const jobs = createJobBoard(clock)
  const kms = createLocalKms({ current: secrets.encryptionKey, old: config.oldEncryptionKeys.keys })
  const sealer = createSealer(kms)
  const demo = config.mode === 'play' ? await startDemo(config) : undefined
  if (demo) closers.push(() => demo.close())
  const egress = createEgress({
    sealer,
    clock,
    logger,
    allowPrivate: config.allowPrivateUpstreams,
    internalOrigins: new Map(demo ? [[new URL(DEMO_BASE_URL).origin, demo.origin]] : []),
    outside,
  })
  closers.push(() => egress.close())
  const audit = createAudit({ database, logger })
  const sender = config.smtp ? createMailSender(config.smtp) : undefined
  const mail = createMail({ database, clock, logger, jobs, sender, playMode: config.mode === 'play' })
  closers.push(() => mail.close())
  return {
    config,
    secrets,
    providers,
    logger,
    clock,
    node,
    database,
    databaseUrl,
    metrics,
    kms,
    sealer,
    demo,
    egress,
    audit,
    mail,
    settings,
    jobs,
  }
}

type Ground = Awaited<ReturnType<typeof openGround>>

type Books = Awaited<ReturnType<typeof openBooks>> & { catalog: Catalog }

/** Users, their sessions and wallets, and the keys they call with. */
async function openPeople(ground: Ground, { ledger, settlement }: Books, closers: Closers) {
  const { config, secrets, database, databaseUrl, clock, logger, audit, mail, sealer } = ground
  const users = createUsers({
    database,
    sessionSecret: secrets.sessionSecret.toString('hex'),
    ...(config.publicUrl ? { publicUrl: config.publicUrl } : {}),
    clock,
    logger,
    audit,
    mail,
    box: {
      seal: sealer.seal,
      rewrap: sealer.rewrap,
      open: async (sealed, aad) => (await sealer.open(sealed, aad)).reveal(),
    },
    ledger: walletLedger(ledger, settlement),
    playMode: config.mode === 'play',
    signUpOpen: config.signUpOpen,
  })
  closers.push(() => users.close())
  // Under the current key, so that an older one can be dropped.
  await users.secondFactor.rewrap()
  const pepper = secrets.keyPepper
  const keys = createKeys({ database, pepper, ledger, audit, clock })
  const verifier = createKeyVerifier({ database, databaseUrl, pepper, ledger, clock, logger })
  closers.push(() => verifier.close())
  return { users, keys, verifier }
}

function openCorridor(
  rooms: Ground & Books & Market & Awaited<ReturnType<typeof openPeople>>,
  closers: Closers,
): InferenceDeps {
  const { config, clock, logger, metrics, providers, egress, catalog, settlement, router, verifier, trust } =
    rooms
  // Loaded now, in 200 ms, instead of under the first request that needs to be counted.
  warmTokenizer('o200k')
  const parser = createChatParser({ logger })
  closers.push(() => parser.close())
  return {
    keys: verifier,
    parser,
    catalog,
    limits: createLimits({ clock }),
    router,
    settlement,
    watch: trust.watch,
    providers,
    egress,
    oddities: createOddities({ logger, metrics }),
    cors: { origins: config.corsOrigins },
    bounds: {
      firstByteMs: config.firstByteMs,
      firstContentMs: config.firstContentMs,
      streamIdleMs: config.streamIdleMs,
      streamTotalMs: config.streamMs,
      maxConcurrent: config.maxStreams,
    },
    clock,
    logger,
    metrics,
  }
}

/** The ledger as wallets see it: a credit counts at once, also for a payer who was just seen to have nothing. */
function walletLedger(ledger: Ledger, settlement: Settlement): WalletLedger {
  return {
    balanceOf: ledger.balanceOf,
    statement: ledger.statement,
    async creditPlayMoney(credit) {
      const booked = await ledger.creditPlayMoney(credit)
      settlement.forget(credit.organisationId)
      return booked
    },
  }
}

/** Ends the process as any error that nobody caught does: running answers are given their time. */
function endProcess(error: Error): void {
  setImmediate(() => {
    throw error
  })
}

async function startDemo({ demoUpstreamPort: port = 0 }: Config) {
  try {
    return await startDemoUpstream({ port })
  } catch (cause) {
    throw new Error(
      `the demo upstream cannot listen on port ${port}: ${(cause as Error).message}. Set DEMO_UPSTREAM_PORT to a free one, or to nothing.`,
      { cause },
    )
  }
}

/** The operator's server, or our own; migrated, and fixed to its mode. */
async function openMoneyDatabase(
  { config, logger, migrateUrl }: { config: Config; logger: Logger; migrateUrl: string | undefined },
  closers: (() => Promise<unknown> | unknown)[],
) {
  let adminUrl = migrateUrl ?? config.databaseUrl
  let databaseUrl = config.databaseUrl
  if (adminUrl === undefined || databaseUrl === undefined) {
    const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir, logger })
    closers.push(() => embedded.stop())
    adminUrl = embedded.adminUrl
    databaseUrl = embedded.appUrl
  }
  await migrate({ url: adminUrl, migrationsDir: join(ROOT, 'prisma/migrations'), logger })
  const database = openDatabase({ url: databaseUrl, applicationName: 'bourse', logger })
  closers.push(() => database.close())
  await fixMode(database, config.mode)
  return { database, databaseUrl }
}

/** Prices follow the calendar. */
function followPrices({
  catalog,
  catalogVersions,
  marketplace,
  logger,
  clock,
  jobs,
}: Ground & Books & Market & { catalogVersions: CatalogVersions }): () => void {
  const reprice = jobs.watch({ name: 'Follow list prices', everyMs: CATALOG_REFRESH_MS }, () =>
    marketplace.refresh(),
  )
  const prices = setInterval(() => {
    catalog.refresh(clock.nowMs())
    catalogVersions
      .note('calendar')
      .catch((error) => logger.warn({ err: error }, 'a changed catalogue was not kept'))
    reprice().catch((error) => logger.error({ err: error }, 'offers could not be repriced'))
  }, CATALOG_REFRESH_MS)
  prices.unref()
  return () => clearInterval(prices)
}

/** config/providers.json as it stands beside the code. */
export function readProvidersFile(): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'config/providers.json'), 'utf8'))
}

export const consoleDir = join(ROOT, 'admin-ui/dist')
