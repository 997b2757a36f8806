/**
 * A hosted PostgreSQL, where the operator gets one database and one user who owns it, and who may neither make roles
 * nor become anybody else: the gateway migrates, starts, serves and books there like anywhere, and says what it goes
 * without.
 */
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { missingProtections } from '../src/ledger/protections.ts'
import { openDatabase } from '../src/platform/database.ts'
import { parseId } from '../src/platform/ids.ts'
import { createLogger } from '../src/platform/logger.ts'
import { balanceOf, chat, signIn, toldNanos } from './support/gateway-client.ts'
import { type PostgresServer, startPostgresServer } from './support/postgres-server.ts'
import { askDatabase, endProcesses, startProcess } from './support/process.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgresServer()
})
afterAll(async () => {
  await endProcesses()
  await server.close()
})

const elsewhere = () => server.urlOf({ database: 'postgres' })

/** A database and its owner, who has no other right. */
async function rent(name: string): Promise<string> {
  await askDatabase(
    elsewhere(),
    `CREATE ROLE ${name} LOGIN PASSWORD 'rented' NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS`,
  )
  await askDatabase(elsewhere(), `CREATE DATABASE ${name} OWNER ${name}`)
  return server.urlOf({ user: name, password: 'rented', database: name })
}

/** As if nobody had ever migrated a database of ours on this server. */
async function forgetOurRoles(): Promise<void> {
  await askDatabase(elsewhere(), 'DROP DATABASE bourse WITH (FORCE)')
  await askDatabase(elsewhere(), 'DROP ROLE bourse_app, gateway_app, ledger_owner')
}

async function missing(url: string): Promise<string[]> {
  const database = openDatabase({ url, applicationName: 'story', logger: createLogger({ level: 'silent' }) })
  try {
    return await missingProtections(database.ledgerPool)
  } finally {
    await database.close()
  }
}

/** Serves, books, and is stopped and started again, on what `url` gives. */
async function expectService(url: string): Promise<string> {
  const env = { DATABASE_URL: url, GATEWAY_MODE: 'play' }
  const first = await startProcess({ env })
  const { key } = await (await signIn(first)).buyer()
  const before = await balanceOf(first, key)
  const answers = [await chat(first, key, { model: 'gpt-4o-mini' })]
  answers.push(await chat(first, key, { model: 'gpt-4o-mini', stream: true }))
  await first.stop()
  const second = await startProcess({ env, dataDir: first.dataDir })
  answers.push(await chat(second, key, { model: 'gpt-4o-mini' }))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  await vi.waitUntil(async () => (await balanceOf(second, key)).heldNanos === 0n, { timeout: 30_000 })
  let spent = 0n
  for (const { text } of answers) {
    const id = parseId('gen-', /gen-[0-9a-z]+/.exec(text)?.[0] as string)
    const [row] = await askDatabase<{ cost_nanos: string }>(
      url,
      'SELECT cost_nanos FROM ledger.usage_record WHERE id = $1',
      [id],
    )
    expect(BigInt(row?.cost_nanos ?? -1)).toBe(toldNanos(text))
    spent += toldNanos(text) as bigint
  }
  expect((await balanceOf(second, key)).balanceNanos).toBe(before.balanceNanos - spent)
  expect(await askDatabase(url, 'SELECT * FROM ledger.check_invariants()')).toEqual([])
  await second.stop()
  return first.output()
}

/** Which protections a user has who owns it all is the same, whoever else is on the server. */
async function expectWarnings(name: string, url: string, output: string): Promise<void> {
  const sentences = await missing(url)
  expect(sentences).toEqual([
    expect.stringContaining(`The database user '${name}', with which the gateway serves, owns the ledger`),
    expect.stringContaining(`belongs to '${name}', who can log in`),
    expect.stringContaining(
      `'${name}' may INSERT, UPDATE, DELETE and TRUNCATE in tables of the ledger directly`,
    ),
    expect.stringContaining(`'${name}' may create objects in the schema 'ledger'`),
  ])
  for (const sentence of sentences) expect(output).toContain(sentence)
}

test('on a server that has never seen our roles the owner of the database is enough', async () => {
  await forgetOurRoles()
  const url = await rent('alone')
  const output = await expectService(url)
  const roles = await askDatabase(
    url,
    "SELECT rolname FROM pg_roles WHERE rolname IN ('ledger_owner', 'gateway_app')",
  )
  expect(roles).toEqual([])
  await expectWarnings('alone', url, output)
})

test('what stands without roles stands there too: books that do not balance, and rows that are changed, are refused', async () => {
  const url = server.urlOf({ user: 'alone', password: 'rented', database: 'alone' })
  const refused = [
    'UPDATE ledger.entry SET amount = amount + 1',
    'DELETE FROM ledger.journal',
    'TRUNCATE ledger.usage_record',
    'UPDATE ledger.account SET credits = credits - 1 WHERE credits > 0',
    `INSERT INTO ledger.entry (journal_id, seq, account_id, amount)
     SELECT id, 1, (SELECT min(id) FROM ledger.account), 5 FROM ledger.journal ORDER BY id DESC LIMIT 1`,
  ]
  for (const sql of refused) await expect(askDatabase(url, sql), sql).rejects.toThrow()
  expect(await askDatabase(url, 'SELECT * FROM ledger.check_invariants()')).toEqual([])
})

test('on a server where another database of ours is, its roles are somebody else’s and are not needed', async () => {
  await askDatabase(elsewhere(), 'CREATE ROLE gateway_app NOLOGIN; CREATE ROLE ledger_owner NOLOGIN')
  const url = await rent('beside')
  await expectWarnings('beside', url, await expectService(url))
})
