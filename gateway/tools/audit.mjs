/** `npm run audit`: proves the books, or says which row is wrong; `-- --help` says how. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const COULD_NOT_RUN = 2
const HELP = `Proves the books, or says which row is wrong. Reads only; the gateway may be serving meanwhile.

  npm run audit                       the database of DATABASE_URL, or the embedded one in DATA_DIR (.bourse)
  npm run audit -- --anchor FILE      holds the seal's chain against the heads in this file, such as .bourse/anchors.jsonl
  npm run audit -- --jwks FILE        checks signatures with these public keys instead of the database's own
  npm run audit -- --from-seal N      begins at block N of the chain
  npm run audit -- --json             the report as JSON

Exit status: 0 the books are in order, 1 they are not, 2 the audit could not run.`
const closers = []

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => closeAll().finally(() => process.exit(COULD_NOT_RUN)))
}
try {
  process.exitCode = await run()
} catch (error) {
  console.error(explain(error))
  process.exitCode = COULD_NOT_RUN
} finally {
  await closeAll()
}

/** A server that was started for the audit is stopped, however the audit ends. */
async function closeAll() {
  for (const close of closers.splice(0).reverse()) await close().catch(() => {})
}

async function run() {
  const options = readOptions()
  if (options.help) {
    console.log(HELP)
    return 0
  }
  build()
  const { auditLedger, reportText } = await import('../dist/ledger/audit.js')
  const { createReceiptWriter, signingInput } = await import('../dist/settlement/receipt.js')
  const { readMigrations } = await import('../dist/platform/migrate.js')
  const client = await connect()
  const report = await auditLedger({
    client,
    migrations: readMigrations(fileURLToPath(new URL('../../prisma/migrations', import.meta.url))).map(
      ({ sql }) => sql,
    ),
    receiptForm: { writer: createReceiptWriter, signingInput },
    ...(options.anchor === undefined ? {} : { anchors: readText(options.anchor) }),
    ...(options.jwks === undefined ? {} : { keys: await readKeys(options.jwks) }),
    fromSeal: options.fromSeal,
    onProgress: process.stderr.isTTY ? showProgress : undefined,
  })
  if (process.stderr.isTTY) showProgress('')
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report))
  return report.proved ? 0 : 1
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      anchor: { type: 'string' },
      jwks: { type: 'string' },
      'from-seal': { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (!/^[1-9]\d{0,17}$/.test(values['from-seal']))
    throw new Error('--from-seal is a block number, 1 or more.')
  return { ...values, fromSeal: BigInt(values['from-seal']) }
}

function build() {
  const builder = fileURLToPath(new URL('build.mjs', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [builder, '--only', 'client,gateway'], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The gateway could not be built.\n${stdout}${stderr}`.trim())
}

/** A connection that cannot write: to DATABASE_URL, to the embedded server, or to that server started for us. */
async function connect() {
  const { connectClient } = await import('../dist/platform/database.js')
  const url = process.env.DATABASE_URL?.trim()
  const client = url
    ? await connectClient(url, 'bourse/audit')
    : await connectEmbedded(resolve(process.env.DATA_DIR?.trim() || '.bourse'), connectClient)
  closers.push(() => client.end())
  // Nor does it look for functions and operators where somebody could have put others of the same name.
  await client.query('SET default_transaction_read_only = on; SET search_path = pg_catalog')
  return client
}

async function connectEmbedded(dataDir, connectClient) {
  const record = join(dataDir, 'postgres.json')
  if (!existsSync(record)) {
    throw new Error(
      `There is no embedded database in ${dataDir}. Set DATA_DIR to the gateway's folder, or DATABASE_URL to its database.`,
    )
  }
  const { appPassword, port } = JSON.parse(readFileSync(record, 'utf8'))
  if (port !== undefined) {
    try {
      return await connectClient(
        `postgresql://bourse_app:${appPassword}@127.0.0.1:${port}/bourse`,
        'bourse/audit',
      )
    } catch {
      // It does not run, or its old port is somebody else's by now.
    }
  }
  const { startEmbeddedPostgres } = await import('../dist/platform/embedded-postgres.js')
  const { createLogger } = await import('../dist/platform/logger.js')
  const server = await startEmbeddedPostgres({ dataDir, logger: createLogger({ level: 'silent' }) })
  closers.push(() => server.stop())
  return connectClient(server.appUrl, 'bourse/audit')
}

async function readKeys(path) {
  const { publicJwkOf } = await import('../dist/platform/signing.js')
  const { keys } = JSON.parse(readText(path))
  if (!Array.isArray(keys)) throw new Error(`${path} is not a JSON Web Key Set.`)
  // Named by their thumbprints, whatever the file calls them.
  return new Map(keys.filter(({ crv }) => crv === 'Ed25519').map(({ x }) => [publicJwkOf(x).kid, x]))
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${path} cannot be read: ${error.message}`)
  }
}

function showProgress(text) {
  process.stderr.write(`\r\x1b[K${text}`)
}

function explain(error) {
  // 42P01, 42703, 42883, 3F000: a table, column, function or schema that an earlier release does not have.
  if (['42P01', '42703', '42883', '3F000'].includes(error.code)) {
    return `This database was not migrated by this release (${error.message}). Start the gateway once, or run: npm run db:migrate`
  }
  if (error.code === '42501') {
    return `The database user may not read the ledger (${error.message}). Use the gateway's, or one with SELECT on schema ledger.`
  }
  return `The audit could not run: ${error.message || error.code || error}`
}
