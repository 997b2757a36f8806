import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { connectClient, type DatabaseClient } from './database.ts'
import { uuidv7 } from './ids.ts'

let scene: TestDatabase
let admin: DatabaseClient
beforeAll(async () => {
  scene = await createTestDatabase()
  admin = await connectClient(scene.adminUrl)
  await scene.database.prisma.auditEvent.create({
    data: { id: uuidv7(), actorType: 'user', action: 'key.created', subject: 'key-1' },
  })
})
afterAll(async () => {
  await admin.end()
  await scene.drop()
})

const changes = [
  `UPDATE audit_event SET action = 'nothing.happened'`,
  'DELETE FROM audit_event',
  'TRUNCATE audit_event',
]

test.each(changes)('the audit trail refuses even the superuser: %s', async (sql) => {
  await expect(admin.query(sql)).rejects.toThrow(/audit_event is append-only/)
  // The usual way around triggers.
  await admin.query('SET session_replication_role = replica')
  await expect(admin.query(sql)).rejects.toThrow(/audit_event is append-only/)
  await admin.query('RESET session_replication_role')
})

test.each(changes)('the gateway has no right to try: %s', async (sql) => {
  await expect(scene.database.pool.query(sql)).rejects.toThrow(/permission denied/)
})

test('the gateway may write and read every other table of its schema, and cannot change the schema', async () => {
  const { rows } = await admin.query<{ name: string; rights: string[] }>(
    `SELECT tablename AS name, array(
       SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
       WHERE has_table_privilege('gateway_app', format('public.%I', tablename), privilege)) AS rights
     FROM pg_tables WHERE schemaname = 'public'`,
  )
  const rights = Object.fromEntries(rows.map((row) => [row.name, row.rights]))
  const { audit_event, listing_price, _prisma_migrations, ...others } = rights
  expect(audit_event).toEqual(['SELECT', 'INSERT'])
  expect(listing_price).toEqual(['SELECT', 'INSERT'])
  // The system page says which migrations there are.
  expect(_prisma_migrations).toEqual(['SELECT'])
  expect(Object.keys(others)).toEqual(
    expect.arrayContaining(['user', 'session', 'listing', 'api_key', 'setting']),
  )
  for (const [table, granted] of Object.entries(others)) {
    expect(granted, table).toEqual(['SELECT', 'INSERT', 'UPDATE', 'DELETE'])
  }
  await expect(scene.database.pool.query('CREATE TABLE mine (id int)')).rejects.toThrow(/permission denied/)
})

test('a table that a later migration makes can be used without a grant of its own', async () => {
  await admin.query('CREATE TABLE later (id serial PRIMARY KEY)')
  const { rows } = await scene.database.pool.query('INSERT INTO later DEFAULT VALUES RETURNING id')
  expect(rows).toEqual([{ id: 1 }])
})
