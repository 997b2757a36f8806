import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { connectClient, type DatabaseClient } from '../platform/database.ts'
import { missingProtections } from './protections.ts'

let testDatabase: TestDatabase
let admin: DatabaseClient

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  admin = await connectClient(testDatabase.adminUrl)
})
afterAll(async () => {
  await admin.end()
  await testDatabase.drop()
})

/** What is missing for the gateway's own user while `break_` stands; undone afterwards. */
async function missingWhile(break_: string): Promise<string[]> {
  await admin.query('BEGIN')
  try {
    await admin.query(break_)
    // In the transaction that breaks it, as the user that serves.
    await admin.query('SET LOCAL ROLE bourse_app')
    return await missingProtections(admin)
  } finally {
    await admin.query('ROLLBACK')
  }
}

test('a server of ours lacks no protection', async () => {
  expect(await missingProtections(testDatabase.database.ledgerPool)).toEqual([])
})

test('a gateway that connects as a superuser is told so, and nothing that follows from it', async () => {
  expect(await missingProtections(admin)).toEqual([
    expect.stringContaining("connects as the superuser 'postgres'"),
  ])
})

test.each([
  ['GRANT INSERT ON ledger.entry TO gateway_app', /may INSERT in tables of the ledger directly \(entry\)/],
  ['GRANT UPDATE (held) ON ledger.account TO PUBLIC', /may UPDATE in tables .* \(account\)/],
  ['GRANT DELETE, TRUNCATE ON ledger.hold TO bourse_app', /may DELETE and TRUNCATE in tables .* \(hold\)/],
  [
    'GRANT ledger_owner TO bourse_app',
    /'bourse_app', with which the gateway serves, may become 'ledger_owner'/,
  ],
  ['GRANT CREATE ON SCHEMA ledger TO gateway_app', /may create objects in the schema 'ledger'/],
  ['ALTER TABLE ledger.entry OWNER TO postgres', /belongs to the superuser 'postgres', who can log in/],
  ['ALTER TABLE ledger.journal DISABLE TRIGGER journal_no_change', /off .*\(journal_no_change of journal/],
  ['ALTER TABLE ledger.account ENABLE TRIGGER account_only_grows', /\(account_only_grows of account\)/],
  ['GRANT EXECUTE ON FUNCTION ledger.post TO PUBLIC', /may call functions of the ledger \(post\)/],
])('the operator hears of %s', async (sql, sentence) => {
  expect(await missingWhile(sql)).toContainEqual(expect.stringMatching(sentence))
})

test('what stands again is not spoken of any more', async () => {
  await missingWhile('GRANT INSERT ON ledger.entry TO gateway_app')
  expect(await missingProtections(testDatabase.database.ledgerPool)).toEqual([])
})
