import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { processIdentity } from './process-identity.ts'
import { takeProcessLock } from './process-lock.ts'

// Several processes start, each compiling its script.
vi.setConfig({ testTimeout: 60_000 })

const lockModule = new URL('./process-lock.ts', import.meta.url).href
const busy = (pid: number) => `taken by ${pid}`
let folder: string
let path: string
const children: ChildProcess[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-lock-'))
  path = join(folder, 'gateway.lock')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Another process that tries for the lock, says `have` or `refused`, and keeps it until killed. */
async function contender(): Promise<{ child: ChildProcess; said: string }> {
  const script = `import { takeProcessLock } from ${JSON.stringify(lockModule)}
    try { takeProcessLock(${JSON.stringify(path)}, String); process.stdout.write('have') }
    catch { process.stdout.write('refused') }
    setInterval(() => {}, 1000)`
  const args = ['--import', 'tsx', '--input-type=module', '-e', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const [said] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  return { child, said: String(said) }
}

test('a second gateway on the same folder is refused with the number of the first', () => {
  const lock = takeProcessLock(path, busy)
  expect(() => takeProcessLock(path, busy)).toThrow(`taken by ${process.pid}`)
  lock.release()
  takeProcessLock(path, busy).release()
})

test('the folder is free again after its gateway was killed, even while nobody has noticed its end', async () => {
  const first = await contender()
  expect(first.said).toBe('have')
  expect(() => takeProcessLock(path, busy)).toThrow(`taken by ${first.child.pid}`)
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  takeProcessLock(path, busy).release()
})

test('a number that another process has got since does not keep the folder locked', () => {
  writeFileSync(`${path}.1`, JSON.stringify({ pid: process.pid, identity: 'of an earlier process' }))
  takeProcessLock(path, busy).release()
})

test('a damaged lock file belongs to nobody', () => {
  writeFileSync(`${path}.7`, '{')
  const lock = takeProcessLock(path, busy)
  expect(existsSync(`${path}.8`)).toBe(true)
  lock.release()
})

test('of several that find a dead owner at once exactly one gets the lock', async () => {
  writeFileSync(`${path}.3`, JSON.stringify({ pid: 2 ** 22 + 1, identity: 'ended' }))
  const all = await Promise.all(Array.from({ length: 4 }, contender))
  expect(all.map(({ said }) => said).sort()).toEqual(['have', 'refused', 'refused', 'refused'])
})

test('taking the lock a hundred times leaves no more than two files', () => {
  for (let round = 0; round < 100; round += 1) {
    writeFileSync(`${path}.${round + 1}`, JSON.stringify({ pid: 2 ** 22 + 1, identity: 'ended' }))
    takeProcessLock(path, busy).release()
  }
  expect(readdirSync(folder).length).toBeLessThanOrEqual(2)
})

test('a process has one identity for its life, and none once it has ended', async () => {
  const { child } = await contender()
  const pid = child.pid as number
  const identity = processIdentity(pid)
  expect(identity).toBeTruthy()
  expect(processIdentity(pid)).toBe(identity)
  expect(identity).not.toBe(processIdentity(process.pid))
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(processIdentity(pid)).toBeUndefined()
  for (const impossible of [0, -1, 1.5, Number.NaN]) expect(processIdentity(impossible)).toBeUndefined()
})
