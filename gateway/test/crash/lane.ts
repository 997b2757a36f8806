/**
 * One lane of the crash test: a client's process, an upstream's process and a gateway that dies and comes back, on a
 * database of their own behind a proxy that sees each statement. What each of them wrote down is compared after each
 * death.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connectClient, type DatabaseClient } from '../../src/platform/database.ts'
import { parseId } from '../../src/platform/ids.ts'
import type { Question, Said } from '../support/crash-client.ts'
import { type ClientRequest, readClientLog, readUpstreamLog } from '../support/crash-logs.ts'
import { type Operator, signIn, untilActive } from '../support/gateway-client.ts'
import { type PostgresProxy, startPostgresProxy } from '../support/postgres-proxy.ts'
import { type GatewayProcess, newDataDir, startProcess } from '../support/process.ts'
import { type Audit, auditCrash, type Terms } from './auditor.ts'
import { readBooks } from './books.ts'
import type { DatabaseServer } from './database-server.ts'
import type { Asking, Durability, PayerKind } from './scenario.ts'

export interface Lane {
  proxy: PostgresProxy
  gateway(): GatewayProcess
  dataDir: string
  /** Where the client and the upstream write; left there when something is wrong. */
  folder: string
  durability: Durability
  ask(asking: Asking, more?: AskOptions): Asked
  /** Waits until nothing is held. */
  quiet(): Promise<void>
  /** The next life of the gateway, on the same folder and database. */
  restart(): Promise<void>
  /** The process that has the folder, ready or not. */
  startingPid(): number
  /** The database server has another port now. */
  databaseMoved(): void
  /** As the client has written them down so far. */
  requests(): ClientRequest[]
  /** Looks until all three logs agree, for as long as an unresolved hold may take; answers what is wrong then. */
  audit(): Promise<Audit>
  close(): Promise<void>
}

export interface Asked {
  /** What the ask is called in the logs. */
  ask: string
  /** Resolves when the client has read as much as it was to say. */
  read: Promise<unknown>
  /** Resolves when the client is through with it, whatever came of it. */
  over: Promise<{ refused: boolean }>
}

export type AskOptions = Pick<Question, 'leaveAfterWords' | 'sayAfterWords' | 'killWhenTold'> &
  Partial<Pick<Question['errand'], 'padding' | 'hangAfterWords' | 'kill'>>

interface Payer {
  key: string
  organisation: string
}

const MODEL = 'openai/gpt-4o'
const MAX_TOKENS = 2_000
/** Prices that do not come out even, in USD per million tokens; picos per token are the same digits. */
const PRICE = { input: '0.123457', output: '1.345679' }
// One worst case is about 2.8 million nano-dollars: less than twenty of them, so the poor are held before dispatch.
const CREDIT_USD: Record<PayerKind, number> = { rich: 50, poor: 0.04, budgeted: 50 }
const BUDGET_NANOS = '40000000000'
const RESOLVED_MS = 60_000
const POLL_MS = 25

