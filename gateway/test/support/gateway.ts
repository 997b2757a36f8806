/** A whole gateway for a story: the real rooms on a database of its own, listening on a free loopback port. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI from 'openai'
import supertest from 'supertest'
import { type App, createApp } from '../../src/app.ts'
import { bootstrap, type Summary } from '../../src/bootstrap.ts'
import { type Context, createContext, readProvidersFile } from '../../src/context.ts'
import type { Outside } from '../../src/egress/egress.ts'
import { createHttpServer } from '../../src/http/server.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { loadConfig } from '../../src/platform/config.ts'
import { parseId } from '../../src/platform/ids.ts'
import { createLogger, type Logger } from '../../src/platform/logger.ts'
import { showSettings } from '../../src/platform/show-settings.ts'
import { loadProviders } from '../../src/providers/registry.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { requireAsDescribed } from './require-as-described.ts'

// A story that stops the database must not wait for ever.
const BOOKED_MS = 10_000
// Two calls to an upstream on the loopback; a busy machine gets its time.
const VERIFIED_MS = 30_000

export interface Buyer {
  organisationId: string
  userId: string
  key: string
  openai: OpenAI
}

export interface TestGateway {
  origin: string
  summary: Summary
  context: Context
  app: App
  database: TestDatabase
  /** supertest on the listening server, as the operator. */
  operator: { token: string }
  api(method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string): supertest.Test
  /** A buyer with play money and a key that keeps away from the demo sellers, unless the story wants them. */
  buyer(options?: { usd?: string; key?: Record<string, unknown>; demo?: boolean }): Promise<Buyer>
  /**
   * A listing of the platform's own organisation at the list price, verified and on the market; answers its outside
   * id. An upstream that a story makes sick must answer the verification all the same: see `verification.ts`.
   */
  listing(options: ListingOptions): Promise<string>
  balanceNanos(buyer: Buyer): Promise<{ availableNanos: bigint; heldNanos: bigint; balanceNanos: bigint }>
  /** The cost booked for a request id (`gen-…`), or undefined when nothing was. */
  bookedNanos(requestId: string): Promise<bigint | undefined>
  /** Ends what runs, as a shutdown does when its patience is over. */
  stop(): void
  /** Waits until no request runs and nothing is held, then throws unless every ledger invariant holds. */
  settleAndAudit(): Promise<void>
  close(): Promise<void>
}

export interface ListingOptions {
  baseUrl: string
  model?: string
  models?: string[]
  provider?: string
  ppm?: number
  /** A price rule in place of the multiplier. */
  price?: object
  capacity?: Record<string, number>
  name?: string
  key?: string
}

export interface TestGatewayOptions {
  env?: Record<string, string>
  logger?: Logger
  clock?: Clock
  /** Where the vendors themselves stand, so that listings that lead there are billed by what they report. */
  vendorOrigin?: string
  /** How the outside is found and reached, where a story is about that. */
  outside?: Outside
  /** A fresh one unless given; the gateway's `close` drops it. */
  database?: TestDatabase
  /** Where the console's files are, when they are not those built beside the gateway. */
  consoleFiles?: string
}

