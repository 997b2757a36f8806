import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createEmptyDatabase, type EmptyDatabase } from '../../test/support/database.ts'
import { migrationsDir as ourMigrations } from '../../test/support/postgres.ts'
import { connectClient, type DatabaseClient } from './database.ts'
import { createLogger } from './logger.ts'
import { migrate } from './migrate.ts'

const logger = createLogger({ level: 'silent' })
let folder: string
let database: EmptyDatabase
let admin: DatabaseClient
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-migrations-'))
  database = await createEmptyDatabase()
  admin = await connectClient(database.adminUrl)
})
afterEach(async () => {
  await admin.end()
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

function write(name: string, sql: string): void {
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(join(folder, name, 'migration.sql'), sql)
}

const run = () => migrate({ url: database.adminUrl, migrationsDir: folder, logger })

test('migrations are applied once, in the order of their names', async () => {
  write('2_second', 'ALTER TABLE thing ADD COLUMN name text')
  write('1_first', 'CREATE TABLE thing (id int)')
  expect(await run()).toEqual({ applied: ['1_first', '2_second'] })
  expect(await run()).toEqual({ applied: [] })
  write('3_third', 'DROP TABLE thing')
  expect(await run()).toEqual({ applied: ['3_third'] })
})

test('gateways that start together apply each migration once', async () => {
  for (let index = 1; index <= 5; index += 1) write(`${index}_table`, `CREATE TABLE t${index} (id int)`)
  const results = await Promise.all(Array.from({ length: 4 }, run))
  expect(results.flatMap(({ applied }) => applied).sort()).toEqual([
    '1_table',
    '2_table',
    '3_table',
    '4_table',
    '5_table',
  ])
})

test('a migration that was changed after it had been applied is refused by name, and nothing is applied', async () => {
  write('1_first', 'CREATE TABLE thing (id int)')
  await run()
  write('1_first', 'CREATE TABLE thing (id bigint)')
  write('2_second', 'CREATE TABLE other (id int)')
  await expect(run()).rejects.toThrow(/1_first was changed after it had been applied/)
  expect((await admin.query(`SELECT to_regclass('other') AS found`)).rows).toEqual([{ found: null }])
})

test('a migration that fails leaves nothing behind, is named, and can be applied once it is repaired', async () => {
  write('1_broken', 'CREATE TABLE half (id int); SELECT no_such_function();')
  await expect(run()).rejects.toThrow(/1_broken failed: function no_such_function\(\) does not exist/)
  expect((await admin.query(`SELECT to_regclass('half') AS found`)).rows).toEqual([{ found: null }])
  write('1_broken', 'CREATE TABLE half (id int)')
  expect(await run()).toEqual({ applied: ['1_broken'] })
})

test('an index is built outside a transaction when the first line asks for it, while gateways wait', async () => {
  write('1_table', 'CREATE TABLE thing (id int)')
  write('2_index', '-- no-transaction\nCREATE INDEX CONCURRENTLY thing_id ON thing (id)')
  const results = await Promise.all(Array.from({ length: 3 }, run))
  expect(results.flatMap(({ applied }) => applied)).toEqual(['1_table', '2_index'])
  const { rows } = await admin.query(
    `SELECT indisvalid FROM pg_index WHERE indexrelid = 'thing_id'::regclass`,
  )
  expect(rows).toEqual([{ indisvalid: true }])
})

test('a migration that failed outside a transaction stops every later start until somebody has looked', async () => {
  write('1_table', 'CREATE TABLE thing (id int); INSERT INTO thing VALUES (1), (1)')
  write('2_index', '-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY thing_id ON thing (id)')
  await expect(run()).rejects.toThrow(/2_index failed/)
  await expect(run()).rejects.toThrow(/2_index failed half-way earlier.*resolve --rolled-back 2_index/)
  // What that command writes.
  await admin.query(`UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '2_index'`)
  await admin.query('DELETE FROM thing; DROP INDEX thing_id')
  expect(await run()).toEqual({ applied: ['2_index'] })
})

test("an older release starts on a newer one's database", async () => {
  write('1_first', 'CREATE TABLE thing (id int)')
  write('2_newer', 'CREATE TABLE newer (id int)')
  await run()
  rmSync(join(folder, '2_newer'), { recursive: true })
  expect(await run()).toEqual({ applied: [] })
})

test('an empty folder is a broken installation, not a database without tables', async () => {
  await expect(run()).rejects.toThrow(/no migrations/)
})

test('what is written agrees with what Prisma Migrate writes: checksum, steps, times', async () => {
  cpSync(ourMigrations, folder, { recursive: true })
  const { applied } = await run()
  const { rows } = await admin.query('SELECT * FROM _prisma_migrations ORDER BY migration_name')
  expect(rows.map((row) => row.migration_name)).toEqual(applied)
  for (const row of rows) {
    expect(row).toMatchObject({ applied_steps_count: 1, logs: null, rolled_back_at: null })
    expect(row.checksum).toMatch(/^[0-9a-f]{64}$/)
    expect(row.finished_at).toBeInstanceOf(Date)
  }
})
