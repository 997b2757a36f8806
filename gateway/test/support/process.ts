/**
 * The gateway as people run it: `node gateway/dist/main.js` as a process of its own, with its own DATA_DIR and embedded
 * PostgreSQL. Everything that was started here is ended by its number in `endProcesses`, the database servers too.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Summary } from '../../src/bootstrap.ts'
import { connectClient } from '../../src/platform/database.ts'
import { processIdentity } from '../../src/platform/process-identity.ts'

export const repository = fileURLToPath(new URL('../../..', import.meta.url))
const mainFile = join(repository, 'gateway/dist/main.js')

const READY_MS = 60_000
const END_MS = 30_000
const POLL_MS = 10

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface StartOptions {
  /** Beside PATH and HOME; nothing else of ours reaches the process. PORT is a free one unless given. */
  env?: Record<string, string>
  /** A fresh one unless given. */
  dataDir?: string
  user?: { uid: number; gid: number }
  /** Starts it under a parent in a process group of its own, as npm does: a signal to `-pid` reaches both. */
  group?: boolean
}

export interface GatewayProcess {
  /** The gateway's own number, or its parent's when it was started as a group. */
  pid: number
  dataDir: string
  summary: Summary
  origin: string
  /** Milliseconds from spawn until ready. */
  readyMs: number
  /** What it has written to standard output and error so far. */
  output(): string
  exited: Promise<Exit>
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>
  kill(): Promise<Exit>
  signal(signal: NodeJS.Signals): void
  /** Waits until it has written this. */
  said(text: string): Promise<void>
}

const children = new Set<ChildProcess>()
const folders = new Set<string>()
let built = false

/** A folder for one gateway; others may pass through it, because root's database server runs as another user. */
export function newDataDir(user?: { uid: number; gid: number }): string {
  const folder = mkdtempSync(join(tmpdir(), 'bourse-process-'))
  chmodSync(folder, 0o711)
  if (user) chownSync(folder, user.uid, user.gid)
  folders.add(folder)
  return folder
}

/** Starts a gateway and waits until it is ready. Throws with everything it said when it ends before. */
export async function startProcess(options: StartOptions = {}): Promise<GatewayProcess> {
  const dataDir = options.dataDir ?? newDataDir(options.user)
  const before = changedAt(summaryPath(dataDir))
  build()
  const startedMs = performance.now()
  const { child, output, exited } = launch({ ...options, dataDir })
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null)
      process.kill(options.group ? -pidOf(child) : pidOf(child), name)
  }
  const end = async (name: NodeJS.Signals) => {
    signal(name)
    return (await Promise.race([exited, delay(END_MS, undefined, { ref: false })])) ?? tooLate(name, output())
  }
  const summary = await untilReady({ dataDir, before, child, output })
  return {
    pid: pidOf(child),
    dataDir,
    summary,
    origin: new URL(summary.baseUrl).origin,
    readyMs: performance.now() - startedMs,
    output,
    exited,
    stop: (name = 'SIGTERM') => end(name),
    kill: () => end('SIGKILL'),
    signal,
    said: (text) => untilSaid(child, output, text),
  }
}

/** Runs a gateway that is expected to end by itself, or by `interrupt`: a signal as soon as it has said something. */
export async function runToExit(
  options: StartOptions & { interrupt?: { said: string; signal: NodeJS.Signals } } = {},
): Promise<Exit & { output: string; dataDir: string }> {
  const dataDir = options.dataDir ?? newDataDir(options.user)
  const { child, exited, output } = launch({ ...options, dataDir })
  if (options.interrupt) {
    await untilSaid(child, output, options.interrupt.said)
    process.kill(pidOf(child), options.interrupt.signal)
  }
  const exit = await Promise.race([exited, delay(READY_MS, undefined, { ref: false })])
  return { ...(exit ?? tooLate('nothing', output())), output: output(), dataDir }
}

/** Ends whatever this file started and removes its folders. For `afterAll`. */
export async function endProcesses(): Promise<void> {
  for (const child of children) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
  }
  children.clear()
  for (const folder of folders) {
    const server = databaseServer(folder)
    if (server !== undefined) {
      process.kill(server, 'SIGQUIT')
      while (processIdentity(server) !== undefined) await delay(POLL_MS)
    }
    rmSync(folder, { recursive: true, force: true })
  }
  folders.clear()
}

/** The number of the database server that runs on this DATA_DIR, if one does. */
export function databaseServer(dataDir: string): number | undefined {
  const record = readJson<{ folder: string }>(join(dataDir, 'postgres.json'))
  const cluster = record?.folder ?? join(dataDir, 'postgres')
  try {
    const pid = Number(readFileSync(join(cluster, 'postmaster.pid'), 'utf8').split('\n')[0])
    return processIdentity(pid) === undefined ? undefined : pid
  } catch {
    return undefined
  }
}

