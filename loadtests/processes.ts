/** Starts the processes of a bench and reads what they cost, from the kernel's own counters. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const CLOCK_TICKS = Number(spawnSync('getconf', ['CLK_TCK']).stdout) || 100

export interface Running {
  name: string
  pid: number
  /** CPU seconds (user + system) of the process, and of its children for a server with workers. */
  cpuSeconds(): number
  rssBytes(): number
  stop(): Promise<void>
}

/** Starts a command pinned to one core (where `taskset` exists) and waits for `ready` in its output. */
export function start(
  name: string,
  command: string[],
  {
    env = {},
    core,
    ready,
    timeoutMs = 60_000,
  }: { env?: Record<string, string>; core?: number; ready: RegExp; timeoutMs?: number },
): Promise<Running> {
  const pinned = core === undefined || !hasTaskset ? command : ['taskset', '-c', String(core), ...command]
  const child = spawn(pinned[0] as string, pinned.slice(1), {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return new Promise((resolve, reject) => {
    let output = ''
    const timer = setTimeout(
      () => reject(new Error(`${name} was not ready in ${timeoutMs} ms:\n${output}`)),
      timeoutMs,
    )
    const listen = (chunk: Buffer) => {
      if (output.length < 100_000) output += chunk.toString()
      if (ready.test(output)) {
        clearTimeout(timer)
        resolve(running(name, child))
      }
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.on('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`${name} ended with ${code}:\n${output}`))
    })
  })
}

const hasTaskset = spawnSync('taskset', ['--version']).status === 0

/** Moves every process below `pid` to `core`, so that a database does not share the core of its gateway. */
export function pinChildren(pid: number, core: number): void {
  if (!hasTaskset) return
  for (const child of descendants(pid)) spawnSync('taskset', ['-apc', String(core), String(child)])
}

/** A port nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

export function commandExists(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

function running(name: string, child: ChildProcess): Running {
  const pid = child.pid as number
  return {
    name,
    pid,
    cpuSeconds: () =>
      [pid, ...(name === 'nginx' ? descendants(pid) : [])].reduce((sum, each) => sum + cpuOf(each), 0),
    rssBytes: () =>
      Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.on('exit', () => resolve())
        child.kill('SIGTERM')
      }),
  }
}

function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const parent = Number(
        readFileSync(`/proc/${entry}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ')[1],
      )
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // The process ended while we looked.
    }
  }
  const found: number[] = []
  const walk = (id: number): void => {
    for (const child of children.get(id) ?? []) {
      found.push(child)
      walk(child)
    }
  }
  walk(pid)
  return found
}
