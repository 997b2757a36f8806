import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { processIdentity } from './process-identity.ts'

export interface ProcessLock {
  release(): void
}

interface Owner {
  pid: number
  identity: string
}

/**
 * Takes the lock at `path` (files `path.1`, `path.2`, …) for this process until it is released or the process ends,
 * however it ends. Throws what `busyMessage` says when another living process has it.
 *
 * A dead owner's file is never replaced: the next one takes the next number, by a hard link, which the file
 * system grants only once. So of two processes that find the same dead owner, exactly one goes on.
 */
export function takeProcessLock(path: string, busyMessage: (ownerPid: number) => string): ProcessLock {
  const identity = processIdentity(process.pid)
  const draft = `${path}.draft-${process.pid}-${Math.random().toString(36).slice(2)}`
  writeFileSync(draft, JSON.stringify({ pid: process.pid, identity }), { mode: 0o600 })
  try {
    for (;;) {
      const numbers = takenNumbers(path)
      const last = numbers.at(-1) ?? 0
      const owner = last === 0 ? undefined : readOwner(`${path}.${last}`)
      if (owner && processIdentity(owner.pid) === owner.identity) throw new Error(busyMessage(owner.pid))
      const mine = `${path}.${last + 1}`
      if (!linkOnce(draft, mine)) continue
      // The file of the direct predecessor stays: someone may be listing the folder right now, and must not see it empty.
      for (const number of numbers) if (number < last) rmSync(`${path}.${number}`, { force: true })
      return { release: () => rmSync(mine, { force: true }) }
    }
  } finally {
    rmSync(draft, { force: true })
  }
}

function takenNumbers(path: string): number[] {
  const prefix = `${basename(path)}.`
  return readdirSync(dirname(join(path)))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b)
}

function readOwner(file: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Owner
  } catch {
    // Released between our listing and our reading, or damaged: nobody's.
    return undefined
  }
}

function linkOnce(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
