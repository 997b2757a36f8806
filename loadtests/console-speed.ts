/**
 * `npm run bench:console`: how fast the console's API and pages are on a seeded market (`npm run seed:market`). A gateway of
 * its own on that data, everything asked in turns, so that a noisy machine is noisy for all of it.
 *
 *   --data-dir DIR   what was seeded (.bourse-market)    --calls N      calls of each kind (50)
 *   --minutes N      no further round after so long (60)
 *   --only TEXT      only what has it in its name        --pages N      cold visits of each page (5; 0: none)
 *   --json FILE      all figures, for a program          --console-dir  is what `npm run build` has made
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { connectClient, type DatabaseClient } from '../gateway/src/platform/database.ts'
import { startEmbeddedPostgres } from '../gateway/src/platform/embedded-postgres.ts'
import { createLogger } from '../gateway/src/platform/logger.ts'
import { measurePages, type PageSpeed, type PageWish } from './console-pages.ts'
import { type Document, type Person, type Variant, variantsOf, withSearch } from './console-variants.ts'
import { percentile } from './percentile.ts'
import { freePort, type Running, start } from './processes.ts'
import { SEED_PASSWORD } from './seed-market.ts'
import { whatExists } from './what-exists.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PEOPLE: Person[] = ['operator', 'whale', 'top-seller', 'small-buyer']
const DEEP_PAGES = 20
const SLOW_CALL_MS = 200
const SLOW_STATEMENT_MS = 50
const USABLE_MS = 1_000
const SCRIPT_KB = 400

const PAGES: PageWish[] = [
  { name: 'Requests', path: '/requests', email: 'whale', usable: 'main tbody tr, main [data-row]' },
  { name: 'Usage', path: '/usage', email: 'whale', usable: 'main .recharts-surface, main tbody tr' },
  { name: 'Market', path: '/market', email: 'whale', usable: 'main tbody tr' },
  { name: 'Users', path: '/run/users', email: 'operator', usable: 'main tbody tr' },
  { name: 'Run', path: '/run', email: 'operator', usable: 'main .recharts-surface, main tbody tr' },
  {
    name: 'Requests of the market',
    path: '/requests?side=market',
    email: 'operator',
    usable: 'main tbody tr',
  },
].map((page) => ({ ...page, email: `${page.email}@market.example` }))

interface Speed {
  name: string
  calls: number
  p50: number
  p95: number
  max: number
  /** Answers that were not 200. */
  refused: string | undefined
}

interface Statement {
  calls: number
  meanMs: number
  maxMs: number
  text: string
}

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: '.bourse-market' },
    calls: { type: 'string', default: '50' },
    minutes: { type: 'string', default: '60' },
    pages: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
})
const dataDir = values['data-dir']

await countStatements(dataDir)
const { gateway, origin } = await startGateway(dataDir)
const admin = await connectAdmin(dataDir)
try {
  const tokens = await signInAll(origin)
  const ask = asker(origin, tokens)
  const known = await whatExists(admin)
  const document = (await ask('operator', '/api/openapi.json')).body as Document
  const { variants: shallow, leftOut } = variantsOf(document, known)
  const chosen = shallow.filter(({ name }) => name.includes(values.only))
  const variants = [...chosen, ...(await deepPages(chosen, ask))]
  const load = loadavg()[0] as number
  const speeds = await measure(
    variants,
    Number(values.calls),
    ask,
    () => signInAll(origin).then((fresh) => Object.assign(tokens, fresh)),
    admin,
  )
  const statements = await slowStatements(admin)
  const pages =
    Number(values.pages) > 0
      ? await measurePages({ origin, password: SEED_PASSWORD, runs: Number(values.pages) }, PAGES)
      : []
  const loads = [load, loadavg()[0] as number]
  report({ speeds, statements, pages, leftOut, loads })
  if (values.json)
    writeFileSync(
      values.json,
      `${JSON.stringify({ at: new Date(), loads, speeds, statements, pages, leftOut }, null, 2)}\n`,
    )
} finally {
  await admin.query('DROP SCHEMA IF EXISTS bench CASCADE').catch(() => undefined)
  await admin.query('ALTER SYSTEM RESET shared_preload_libraries').catch(() => undefined)
  await admin.end()
  await gateway.stop()
}

