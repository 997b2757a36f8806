/** One running PostgreSQL server process: launched by us, or found running and adopted. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectClient } from './database.ts'
import type { Logger } from './logger.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import { processIdentity } from './process-identity.ts'

export interface ServerProcess {
  pid: number
  port: number
  stop(): Promise<void>
}

interface Cluster {
  folder: string
  adminPassword: string
  binaries: PostgresBinaries
  logger: Logger
}

// Replaying the log after a crash takes a while; a server that says nothing for longer needs a person.
const READY_MS = 60_000
// A fast shutdown writes one checkpoint. After that we pull the plug: the log is replayed at the next start.
const STOP_MS = 15_000
const POLL_MS = 20
// The port is free when we ask and can be taken before the server binds it.
const LAUNCHES = 5
const LOG_BYTES = 10_000_000

/** The server that already runs on this cluster, or `undefined`. Waits while one is starting or shutting down. */
export async function adoptServer(cluster: Cluster): Promise<ServerProcess | undefined> {
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline) {
    const running = readPostmasterFile(cluster.folder)
    if (!running || processIdentity(running.pid) === undefined) return undefined
    if (!mayServe(running.pid, cluster.folder)) {
      // Left by a crash, and the number has gone to another process since, which is common in containers.
      // PostgreSQL would take that process for its predecessor and refuse to start.
      rmSync(join(cluster.folder, 'postmaster.pid'), { force: true })
      return undefined
    }
    const state = await askServer(cluster, running.port)
    if (state === 'ready') return serverProcess(cluster, running.pid, running.port)
    if (state === 'stranger') return undefined
    await delay(POLL_MS)
  }
  throw new Error(
    `The PostgreSQL server that was left running on ${cluster.folder} does not answer. End it (its process number is in postmaster.pid there) and start again.`,
  )
}

/** Starts the server on a free loopback port and waits until it takes connections. */
export async function launchServer(
  cluster: Cluster & { settings: Record<string, string>; logFile: string },
): Promise<ServerProcess> {
  for (let launch = 1; ; launch += 1) {
    const port = await freePort()
    const child = spawnServer(cluster, port)
    if (await becomesReady(cluster, child, port)) {
      const { pid } = child as { pid: number }
      const server = serverProcess(cluster, pid, port, child)
      child.once('exit', (code, signal) => {
        if (!server.isStopping()) {
          cluster.logger.error({ serverPid: pid, code, signal }, 'the embedded PostgreSQL server has ended')
        }
      })
      return server
    }
    if (launch === LAUNCHES) {
      throw new Error(
        `PostgreSQL did not start; the end of ${cluster.logFile} says:\n${tail(cluster.logFile)}`,
      )
    }
    // After a crash the old server's workers need a moment to notice and let go of its memory.
    await delay(200 * launch)
  }
}

/** Nothing of our environment reaches the server: it holds keys, and PG* variables would change what it does. */
export function serverEnvironment(): { env?: Record<string, string> } {
  return process.platform === 'win32' ? {} : { env: { LC_ALL: 'C', TZ: 'UTC' } }
}

function serverProcess(
  cluster: Cluster,
  pid: number,
  port: number,
  child?: ChildProcess,
): ServerProcess & { isStopping(): boolean } {
  let stopping = false
  const isGone = () => processIdentity(pid) === undefined
  return {
    pid,
    port,
    isStopping: () => stopping,
    async stop() {
      stopping = true
      const ended = child && exitOf(child)
      signalServer(cluster, pid, 'SIGINT')
      await untilGone(isGone)
      if (!isGone()) {
        cluster.logger.warn(
          { serverPid: pid },
          'the embedded PostgreSQL server did not stop in time; ending it at once',
        )
        signalServer(cluster, pid, 'SIGQUIT')
        await untilGone(isGone)
      }
      // A child of ours is over only when its exit was seen.
      if (isGone()) await ended
    },
  }
}

/** When the end of our child was seen. Keeps the process alive until then, which a child that was let go does not. */
function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  child.ref()
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

async function untilGone(isGone: () => boolean): Promise<void> {
  const deadline = performance.now() + STOP_MS
  while (!isGone() && performance.now() < deadline) await delay(POLL_MS)
}

function signalServer(cluster: Cluster, pid: number, signal: 'SIGINT' | 'SIGQUIT'): void {
  if (process.platform === 'win32') {
    // Windows has no signals; pg_ctl knows the server's own way.
    const mode = signal === 'SIGINT' ? 'fast' : 'immediate'
    spawnSync(cluster.binaries.program('pg_ctl'), ['stop', '-D', cluster.folder, '-m', mode, '-W'])
    return
  }
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself in the meantime.
  }
}

/** The first lines of postmaster.pid: process, data folder, start time, port. */
function readPostmasterFile(folder: string): { pid: number; port: number } | undefined {
  try {
    const lines = readFileSync(join(folder, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    return Number.isSafeInteger(pid) && pid > 0 ? { pid, port: Number(lines[3]) } : undefined
  } catch {
    return undefined
  }
}

async function askServer(
  cluster: Cluster,
  port: number,
): Promise<'ready' | 'not yet' | 'stranger' | 'absent'> {
  try {
    const client = await connectClient(
      `postgresql://postgres:${cluster.adminPassword}@127.0.0.1:${port}/postgres`,
    )
    try {
      const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory')
      return rows[0]?.data_directory === cluster.folder ? 'ready' : 'stranger'
    } finally {
      await client.end()
    }
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === 'ECONNREFUSED') return 'absent'
    // 28P01, 28000: it wants another password, so it serves another cluster.
    return code === '28P01' || code === '28000' ? 'stranger' : 'not yet'
  }
}

/** Whether the process can be a server on this cluster; in doubt yes. A server's working directory is its data folder. */
function mayServe(pid: number, folder: string): boolean {
  if (process.platform === 'win32') return true
  try {
    if (process.platform === 'linux') return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder)
    return spawnSync('ps', ['-o', 'comm=', '-p', String(pid)], { encoding: 'utf8' }).stdout.includes(
      'postgres',
    )
  } catch {
    return true
  }
}

function spawnServer(cluster: Cluster & { settings: Record<string, string>; logFile: string }, port: number) {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    ...cluster.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const log = openLog(cluster.logFile)
  try {
    const child = spawn(cluster.binaries.program('postgres'), ['-D', cluster.folder, ...flags], {
      ...cluster.binaries.user,
      ...serverEnvironment(),
      cwd: cluster.folder,
      // Its own process group: Ctrl-C in the terminal must reach the gateway only, which drains and then stops it.
      detached: true,
      windowsHide: true,
      stdio: ['ignore', log, log],
    })
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

function openLog(logFile: string): number {
  try {
    if (statSync(logFile).size > LOG_BYTES) renameSync(logFile, `${logFile}.1`)
  } catch {
    // There is no log yet.
  }
  return openSync(logFile, 'a', 0o600)
}

async function becomesReady(cluster: Cluster, child: ChildProcess, port: number): Promise<boolean> {
  let failed = false
  child.once('error', () => {
    failed = true
  })
  const deadline = performance.now() + READY_MS
  while (performance.now() < deadline) {
    if (failed || child.exitCode !== null || child.signalCode !== null) return false
    const state = await askServer(cluster, port)
    if (state === 'ready') return true
    if (state === 'stranger') break
    await delay(POLL_MS)
  }
  if (child.pid !== undefined) signalServer(cluster, child.pid, 'SIGQUIT')
  return false
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

function tail(file: string): string {
  return readFileSync(file, 'utf8').split('\n').slice(-8).join('\n').trim()
}