export async function openLane({
  server,
  durability,
  mayAnswer = [],
  patienceMs = RESOLVED_MS,
}: {
  server: DatabaseServer
  durability: Durability
  /** Statuses that clients may get beside 200. */
  mayAnswer?: readonly number[]
  /** How long the logs may disagree after a restart; a minute. */
  patienceMs?: number
}): Promise<Lane> {
  const folder = mkdtempSync(join(tmpdir(), 'bourse-crash-'))
  const files = { client: join(folder, 'client.jsonl'), upstream: join(folder, 'upstream.jsonl') }
  const database = await server.createDatabase()
  const proxy = await startPostgresProxy(server.port())
  const upstream = await startChild<{ baseUrl: string }>('crash-upstream.ts', files.upstream)
  const client = await startChild('crash-client.ts', files.client)
  const dataDir = newDataDir()
  const databaseUrl = new URL(server.url(database))
  databaseUrl.port = String(proxy.port)
  const start = () => startProcess({ dataDir, env: environment(databaseUrl.href, durability) })
  let gateway = await start()
  const payers = await openPeople(gateway, upstream.hello.baseUrl)
  const terms = termsOf(mayAnswer)
  const credits = creditsOf(payers)

  async function look(): Promise<Audit> {
    const books = await withClient(server.url(database), readBooks)
    const [asked, served] = [readClientLog(files.client), readUpstreamLog(files.upstream)]
    return auditCrash({ client: asked, upstream: served, books, terms, credits })
  }

  return {
    proxy,
    gateway: () => gateway,
    dataDir,
    folder,
    durability,
    ask: asker(client.child, () => gateway.origin, payers),
    async restart() {
      gateway = await start()
    },
    startingPid: () => ownerOf(dataDir),
    quiet: () =>
      withClient(server.url(database), async (admin) => {
        while ((await admin.query("SELECT FROM ledger.hold WHERE state = 'open'")).rowCount !== 0)
          await delay(POLL_MS)
      }),
    requests: () => readClientLog(files.client),
    databaseMoved: () => proxy.target(server.port()),
    async audit() {
      const deadline = performance.now() + patienceMs
      for (;;) {
        const found = await look()
        if (found.findings.length === 0 || performance.now() > deadline) return found
        await delay(POLL_MS)
      }
    },
    async close() {
      await gateway.kill()
      for (const { child } of [client, upstream]) await endChild(child)
      await proxy.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function termsOf(mayAnswer: readonly number[]): Terms {
  return {
    inputPicos: BigInt(PRICE.input.replace('0.', '')),
    outputPicos: BigInt(PRICE.output.replace('.', '')),
    feeBps: 500n,
    mayAnswer,
  }
}

function creditsOf(payers: ReadonlyMap<PayerKind, Payer>): Map<string, bigint> {
  const nanos = (kind: PayerKind) => BigInt(Math.round(CREDIT_USD[kind] * 1e6)) * 1_000n
  return new Map([...payers].map(([kind, { organisation }]) => [organisation, nanos(kind)]))
}

function environment(databaseUrl: string, durability: Durability): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    GATEWAY_MODE: 'play',
    ALLOW_PRIVATE_UPSTREAMS: 'true',
    SETTLEMENT_DURABILITY: durability,
  }
}

/** A process of ours that writes to `file` and says hello when it is ready. */
async function startChild<Hello>(name: string, file: string): Promise<{ child: ChildProcess; hello: Hello }> {
  const path = fileURLToPath(new URL(`../support/${name}`, import.meta.url))
  const child = fork(path, [file], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  // The first message says hello; a child that cannot start ends instead.
  const hello = await Promise.race([
    once(child, 'message').then(([message]) => message as Hello),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${name} ended with ${code}`))),
  ])
  return { child, hello }
}

async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.disconnect()
  await ended
}

async function openPeople(gateway: GatewayProcess, baseUrl: string): Promise<Map<PayerKind, Payer>> {
  const operator = await signIn(gateway)
  const listing = await openListing(operator, baseUrl)
  const policy = { only: [listing] }
  const keys: Record<PayerKind, Record<string, unknown>> = {
    rich: { policy },
    poor: { policy },
    budgeted: { policy, budget: { limitNanos: BUDGET_NANOS, period: 'total' } },
  }
  const people = new Map<PayerKind, Payer>()
  for (const kind of Object.keys(keys) as PayerKind[]) {
    const { key, organisationId } = await operator.buyer({ usd: CREDIT_USD[kind], key: keys[kind] })
    people.set(kind, { key, organisation: parseId('org-', organisationId) as string })
  }
  return people
}

async function openListing(operator: Operator, baseUrl: string): Promise<string> {
  const { status, text, json } = await operator.api('POST', '/api/marketplace/listings', {
    provider: 'openai',
    name: 'crash',
    baseUrl,
    key: 'sk-upstream-of-a-story',
    models: [{ model: MODEL, price: { kind: 'fixed', perMTok: PRICE } }],
    ground: 'own_endpoint',
  })
  if (status !== 201) throw new Error(`the listing was refused: ${status} ${text}`)
  await untilActive(operator.api, json.id)
  return json.id
}

function asker(
  client: ChildProcess,
  origin: () => string,
  payers: ReadonlyMap<PayerKind, Payer>,
): Lane['ask'] {
  const waiting = new Map<string, { read: (said: Said) => void; over: (said: Said) => void }>()
  client.on('message', (said: Said) => {
    const heard = waiting.get(said.ask)
    if (said.over) waiting.delete(said.ask)
    heard?.[said.over ? 'over' : 'read'](said)
  })
  let asks = 0
  return ({ payer, stream, words, pauseMs, startMs }, options = {}) => {
    asks += 1
    const ask = `${payer}-${asks}`
    const { padding = 0, hangAfterWords, kill, ...more } = options
    const { key, organisation } = payers.get(payer) as Payer
    const errand = {
      ask,
      words,
      pauseMs,
      padding,
      ...(hangAfterWords === undefined ? {} : { hangAfterWords }),
      ...(kill ? { kill } : {}),
    }
    const question: Question = {
      ...more,
      origin: origin(),
      key,
      payer: organisation,
      model: MODEL,
      stream,
      maxTokens: MAX_TOKENS,
      errand,
    }
    const heard = { read(_: Said) {}, over(_: Said) {} }
    const hear = (what: keyof typeof heard) =>
      new Promise<Said>((resolve) => {
        heard[what] = resolve
      })
    const asked: Asked = { ask, read: hear('read'), over: hear('over') }
    waiting.set(ask, heard)
    void delay(startMs).then(() => client.send(question))
    return asked
  }
}

async function withClient<Result>(
  url: string,
  use: (admin: DatabaseClient) => Promise<Result>,
): Promise<Result> {
  const admin = await connectClient(url, 'crash-audit')
  try {
    return await use(admin)
  } finally {
    await admin.end()
  }
}

/** Who has the lock of the folder: the newest of its files says so. */
function ownerOf(dataDir: string): number {
  const locks = readdirSync(dataDir).flatMap((name) => /^gateway\.lock\.(\d+)$/.exec(name)?.[1] ?? [])
  const last = Math.max(...locks.map(Number))
  return JSON.parse(readFileSync(join(dataDir, `gateway.lock.${last}`), 'utf8')).pid
}
