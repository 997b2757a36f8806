/**
 * `migration.mjs new NAME` writes the SQL that brings prisma/migrations up to prisma/schema into a new folder, to be
 * reviewed and completed by hand; `migration.mjs check` fails when the two differ.
 *
 * Both ask Prisma's own schema engine (as wasm) to replay the migrations on an in-memory PostgreSQL. It compares what
 * Prisma can say: tables, columns, keys and indexes of the public schema. Triggers, functions, checks, roles and other
 * schemas are ours to review.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const gateway = createRequire(join(root, '../gateway/package.json'))
const load = (name) => import(pathToFileURL(gateway.resolve(name)).href)

const [command, name] = process.argv.slice(2)
if (command === 'check') {
  process.exit(await check())
} else if (command === 'new' && /^[a-z][a-z0-9_]*$/.test(name ?? '')) {
  process.exit(await writeMigration(name))
} else {
  console.error('Usage: migration.mjs check | migration.mjs new name_in_snake_case')
  process.exit(2)
}

async function check() {
  const sql = await difference()
  if (sql === undefined) {
    console.log('prisma/migrations and prisma/schema agree.')
    return 0
  }
  console.error(
    `prisma/migrations lack what prisma/schema says. Run migration.mjs new NAME. Missing:\n\n${sql}`,
  )
  return 1
}

async function writeMigration(name) {
  const sql = await difference()
  if (sql === undefined) {
    console.log('Nothing to do: prisma/migrations and prisma/schema agree.')
    return 0
  }
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const folder = join(root, 'migrations', `${stamp}_${name}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'migration.sql'), sql)
  console.log(`Wrote ${folder}/migration.sql. Review it before it is applied; afterwards it never changes.`)
  return 0
}

/** The SQL that leads from the migrations to the schema, or `undefined` when they agree. */
async function difference() {
  const schema = readSchema()
  const engine = await startEngine(schema)
  const result = await engine.diff({
    script: true,
    exitCode: true,
    filters: { externalTables: [], externalEnums: [] },
    from: {
      tag: 'migrations',
      baseDir: join(root, 'migrations'),
      lockfile: {
        path: 'migration_lock.toml',
        content: readFileSync(join(root, 'migrations/migration_lock.toml'), 'utf8'),
      },
      shadowDbInitScript: '',
      migrationDirectories: readMigrations(),
    },
    to: { tag: 'schemaDatamodel', files: schema.map(([path, content]) => ({ path, content })) },
  })
  return result.exitCode === 0 ? undefined : result.stdout
}

function readSchema() {
  const folder = join(root, 'schema')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.prisma'))
    .sort()
    .map((file) => [join(folder, file), readFileSync(join(folder, file), 'utf8')])
}

function readMigrations() {
  return readdirSync(join(root, 'migrations'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((path) => {
      const value = readFileSync(join(root, 'migrations', path, 'migration.sql'), 'utf8')
      return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok', value } } }
    })
}

async function startEngine(datamodels) {
  // The package expects a bundler to link its two halves; without one we do it.
  const bindingsPath = gateway.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const bindings = await import(pathToFileURL(bindingsPath).href)
  const wasm = readFileSync(join(dirname(bindingsPath), 'schema_engine_bg.wasm'))
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': bindings })
  bindings.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start?.()

  const { PGlite } = await load('@electric-sql/pglite')
  const { PrismaPGlite } = await load('pglite-prisma-adapter')
  const { bindMigrationAwareSqlAdapterFactory } = await load('@prisma/driver-adapter-utils')
  const database = bindMigrationAwareSqlAdapterFactory(new PrismaPGlite(new PGlite()))
  return bindings.SchemaEngine.new({ datamodels }, () => {}, database)
}