/** What a gateway that has ended left running on its DATA_DIR: a database server, locks whose owner lives. */
export function leftovers(dataDir: string): string[] {
  const locks = readdirSync(dataDir).filter((name) => {
    if (!/\.lock\.\d+$/.test(name)) return false
    const owner = readJson<{ pid: number; identity: string }>(join(dataDir, name))
    return owner !== undefined && processIdentity(owner.pid) === owner.identity
  })
  const server = databaseServer(dataDir)
  return server === undefined ? locks : [...locks, `postgres ${server}`]
}

/** What live mode asks for. */
export function liveSecrets(): Record<string, string> {
  return {
    GATEWAY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    GATEWAY_KEY_PEPPER: randomBytes(32).toString('hex'),
    SESSION_SECRET: randomBytes(32).toString('hex'),
    GATEWAY_SIGNING_KEY: randomBytes(32).toString('base64'),
  }
}

/** The superuser's URL of the embedded database: for looking at the books from outside. */
export function adminUrl(dataDir: string): string {
  const record = readJson<{ adminPassword: string; port: number }>(join(dataDir, 'postgres.json'))
  if (!record) throw new Error(`there is no database in ${dataDir}`)
  return `postgresql://postgres:${record.adminPassword}@127.0.0.1:${record.port}/bourse`
}

/** Rows of one query over a connection of its own. */
export async function askDatabase<Row extends object>(
  url: string,
  sql: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = await connectClient(url, 'bourse-story')
  try {
    return (await client.query<Row>(sql, values)).rows
  } finally {
    await client.end()
  }
}

/** Everything the gateway left in writing: its output and the logs in its DATA_DIR. */
export function everythingWritten({ dataDir, output }: Pick<GatewayProcess, 'dataDir' | 'output'>): string {
  const logs = readdirSync(dataDir).filter((name) => /\.log(\.\d+)?$/.test(name))
  return [output(), ...logs.map((name) => readFileSync(join(dataDir, name), 'utf8'))].join('\n')
}

function launch({ env = {}, dataDir, user, group = false }: StartOptions & { dataDir: string }) {
  build()
  const args = ['--enable-source-maps', mainFile]
  const child = spawn(group ? 'sh' : process.execPath, group ? ['-c', shellLine(args)] : args, {
    cwd: dataDir,
    env: { PATH: process.env.PATH ?? '', HOME: dataDir, DATA_DIR: dataDir, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: group,
    ...user,
  })
  children.add(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
    })
  }
  // `close` comes after the last of the output, `exit` may come before it.
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  return { child, output: () => text, exited }
}

/** A shell that waits for its child, as npm's does; its exit code is the child's. */
function shellLine(args: string[]): string {
  const quoted = [process.execPath, ...args].map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(' ')
  return `trap : INT; ${quoted}; exit $?`
}

function build(): void {
  if (built) return
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(repository, 'gateway/tools/build.mjs')],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`the gateway could not be built:\n${stdout}${stderr}`)
  built = true
}

async function untilSaid(child: ChildProcess, output: () => string, text: string): Promise<void> {
  const deadline = performance.now() + READY_MS
  while (!output().includes(text)) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new Error(`the gateway never said '${text}', but:\n${output()}`)
    }
    await delay(POLL_MS)
  }
}

async function untilReady({
  dataDir,
  before,
  child,
  output,
}: {
  dataDir: string
  before: number
  child: ChildProcess
  output: () => string
}): Promise<Summary> {
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the gateway ended (${child.exitCode ?? child.signalCode}) and said:\n${output()}`)
    }
    const file = summaryPath(dataDir)
    const summary = changedAt(file) === before ? undefined : readJson<Summary>(file)
    if (summary && (await isReady(new URL('/readyz', summary.baseUrl)))) return summary
    await delay(POLL_MS)
  }
  throw new Error(`the gateway was not ready in ${READY_MS / 1000} s and said:\n${output()}`)
}

async function isReady(url: URL): Promise<boolean> {
  try {
    const response = await fetch(url, { headers: { connection: 'close' } })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

const summaryPath = (dataDir: string) => join(dataDir, 'summary.json')

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? 0
}

function readJson<Value>(file: string): Value | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Value
  } catch {
    return undefined
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the gateway could not be spawned')
  return child.pid
}

function tooLate(what: string, output: string): never {
  throw new Error(`the gateway did not end after ${what} and said:\n${output}`)
}
