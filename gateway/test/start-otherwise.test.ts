/** Starts that do not end well, and starts on what is not the default: another server, live mode, another user. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { createEmptyDatabase } from './support/database.ts'
import { chat, signIn } from './support/gateway-client.ts'
import {
  askDatabase,
  endProcesses,
  leftovers,
  liveSecrets,
  repository,
  runToExit,
  startProcess,
} from './support/process.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 })
afterAll(endProcesses)

describe('a start that does not come to its end', () => {
  test('told to stop while it starts, it stops and leaves nothing behind', async () => {
    const stopped = await runToExit({ interrupt: { said: 'migration applied', signal: 'SIGTERM' } })
    expect(stopped).toMatchObject({ code: 0, signal: null })
    expect(leftovers(stopped.dataDir)).toEqual([])
  })

  test('killed after it made the operator, the next start still knows the password', async () => {
    const killed = await runToExit({ interrupt: { said: '"action":"user.created"', signal: 'SIGKILL' } })
    expect(killed.signal).toBe('SIGKILL')
    expect(existsSync(join(killed.dataDir, 'summary.json'))).toBe(false)
    const gateway = await startProcess({ dataDir: killed.dataDir })
    expect(gateway.output()).toContain('"adopted":true')
    await signIn(gateway)
    expect((await chat(gateway, gateway.summary.apiKey as string, { model: 'gpt-4o-mini' })).status).toBe(200)
    await gateway.stop()
  })

  test('a wrong configuration is one error that names every fault, and nothing is started', async () => {
    const { code, output, dataDir } = await runToExit({
      env: {
        PORT: 'http',
        LOG_LEVEL: 'loud',
        GATEWAY_FEE: '5',
        GATEWAY_ADMIN_EMAIL: 'nobody',
        DATABASE_URL: 'mysql://x',
      },
    })
    expect(code).toBe(1)
    expect(output).toMatch(/^The configuration has \d+ faults:\n/)
    for (const name of [
      'PORT',
      'LOG_LEVEL',
      'GATEWAY_FEE is not a setting',
      'GATEWAY_ADMIN_EMAIL',
      'DATABASE_URL',
    ])
      expect(output).toContain(name)
    expect(output).not.toContain('    at ')
    expect(readdirSync(dataDir)).toEqual([])
  })

  test('live mode without its secrets names all of them', async () => {
    const { code, output, dataDir } = await runToExit({ env: { GATEWAY_MODE: 'live' } })
    expect(code).toBe(1)
    for (const name of Object.keys(liveSecrets())) expect(output).toContain(`${name} is missing`)
    expect(readdirSync(dataDir)).toEqual([])
  })

  test('a DATA_DIR that cannot be written says so', async () => {
    const { code, output } = await runToExit({ env: { DATA_DIR: '/dev/null/bourse' } })
    expect(code).toBe(1)
    expect(output).toMatch(/could not start: .*\/dev\/null\/bourse.*Set DATA_DIR/)
  })
})

describe('a server of their own', () => {
  test('DATABASE_URL takes it, in play mode when that is said', async () => {
    const database = await createEmptyDatabase()
    const gateway = await startProcess({ env: { DATABASE_URL: database.adminUrl, GATEWAY_MODE: 'play' } })
    expect((await chat(gateway, gateway.summary.apiKey as string, { model: 'gpt-4o-mini' })).status).toBe(200)
    expect(readdirSync(gateway.dataDir).filter((name) => name.startsWith('postgres'))).toEqual([])
    expect(await gateway.stop()).toEqual({ code: 0, signal: null })
    const rows = await askDatabase(database.adminUrl, 'SELECT * FROM ledger.check_invariants()')
    expect(rows).toEqual([])
    await database.drop()
  })

  test('live mode starts with secrets and without any demo', async () => {
    const database = await createEmptyDatabase()
    const env = {
      DATABASE_URL: database.adminUrl,
      HOST: '127.0.0.1',
      GATEWAY_DRAIN_SECONDS: '0',
      GATEWAY_ADMIN_EMAIL: 'operator@example.test',
      GATEWAY_ADMIN_PASSWORD: randomBytes(16).toString('hex'),
      ...liveSecrets(),
    }
    const gateway = await startProcess({ env })
    expect(gateway.summary).not.toHaveProperty('apiKey')
    expect(gateway.summary).not.toHaveProperty('password')
    const operator = await signIn(gateway, env.GATEWAY_ADMIN_PASSWORD)
    const [users, listings] = await Promise.all([
      operator.api('GET', '/api/users'),
      operator.api('GET', '/api/marketplace/listings'),
    ])
    expect(users.json.data).toHaveLength(1)
    expect(listings.json.data).toEqual([])
    const credit = await operator.api(
      'POST',
      `/api/users/${users.json.data[0].id}/credits`,
      { amountNanos: '1', reason: 'none' },
      { 'idempotency-key': 'none' },
    )
    expect(credit.status).toBe(403)
    expect(await gateway.stop()).toEqual({ code: 0, signal: null })
    await database.drop()
  })
})

const stranger = { uid: 65_534, gid: 65_534 }

// As root only, and only where another user may read this repository; otherwise all of the above ran as a plain user.
test.runIf(mayRun(stranger))('a user who may only read the repository starts it as well', async () => {
  const gateway = await startProcess({ user: stranger })
  expect(statSync(join(gateway.dataDir, 'summary.json')).uid).toBe(stranger.uid)
  expect((await chat(gateway, gateway.summary.apiKey as string, { model: 'gpt-4o-mini' })).status).toBe(200)
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
  expect(leftovers(gateway.dataDir)).toEqual([])
})

function mayRun(user: { uid: number; gid: number }): boolean {
  if (process.getuid?.() !== 0) return false
  const look = `require('node:fs').accessSync(${JSON.stringify(join(repository, 'package.json'))})`
  return spawnSync(process.execPath, ['-e', look], { ...user, cwd: '/' }).status === 0
}
