import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
// The schema engine and its database are wasm that each run compiles anew.
vi.setConfig({ testTimeout: 180_000 })

let copy: string
beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'bourse-schema-'))
  cpSync(join(root, 'prisma'), join(copy, 'prisma'), { recursive: true })
  for (const name of ['node_modules', 'gateway']) symlinkSync(join(root, name), join(copy, name))
})
afterEach(() => rmSync(copy, { recursive: true, force: true }))

function migration(...args: string[]) {
  return spawnSync(process.execPath, [join(copy, 'prisma/tools/migration.mjs'), ...args], {
    encoding: 'utf8',
  })
}

test('the migrations make the tables that the schema says; what Prisma cannot say does not disturb', () => {
  const { status, stdout, stderr } = migration('check')
  expect(stderr).toBe('')
  expect(stdout).toContain('agree')
  expect(status).toBe(0)
})

test('a field that no migration adds fails the check and is written by new', () => {
  const file = join(copy, 'prisma/schema/platform.prisma')
  const schema = readFileSync(file, 'utf8')
  writeFileSync(file, schema.replace('  value     Json\n', '  value     Json\n  planted   String?\n'))
  const checked = migration('check')
  expect(checked.status).toBe(1)
  expect(checked.stderr).toContain('ADD COLUMN     "planted" TEXT')

  expect(migration('new', 'add_planted').status).toBe(0)
  const name = readdirSync(join(copy, 'prisma/migrations')).find((each) => each.endsWith('_add_planted'))
  expect(name).toMatch(/^\d{14}_add_planted$/)
  expect(readFileSync(join(copy, `prisma/migrations/${name}/migration.sql`), 'utf8')).toContain(
    '"planted" TEXT',
  )
})

test('a name that is no name, or an unknown command, is refused', () => {
  for (const args of [[], ['deploy'], ['new'], ['new', '../x'], ['new', 'With Space']]) {
    expect(migration(...args).status).toBe(2)
  }
})
