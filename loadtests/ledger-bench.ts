/**
 * How fast the ledger books, beside hand-written SQL and an ORM on the same server; each request is a durable hold and
 * then a durable settlement.
 *
 *   npm run bench:ledger                     the table
 *   npm run bench:ledger -- --json           the same as JSON
 *   npm run bench:ledger -- --rounds 3       fewer rounds (default 5)
 *   npm run bench:ledger -- --data DIR       keep the database there while it runs (default: the temporary folder)
 *
 * One process and the embedded PostgreSQL as it is shipped, its data on a disk. The subjects take turns within a round,
 * and only ratios inside one run mean anything.
 */
import { chmodSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectClient } from '../gateway/src/platform/database.ts'
import { startEmbeddedPostgres } from '../gateway/src/platform/embedded-postgres.ts'
import { createLogger } from '../gateway/src/platform/logger.ts'
import { migrate } from '../gateway/src/platform/migrate.ts'
import { type Books, BUYERS, closedLoop, FEE_STRIPES, openLoop } from './ledger-bench-load.ts'
import { prepareOrm } from './ledger-bench-orm.ts'
import { openOurBooks } from './ledger-bench-ours.ts'
import { openPlainBooks } from './ledger-bench-plain.ts'
import { report, type Subject } from './ledger-bench-report.ts'

const OUR_ROUND_MS = 3_000
const RIVAL_ROUND_MS = 1_500
const OPEN_RATE = 1_000
const POOLS = [16, 32, 64]
const ORM_POOLS = [16, 32]
const TMPFS = 0x01021994
// As it is shipped, but for room for the rivals' connections.
const settings = { max_connections: '200' }

async function main(): Promise<void> {
  const rounds = Number(argument('--rounds') ?? 5)
  const dataDir = mkdtempSync(join(argument('--data') ?? tmpdir(), 'bourse-ledger-bench-'))
  chmodSync(dataDir, 0o711)
  const logger = createLogger({ level: 'error' })
  if (statfsSync(dataDir).type === TMPFS) throw new Error(`${dataDir} is in memory. Name a disk with --data.`)
  const server = await startEmbeddedPostgres({ dataDir, logger, settings })
  try {
    const migrationsDir = fileURLToPath(new URL('../prisma/migrations', import.meta.url))
    await migrate({ url: server.adminUrl, migrationsDir, logger })
    const before = loadavg()
    const ours = await openOurBooks(server.appUrl, Math.max(...POOLS), logger)
    const plain = await openPlainBooks(server.adminUrl, Math.max(...POOLS))
    const orm = await prepareOrm(server.adminUrl)
    const opened = ORM_POOLS.map((connections) => ({ connections, ...orm.open(connections) }))
    const subjects = [
      ...ourSubjects(ours.batched, ours.nowhere),
      ...POOLS.flatMap((connections) => [
        ...rivals('sql', 'statements', plain.statements, connections),
        ...rivals('unbatched', 'our SQL one by one', ours.unbatched, connections),
        ...rivals('function', 'one call a phase', plain.functions, connections),
      ]),
      ...opened.flatMap(({ books, connections }) => rivals('orm', 'Prisma', books, connections)),
    ]
    await measure(subjects, rounds)
    const violations = (await ours.checkInvariants()).length
    const facts = {
      ...(await serverFacts(server.adminUrl)),
      node: process.version,
      cores: availableParallelism(),
      loadBefore: before.map((load) => Math.round(load * 100) / 100),
      loadAfter: loadavg().map((load) => Math.round(load * 100) / 100),
      rounds,
      violations,
      rivalsAddUp: await plain.adds(),
    }
    report(subjects, facts, { json: process.argv.includes('--json') })
    for (const each of [...opened, plain, ours]) await each.close()
  } finally {
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  }
}

function ourSubjects(batched: Books, nowhere: Books): Subject[] {
  const closed = (name: string, inFlight: number, buyers: number, books = batched): Subject => ({
    name,
    kind: books === batched ? 'ours' : 'load',
    rounds: [],
    run: (share) => closedLoop(books, { inFlight, buyers, stripes: 1, forMs: OUR_ROUND_MS * share }),
  })
  const open = (name: string, buyers: number): Subject => ({
    name,
    kind: 'open',
    rounds: [],
    run: (share) => openLoop(batched, { rate: OPEN_RATE, buyers, stripes: 1, forMs: OUR_ROUND_MS * share }),
  })
  return [
    closed('ours, 1 in flight', 1, BUYERS),
    closed('ours, 64 in flight', 64, BUYERS),
    closed('ours, 64 in flight, one buyer', 64, 1),
    closed('ours, 256 in flight', 256, BUYERS),
    closed('ours, 256 in flight, one buyer', 256, 1),
    closed('ours, 1000 in flight', 1_000, BUYERS),
    open(`ours, open loop ${OPEN_RATE}/s`, BUYERS),
    open(`ours, open loop ${OPEN_RATE}/s, one buyer`, 1),
    closed('the load alone', 64, BUYERS, nowhere),
  ]
}

/** The same rival with one fee account and with several. */
function rivals(kind: Subject['kind'], how: string, books: Books, connections: number): Subject[] {
  return [1, FEE_STRIPES].map((stripes) => ({
    name: `${how}, ${connections} connections, ${stripes === 1 ? 'one fee account' : `${stripes} fee accounts`}`,
    kind,
    rounds: [],
    run: (share) =>
      closedLoop(books, { inFlight: connections, buyers: BUYERS, stripes, forMs: RIVAL_ROUND_MS * share }),
  }))
}

/** Every subject once to get warm, then in turns, so that a slow minute of the machine is shared by all. */
async function measure(subjects: Subject[], rounds: number): Promise<void> {
  for (const subject of subjects) await subject.run(0.3)
  for (let round = 1; round <= rounds; round += 1) {
    for (const subject of subjects) subject.rounds.push(await subject.run(1))
    console.error(`round ${round} of ${rounds} done`)
  }
}

async function serverFacts(url: string): Promise<Record<string, string>> {
  const client = await connectClient(url)
  try {
    const { rows } = await client.query<Record<string, string>>(
      `SELECT current_setting('server_version') AS postgres, current_setting('fsync') AS fsync,
        current_setting('synchronous_commit') AS "synchronousCommit"`,
    )
    return rows[0] ?? {}
  } finally {
    await client.end()
  }
}

function argument(name: string): string | undefined {
  const at = process.argv.indexOf(name)
  return at > 0 ? process.argv[at + 1] : undefined
}

await main()