/** The server takes the library at its next start, which is the gateway's. */
async function countStatements(folder: string): Promise<void> {
  const logger = createLogger({ level: 'warn' })
  const server = await startEmbeddedPostgres({ dataDir: folder, logger })
  const client = await connectClient(server.adminUrl)
  await client.query(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`)
  await client.end()
  await server.stop()
}

async function startGateway(folder: string): Promise<{ gateway: Running; origin: string }> {
  const port = await freePort()
  const gateway = await start(
    'bourse',
    [process.execPath, '--enable-source-maps', '--import', 'tsx', join(ROOT, 'gateway/src/main.ts')],
    {
      env: { PORT: String(port), DATA_DIR: folder, GATEWAY_MODE: 'play' },
      ready: /"msg":"ready"/,
      timeoutMs: 120_000,
    },
  )
  return { gateway, origin: `http://127.0.0.1:${port}` }
}

async function connectAdmin(folder: string): Promise<DatabaseClient> {
  const record = JSON.parse(readFileSync(join(folder, 'postgres.json'), 'utf8')) as {
    adminPassword: string
    port: number
  }
  const client = await connectClient(
    `postgresql://postgres:${record.adminPassword}@127.0.0.1:${record.port}/bourse`,
  )
  await client.query('CREATE SCHEMA IF NOT EXISTS bench')
  await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA bench')
  return client
}

type Tokens = Record<Person, string>

async function signInAll(at: string): Promise<Tokens> {
  const entries: [Person, string][] = []
  for (const person of PEOPLE) {
    const answer = await fetch(`${at}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: `${person}@market.example`, password: SEED_PASSWORD }),
    })
    if (!answer.ok) throw new Error(`${person} cannot sign in: ${await answer.text()}`)
    entries.push([person, ((await answer.json()) as { token: string }).token])
  }
  return Object.fromEntries(entries) as Tokens
}

interface Answer {
  status: number
  body: unknown
  ms: number
}

type Ask = (who: Person, path: string) => Promise<Answer>

function asker(at: string, tokens: Tokens): Ask {
  return async (who, path) => {
    const began = performance.now()
    const answer = await fetch(at + path, { headers: { authorization: `Bearer ${tokens[who]}` } })
    const text = await answer.text()
    const ms = performance.now() - began
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text), ms }
  }
}

/** The twentieth page of every list that has one. */
async function deepPages(variants: readonly Variant[], ask: Ask): Promise<Variant[]> {
  const deep: Variant[] = []
  for (const { name, who, path } of variants) {
    if (!/^\S+ ·/.test(name) && !name.includes(' 30d')) continue
    let cursor: string | null = null
    for (let page = 0; page < DEEP_PAGES; page += 1) {
      const { body } = await ask(who, cursor === null ? path : withSearch(path, { cursor }))
      const next = (body as { nextCursor?: string | null } | undefined)?.nextCursor ?? null
      if (next === null) break
      cursor = next
    }
    if (cursor !== null)
      deep.push({ name: name.replace(' ·', ' deep ·'), who, path: withSearch(path, { cursor }) })
  }
  return deep
}

async function measure(
  variants: readonly Variant[],
  calls: number,
  ask: Ask,
  signInAgain: () => Promise<unknown>,
  client: DatabaseClient,
): Promise<Speed[]> {
  const times = variants.map((): number[] => [])
  const refused = variants.map((): string | undefined => undefined)
  const endsMs = performance.now() + Number(values.minutes) * 60_000
  for (let round = -2; round < calls && performance.now() < endsMs; round += 1) {
    if (round === 0) await client.query('SELECT bench.pg_stat_statements_reset()')
    // A token lives for a quarter of an hour.
    if (round % 5 === 0) await signInAgain()
    for (const [at, { who, path }] of variants.entries()) {
      if (refused[at] !== undefined) continue
      const { status, body, ms } = await ask(who, path)
      if (status !== 200)
        refused[at] = `${status} ${(body as { error?: { message?: string } })?.error?.message ?? ''}`
      else if (round >= 0) times[at]?.push(ms)
    }
    process.stderr.write(`\rround ${round + 1} of ${calls} `)
  }
  process.stderr.write('\n')
  return variants.map(({ name }, at) => {
    const sorted = [...(times[at] ?? [])].sort((a, b) => a - b)
    const share = (of: number) => percentile(sorted, of)
    return {
      name,
      calls: sorted.length,
      p50: share(0.5),
      p95: share(0.95),
      max: share(1),
      refused: refused[at],
    }
  })
}

/** What the gateway itself asked; not what this script did as the superuser. */
async function slowStatements(client: DatabaseClient): Promise<Statement[]> {
  const { rows } = await client.query<Statement>(
    `SELECT s.calls::integer, s.mean_exec_time AS "meanMs", s.max_exec_time AS "maxMs",
       left(regexp_replace(s.query, '\\s+', ' ', 'g'), 400) AS text
     FROM bench.pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
     WHERE r.rolname = 'bourse_app' ORDER BY s.mean_exec_time DESC LIMIT 40`,
  )
  return rows
}

function report({
  speeds,
  statements,
  pages,
  leftOut,
  loads,
}: {
  speeds: Speed[]
  statements: Statement[]
  pages: PageSpeed[]
  leftOut: string[]
  loads: number[]
}): void {
  const asked = speeds.filter(({ refused }) => refused === undefined)
  const ms = (value: number) => value.toFixed(1).padStart(9)
  console.log(
    `Node ${process.version}, ${cpus().length} cores, load ${loads.map((each) => each.toFixed(1)).join(' to ')}\n`,
  )
  console.log(`${'milliseconds'.padEnd(84)}      p50      p95      max`)
  for (const { name, p50, p95, max } of [...asked].sort((a, b) => b.p95 - a.p95))
    console.log(`${name.padEnd(84)}${ms(p50)}${ms(p95)}${ms(max)}`)
  const slow = asked.filter(({ p95 }) => p95 > SLOW_CALL_MS)
  console.log(`\n${asked.length} ways of asking, ${slow.length} of them above ${SLOW_CALL_MS} ms at p95`)
  for (const { name, refused } of speeds)
    if (refused !== undefined) console.log(`not answered: ${name}: ${refused}`)
  for (const each of leftOut) console.log(`not asked: ${each}`)
  console.log(
    `\nstatements, by pg_stat_statements: mean and max ms, calls (aim: common ones <= ${SLOW_STATEMENT_MS} ms)`,
  )
  for (const { meanMs, maxMs, calls, text } of statements.slice(0, 15))
    console.log(`${ms(meanMs)}${ms(maxMs)}${String(calls).padStart(7)}  ${text.slice(0, 160)}`)
  if (pages.length === 0) return
  console.log(
    `\n${`pages, cold (aim: usable <= ${USABLE_MS} ms, scripts <= ${SCRIPT_KB} kB gzip)`.padEnd(84)}      p50      max  sent kB  gzip kB`,
  )
  for (const { name, p50Ms, maxMs, sentKb, gzipKb } of pages)
    console.log(`${name.padEnd(84)}${ms(p50Ms)}${ms(maxMs)}${ms(sentKb)}${ms(gzipKb)}`)
}
