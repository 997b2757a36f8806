/** `npm run audit` as an operator runs it: its exit status, its words, and the embedded database running or not. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEmptyDatabase } from './support/database.ts'
import { databaseServer, endProcesses, leftovers, repository, startProcess } from './support/process.ts'
import { createBook, fillBook, type SealedBook } from './support/sealed-book.ts'
import { withoutGuards } from './support/tamper.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let book: SealedBook
let folder: string
let anchorFile: string
let jwksFile: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-audit-'))
  anchorFile = join(folder, 'anchors.jsonl')
  jwksFile = join(folder, 'jwks.json')
  book = await createBook()
  await fillBook(book)
  const sealer = book.sealer({ anchorFile, anchorEveryMs: 0, signer: book.signer, blockJournals: 4 })
  await book.sealAll(sealer)
  await sealer.close()
  writeFileSync(jwksFile, JSON.stringify({ keys: [book.signer.publicJwk] }))
})
afterAll(async () => {
  await book.close()
  await endProcesses()
  rmSync(folder, { recursive: true, force: true })
})

async function audit(args: string[], env: Record<string, string> = { DATABASE_URL: book.testDatabase.url }) {
  const child = spawn(process.execPath, [join(repository, 'gateway/tools/audit.mjs'), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
  })
  let [output, errors] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const [code] = (await once(child, 'close')) as [number]
  return { code, output, errors }
}

test('books in order end with 0, with every option', async () => {
  const plain = await audit([])
  expect(plain).toMatchObject({ code: 0, errors: '' })
  expect(plain.output).toContain('✓ I2 all accounts sum to zero')
  expect(plain.output).toContain('The books are in order.')
  const full = await audit(['--anchor', anchorFile, '--jwks', jwksFile, '--from-seal', '2', '--json'])
  expect(full).toMatchObject({ code: 0, errors: '' })
  const report = JSON.parse(full.output)
  expect(report.proved).toBe(true)
  expect(report.checks.every((check: { status: string }) => check.status === 'ok')).toBe(true)
  expect(report.notProved).toContain('Blocks before 2 were not looked at.')
  expect(report.notProved.join()).not.toMatch(/made anew|same database/)
})

test('what cannot be audited ends with 2 and says what to do', async () => {
  const empty = await createEmptyDatabase()
  const garbage = join(folder, 'garbage.jsonl')
  writeFileSync(garbage, 'not an anchor\n')
  const cases: [string[], Record<string, string>, string][] = [
    [[], { DATA_DIR: join(folder, 'nowhere') }, 'There is no embedded database in'],
    [[], { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' }, 'The audit could not run: '],
    [[], { DATABASE_URL: empty.adminUrl }, 'was not migrated by this release'],
    [['--from-seal', '0'], {}, '--from-seal is a block number'],
    [['--from-seal', '99'], { DATABASE_URL: book.testDatabase.url }, 'The chain has no block 98'],
    [['--anchor', garbage], { DATABASE_URL: book.testDatabase.url }, 'no anchor that can be read'],
    [['--anker', 'x'], {}, "Unknown option '--anker'"],
    [['--anchor', join(folder, 'none')], { DATABASE_URL: book.testDatabase.url }, 'cannot be read'],
    [['--jwks', anchorFile], { DATABASE_URL: book.testDatabase.url }, 'is not a JSON Web Key Set'],
  ]
  for (const [args, env, said] of cases) {
    const { code, errors, output } = await audit(args, env)
    expect([args, code, output]).toEqual([args, 2, ''])
    expect(errors).toContain(said)
  }
  await empty.drop()
})

test('the embedded database is audited beside its gateway, and without one is started and stopped for it', async () => {
  const gateway = await startProcess()
  const { apiKey, baseUrl } = gateway.summary
  const answer = await fetch(`${baseUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Say hello.' }] }),
  })
  expect(answer.status).toBe(200)
  await answer.arrayBuffer()
  const server = databaseServer(gateway.dataDir)
  const beside = await audit([], { DATA_DIR: gateway.dataDir })
  expect(beside).toMatchObject({ code: 0, errors: '' })
  expect(beside.output).toMatch(/usage records and journals agree · 1 requests/)
  expect(databaseServer(gateway.dataDir)).toBe(server)
  expect((await fetch(`${gateway.origin}/readyz`)).status).toBe(200)
  await gateway.stop()
  expect(databaseServer(gateway.dataDir)).toBeUndefined()
  const alone = await audit([], { DATA_DIR: gateway.dataDir })
  expect(alone).toMatchObject({ code: 0, errors: '' })
  expect(leftovers(gateway.dataDir)).toEqual([])
})

// The last of this file: the books stay changed.
test('a changed row ends with 1 and is named', async () => {
  await withoutGuards(book.admin, ['usage_record'], `UPDATE ledger.usage_record SET model = 'openai/gpt-5'`)
  const { code, output } = await audit(['--anchor', anchorFile, '--jwks', jwksFile])
  expect(code).toBe(1)
  expect(output).toMatch(
    /ledger\.usage_record [0-9a-f-]{36}, column model: is not what its signed receipt says/,
  )
  expect(output).toMatch(/The books are NOT in order: 2 of \d+ checks failed\./)
  expect(readFileSync(anchorFile, 'utf8')).toContain(book.signer.kid)
})