export async function startTestGateway({
  env = {},
  logger = createLogger({ level: 'silent' }),
  clock,
  outside,
  vendorOrigin,
  database: given,
  consoleFiles,
}: TestGatewayOptions = {}): Promise<TestGateway> {
  const database = given ?? (await createTestDatabase())
  const dataDir = mkdtempSync(join(tmpdir(), 'bourse-story-'))
  const config = loadConfig({
    GATEWAY_MODE: 'play',
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    PORT: '0',
    ALLOW_PRIVATE_UPSTREAMS: 'true',
    GATEWAY_DRAIN_SECONDS: '1',
    ...env,
  })
  const context = await createContext({
    config,
    secrets: {
      encryptionKey: randomBytes(32),
      keyPepper: randomBytes(32),
      sessionSecret: randomBytes(32),
      signingKey: randomBytes(32),
    },
    providers: loadProviders(providersAt(vendorOrigin)),
    logger,
    settings: showSettings(env, []),
    ...(clock ? { clock } : {}),
    ...(outside ? { outside } : {}),
    migrateUrl: database.adminUrl,
  })
  const app = createApp(context, { onAnswer: requireAsDescribed, ...(consoleFiles ? { consoleFiles } : {}) })
  const server = createHttpServer(app.handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const summary = await bootstrap(context, origin)
  const login = await supertest(origin)
    .post('/api/login')
    .send({ email: summary.email, password: summary.password })
  const token = String(login.body.token)
  const api: TestGateway['api'] = (method, path) =>
    supertest(origin)[method](path).set('authorization', `Bearer ${token}`)
  let people = 0
  let listings = 0

  return {
    origin,
    summary,
    context,
    app,
    database,
    operator: { token },
    api,
    async buyer({ usd = '10', key = {}, demo = false } = {}) {
      people += 1
      const user = await ok(
        api('post', '/api/users').send({
          email: `buyer-${people}@example.test`,
          name: `Buyer ${people}`,
          roles: ['buyer'],
        }),
        201,
      )
      const nanos = BigInt(Math.round(Number(usd) * 1e6)) * 1000n
      if (nanos > 0n) {
        const credit = api('post', `/api/users/${user.id}/credits`).set('idempotency-key', `story-${people}`)
        await ok(credit.send({ amountNanos: nanos.toString(), reason: 'a story' }), 201)
      }
      const minted = await ok(
        api('post', `/api/keys?organisation=${user.organisationId}`).send({
          name: 'story',
          ...(demo ? {} : { policy: { ignore: ['demo'] } }),
          ...key,
        }),
        201,
      )
      const openai = openaiAt(origin, minted.key)
      return { organisationId: user.organisationId, userId: user.id, key: minted.key, openai }
    },
    async listing({
      baseUrl,
      model = 'openai/gpt-4o-mini',
      models = [model],
      provider = 'openai',
      ppm = 1_000_000,
      price = { kind: 'multiplier', ppm },
      capacity,
      name = 'story',
      key,
    }) {
      listings += 1
      // One key, one listing.
      const ownKey = listings === 1 ? 'sk-upstream-secret' : `sk-upstream-secret-${listings}`
      const listing = await ok(
        api('post', '/api/marketplace/listings').send({
          provider,
          name,
          baseUrl,
          key: key ?? ownKey,
          models: models.map((each) => ({ model: each, price })),
          ground:
            vendorOrigin !== undefined && baseUrl.startsWith(vendorOrigin)
              ? 'own_organisation'
              : 'own_endpoint',
          ...(capacity ? { capacity } : {}),
        }),
        201,
      )
      await untilActive(() => api('get', `/api/marketplace/listings/${listing.id}`))
      return listing.id
    },
    async balanceNanos(buyer) {
      await allBooked(context)
      return context.ledger.balanceOf(parseId('org-', buyer.organisationId) as string)
    },
    async bookedNanos(requestId) {
      await allBooked(context)
      const { rows } = await database.database.pool.query(
        `SELECT sum(e.amount)::text AS cost FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id
         WHERE e.journal_id = $1 AND a.code IN ('buyer_cash', 'buyer_promo', 'receivable_buyer')`,
        [parseId('gen-', requestId)],
      )
      return rows[0].cost === null ? undefined : BigInt(rows[0].cost)
    },
    stop: () => app.chat.cutOff(),
    async settleAndAudit() {
      await app.chat.idle()
      await context.settlement.idle()
      const { rows } = await database.database.pool.query(
        `SELECT id, state FROM ledger.hold WHERE state = 'open'`,
      )
      const violations = await context.ledger.checkInvariants()
      if (rows.length > 0 || violations.length > 0) {
        throw new Error(
          `the books are not in order: ${JSON.stringify({ openHolds: rows, violations }, (_key, value) => (typeof value === 'bigint' ? String(value) : value))}`,
        )
      }
    },
    async close() {
      app.startDraining()
      server.close()
      app.chat.cutOff()
      await app.chat.drain()
      server.closeAllConnections()
      await context.close()
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** The official client, as a buyer sets it up. */
export function openaiAt(origin: string, apiKey: string): OpenAI {
  return new OpenAI({ apiKey, baseURL: `${origin}/v1`, maxRetries: 0 })
}

/** config/providers.json, with every vendor at `origin`. */
function providersAt(origin: string | undefined): unknown {
  const file = readProvidersFile() as { providers: object[] }
  if (origin === undefined) return file
  return { providers: file.providers.map((provider) => ({ ...provider, baseUrl: `${origin}/v1` })) }
}

/** An answer is told when its bill is in the spool; its commit comes a moment later. */
async function allBooked({ settlement }: Context): Promise<void> {
  const deadlineMs = performance.now() + BOOKED_MS
  while (settlement.unbooked() > 0 && performance.now() < deadlineMs) await delay(2)
}

/** A listing is answered at once and goes on the market when its key was seen to work. */
async function untilActive(read: () => supertest.Test): Promise<void> {
  const deadlineMs = performance.now() + VERIFIED_MS
  while (true) {
    const { body } = await read()
    if (body.state === 'active') return
    if (body.state !== 'verifying' || performance.now() > deadlineMs)
      throw new Error(`the listing is not on the market: ${JSON.stringify(body)}`)
    await delay(5)
  }
}

async function ok(
  test: supertest.Test,
  status: number,
): Promise<Record<string, string> & { id: string; organisationId: string; key: string }> {
  const response = await test
  if (response.status !== status)
    throw new Error(`expected ${status}, got ${response.status}: ${response.text}`)
  return response.body
}
