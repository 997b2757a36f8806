/**
 * On a market with a history, every list and chart that the console can ask for finds its rows by an index: what a page costs
 * must not grow with what the gateway has ever served. Told by PostgreSQL's own count of tables that were read whole.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Document, type Person, type Variant, variantsOf } from '../../loadtests/console-variants.ts'
import { SEED_PASSWORD, seedMarket } from '../../loadtests/seed-market.ts'
import { whatExists } from '../../loadtests/what-exists.ts'
import { createApp } from '../src/app.ts'
import { createContext, readProvidersFile } from '../src/context.ts'
import { createHttpServer } from '../src/http/server.ts'
import { loadConfig } from '../src/platform/config.ts'
import { connectClient, type DatabaseClient } from '../src/platform/database.ts'
import { createLogger } from '../src/platform/logger.ts'
import { loadProviders } from '../src/providers/registry.ts'
import { createTestDatabase, type TestDatabase } from './support/database.ts'
import { requireAsDescribed } from './support/require-as-described.ts'

const REQUESTS = 15_000
const PEOPLE: Person[] = ['operator', 'whale', 'top-seller', 'small-buyer']
// Those that grow with every request or every deed; by month where they are kept so.
const GROWING = /^(request_log|audit_event|hold|receipt|(usage_record|journal|entry)_\d{4}_\d{2})$/

let database: TestDatabase
let admin: DatabaseClient
const encryptionKey = randomBytes(32)

beforeAll(async () => {
  database = await createTestDatabase()
  const size = { requests: REQUESTS, users: 400, listings: 100, days: 30, seed: 1 }
  await seedMarket({
    ...size,
    adminUrl: database.adminUrl,
    encryptionKey,
    tell: () => undefined,
  })
  admin = await connectClient(database.adminUrl)
}, 120_000)
afterAll(async () => {
  await admin.end()
  await database.drop()
})

/** A gateway on the seeded market; `close` ends it and its connections, which then tell what they have read. */
async function serve() {
  const dataDir = mkdtempSync(join(tmpdir(), 'bourse-plans-'))
  const secret = () => randomBytes(32)
  const context = await createContext({
    config: loadConfig({ GATEWAY_MODE: 'play', DATABASE_URL: database.url, DATA_DIR: dataDir, PORT: '0' }),
    secrets: { encryptionKey, keyPepper: secret(), sessionSecret: secret(), signingKey: secret() },
    providers: loadProviders(readProvidersFile()),
    logger: createLogger({ level: 'silent' }),
    migrateUrl: database.adminUrl,
  })
  const server = createHttpServer(createApp(context, { onAnswer: requireAsDescribed }).handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await context.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function signIn(origin: string, person: Person): Promise<string> {
  const answer = await fetch(`${origin}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: `${person}@market.example`, password: SEED_PASSWORD }),
  })
  return ((await answer.json()) as { token: string }).token
}

/** Asks every variant once; answers how each was answered. */
async function askAll(origin: string): Promise<{ variant: Variant; status: number }[]> {
  const tokens = new Map<Person, string>()
  for (const person of PEOPLE) tokens.set(person, await signIn(origin, person))
  const get = (path: string, person: Person) =>
    fetch(origin + path, { headers: { authorization: `Bearer ${tokens.get(person)}` } })
  const document = (await (await get('/api/openapi.json', 'operator')).json()) as Document
  const { variants } = variantsOf(document, await whatExists(admin))
  const answered: { variant: Variant; status: number }[] = []
  for (const variant of variants) {
    const answer = await get(variant.path, variant.who)
    await answer.arrayBuffer()
    answered.push({ variant, status: answer.status })
  }
  return answered
}

/** How often each growing table with anything in it was read whole, by anybody, since the counts were last cleared. */
async function readWhole(): Promise<Record<string, number>> {
  const { rows } = await admin.query<{ name: string; scans: number }>(
    `SELECT relname AS name, seq_scan::integer AS scans FROM pg_stat_user_tables WHERE seq_scan > 0 AND seq_tup_read > 0`,
  )
  return Object.fromEntries(
    rows.filter(({ name }) => GROWING.test(name)).map(({ name, scans }) => [name, scans]),
  )
}

test('a query that reads the whole request log is noticed', async () => {
  await admin.query('SELECT pg_stat_reset()')
  await admin.query(
    `SELECT count(*) FROM request_log WHERE "modelAsked" = 'nothing'; SELECT pg_stat_force_next_flush()`,
  )
  await admin.query('SELECT 1')
  expect(await readWhole()).toEqual({ request_log: 1 })
})

test('no list and no chart of the console reads a table from end to end that grows with the traffic', async () => {
  const gateway = await serve()
  await admin.query('SELECT pg_stat_reset()')
  const answered = await askAll(gateway.origin)
  await gateway.close()
  const failed = answered.filter(({ status }) => status >= 500).map(({ variant }) => variant.name)
  expect(failed).toEqual([])
  // What is not one's own is not found; by far the most is.
  expect(answered.filter(({ status }) => status === 200).length).toBeGreaterThan(300)
  expect(await readWhole()).toEqual({})
}, 120_000)
