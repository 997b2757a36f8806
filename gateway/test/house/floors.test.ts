import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'

const tool = fileURLToPath(new URL('../../tools/floors.mjs', import.meta.url))
const planted: string[] = []
afterEach(() => {
  for (const folder of planted.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** Runs the real check over a tree of planted files. */
function check(files: Record<string, string>): { passes: boolean; says: string } {
  const root = mkdtempSync(join(tmpdir(), 'floors-'))
  planted.push(root)
  for (const [name, text] of Object.entries({ ...sound, ...files })) {
    const path = join(root, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const { status, stderr } = spawnSync(process.execPath, [tool, '--root', root], { encoding: 'utf8' })
  return { passes: status === 0, says: stderr }
}

const sound = {
  'gateway/src/platform/clock.ts': 'export const now = () => 1\n',
  'gateway/src/ledger/store.ts': "export const sql = 'SELECT 1 FROM ledger.account'\n",
  'gateway/src/ledger/ledger.ts':
    "import { now } from '../platform/clock.ts'\nimport { sql } from './store.ts'\nexport const ledger = { now, sql }\n",
  'gateway/src/keys/verify.ts':
    "import { ledger } from '../ledger/ledger.ts'\nexport const verify = () => ledger\n",
  'gateway/src/main.ts': "import { verify } from './keys/verify.ts'\nexport const main = () => verify()\n",
  'admin-ui/src/main.tsx': 'export const main = () => <p>hello</p>\n',
}

test('a tree that looks down passes', () => {
  expect(check({})).toEqual({ passes: true, says: '' })
})

test.each([
  ['a value', "import { verify } from '../keys/verify.ts'\nexport const up = verify\n"],
  ['only a type', "import type { verify } from '../keys/verify.ts'\nexport type Up = typeof verify\n"],
  ['a re-export', "export { verify } from '../keys/verify.ts'\n"],
  ['a star', "export * from '../keys/verify.ts'\n"],
  ['a dynamic import', "export const up = () => import('../keys/verify.ts')\n"],
  ['a dynamic import of a template', 'export const up = () => import(`../keys/verify.ts`)\n'],
  ['a type query', "export type Up = import('../keys/verify.ts').verify\n"],
])('an import from a higher floor is refused: %s', (_how, text) => {
  const { passes, says } = check({ 'gateway/src/ledger/up.ts': text })
  expect(passes).toBe(false)
  expect(says).toContain('gateway/src/ledger/up.ts:1 imports upwards: ledger may not know keys')
})

test('two files that import each other are refused, even inside one folder and by type only', () => {
  const { passes, says } = check({
    'gateway/src/keys/one.ts': "import type { Two } from './two.ts'\nexport type One = Two[]\n",
    'gateway/src/keys/two.ts': "import type { One } from './one.ts'\nexport type Two = One | 1\n",
  })
  expect(passes).toBe(false)
  expect(says).toContain('keys/one.ts → keys/two.ts → keys/one.ts')
})

const refused: [what: string, file: string, text: string, says: string][] = [
  [
    'the store of another folder',
    'keys/peek.ts',
    "import { sql } from '../ledger/store.ts'\nexport const peek = sql\n",
    'ledger/store.ts is private to ledger/',
  ],
  [
    'a library outside its owner',
    'keys/log.ts',
    "import { pino } from 'pino'\nexport const log = pino()\n",
    'imports pino, which only platform/logger may',
  ],
  [
    'a library imported for its side effect',
    'keys/net.ts',
    "import 'node:net'\nexport const net = 1\n",
    'imports node:net',
  ],
  [
    'a library outside its owner by its sub-path',
    'keys/web.ts',
    "import handler from 'better-auth/node'\nexport const web = handler\n",
    'imports better-auth/node',
  ],
  [
    'a type of a library that keeps state',
    'keys/pool.ts',
    "import type { Pool } from 'pg'\nexport type Mine = Pool\n",
    'imports pg',
  ],
  [
    'a socket opened outside egress',
    'keys/call.ts',
    "import { connect } from 'node:tls'\nexport const call = connect\n",
    'imports node:tls, which only egress/ may',
  ],
  [
    'fetch outside egress',
    'keys/call.ts',
    "export const call = () => fetch('https://example.com')\n",
    'opens a connection with fetch()',
  ],
  [
    'the generated client outside a store',
    'keys/rows.ts',
    "import type { ApiKey } from '../generated/prisma/client.ts'\nexport type Row = ApiKey\n",
    'touches the generated database client',
  ],
  [
    'SQL outside a store',
    'keys/rows.ts',
    "export const rows = 'select id from api_key where id = $1'\n",
    'SQL is written only in store.ts',
  ],
  [
    'routes mounted by a neighbour',
    'keys/more.ts',
    "import { routes } from './routes.ts'\nexport const more = routes\n",
    'keys/routes.ts is mounted only by',
  ],
  [
    'an import that climbs twice',
    'keys/deep.ts',
    "import config from '../../config.json'\nexport const deep = config\n",
    'climbs 2 levels',
  ],
  [
    'a sealed secret opened outside egress',
    'keys/secret.ts',
    "export const secret = (deps) => deps.sealer.open(deps.sealed, 'aad')\n",
    'opens a sealed secret',
  ],
  [
    'a secret read outside egress',
    'keys/secret.ts',
    'export const read = (secret) => secret.reveal()\n',
    'opens a sealed secret',
  ],
  [
    'a folder without a place',
    'helpers/misc.ts',
    'export const misc = 1\n',
    "the folder 'helpers' has no place",
  ],
  [
    'a stray file above the floors',
    'utils.ts',
    'export const utils = 1\n',
    'only app.ts, bootstrap.ts, context.ts, main.ts, open-books.ts, open-market.ts, open-operations.ts stand above',
  ],
  ['a file that does not parse', 'keys/broken.ts', 'export const = 1\n', 'does not parse'],
  [
    'a long file',
    'keys/long.ts',
    'export const one = 1\n'.repeat(1) + '// line\n'.repeat(350),
    '351 lines, a file has at most 350',
  ],
  [
    'a long function',
    'keys/long.ts',
    `export function long() {\n${'  now()\n'.repeat(69)}}\n`,
    'a function of 71 lines, at most 70',
  ],
]

test.each(refused)('%s is refused', (_what, file, text, expected) => {
  const { passes, says } = check({
    'gateway/src/keys/routes.ts': 'export const routes = 1\n',
    [`gateway/src/${file}`]: text,
  })
  expect(says).toContain(expected)
  expect(passes).toBe(false)
})

test('a factory is measured without its named functions, but an anonymous callback counts for its parent', () => {
  const body = '    now()\n'.repeat(60)
  const factory = `export function make() {\n  function one() {\n${body}  }\n  const two = () => {\n${body}  }\n  return { one, two, three() {\n${body}  } }\n}\n`
  const callback = `export function run() {\n${body}  now(() => {\n${body}  })\n}\n`
  expect(check({ 'gateway/src/keys/make.ts': factory }).says).toBe('')
  expect(check({ 'gateway/src/keys/run.ts': callback }).says).toContain('a function of 124 lines')
})

test('the owners may: the logger imports pino, app.ts mounts routes, a store holds SQL, handlers name express types', () => {
  const { passes, says } = check({
    'gateway/src/platform/logger.ts': "import { pino } from 'pino'\nexport const log = pino()\n",
    'gateway/src/keys/routes.ts': "import { Router } from 'express'\nexport const routes = Router()\n",
    'gateway/src/keys/guard.ts': "import type { Request } from 'express'\nexport type Guarded = Request\n",
    'gateway/src/app.ts': "import { routes } from './keys/routes.ts'\nexport const app = routes\n",
    'gateway/src/keys/host.ts': "import { isIP } from 'node:net'\nexport const host = isIP\n",
    'gateway/src/keys/key-store.ts': "export const rows = 'select id from api_key'\n",
    'gateway/src/egress/call.ts': "export const call = (sealer) => fetch(sealer.open('x', 'y'))\n",
  })
  expect(says).toBe('')
  expect(passes).toBe(true)
})

test('in the console a feature may not reach into another feature, nor a component into a feature', () => {
  const feature = { 'admin-ui/src/features/keys/page.tsx': 'export const Keys = () => <p />\n' }
  const neighbour = "import { Keys } from '../keys/page.tsx'\nexport const Users = Keys\n"
  const upward = "import { Keys } from '../features/keys/page.tsx'\nexport const Table = Keys\n"
  expect(check({ ...feature, 'admin-ui/src/features/users/page.tsx': neighbour }).says).toContain(
    'reaches into its neighbour',
  )
  expect(check({ ...feature, 'admin-ui/src/components/table.tsx': upward }).says).toContain('imports upwards')
})

test('a check that saw no file fails instead of passing', () => {
  const empty = mkdtempSync(join(tmpdir(), 'floors-'))
  planted.push(empty)
  const { status, stderr } = spawnSync(process.execPath, [tool, '--root', empty], { encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toContain('no source file was seen')
})
