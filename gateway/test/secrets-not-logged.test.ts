/** Secrets are planted wherever one can get into a log, at the loudest level; then everything written is searched. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEmptyDatabase, type EmptyDatabase } from './support/database.ts'
import { call, chat, openChat, signIn } from './support/gateway-client.ts'
import {
  askDatabase,
  databaseServer,
  endProcesses,
  everythingWritten,
  newDataDir,
  runToExit,
  startProcess,
} from './support/process.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const hex = (bytes = 24) => randomBytes(bytes).toString('hex')

// Half of them have a shape that gives them away, the others are told from words only by whoever knows them.
const canaries = {
  databasePassword: `pw${hex()}`,
  sessionSecret: hex(32),
  keyPepper: hex(32),
  encryptionKey: hex(32),
  oldEncryptionKey: hex(32),
  signingKey: hex(32),
  operatorPassword: `correct "horse\\ ${hex()}`,
  wrongPassword: `wrong horse ${hex()}`,
  unparsedPassword: `broken horse ${hex()}`,
  vendorKey: hex(),
  upstreamKey: `sk-proj-${hex()}`,
  plainUpstreamKey: hex(),
  wrongCallerKey: `sk-brs-${hex(25)}`,
  metricsToken: hex(),
  prompt: `my secret plan ${hex()}`,
  answer: `the secret answer ${hex()}`,
}

let upstream: ScriptedUpstream
let database: EmptyDatabase
let proxy: Awaited<ReturnType<typeof startProxy>>
const role = `canary_${hex(6)}`

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  database = await createEmptyDatabase()
  await askDatabase(
    database.adminUrl,
    `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${canaries.databasePassword}'`,
  )
  proxy = await startProxy(new URL(database.adminUrl))
})
afterAll(async () => {
  await endProcesses()
  await proxy.close()
  await upstream.close()
  await askDatabase(database.adminUrl, `DROP OWNED BY ${role} CASCADE`)
  await askDatabase(database.adminUrl, `DROP ROLE ${role}`)
  await database.drop()
})

/** The way to the database, which can be cut. */
async function startProxy(target: URL) {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const onward = connect(Number(target.port), target.hostname)
    for (const socket of [client, onward]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
    client.pipe(onward)
    onward.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `postgresql://${role}:${canaries.databasePassword}@127.0.0.1:${port}${target.pathname}`,
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

const environment = () => ({
  GATEWAY_MODE: 'play',
  LOG_LEVEL: 'trace',
  ALLOW_PRIVATE_UPSTREAMS: 'true',
  DATABASE_URL: proxy.url,
  GATEWAY_ADMIN_EMAIL: 'operator@example.test',
  GATEWAY_ADMIN_PASSWORD: canaries.operatorPassword,
  GATEWAY_ENCRYPTION_KEY: canaries.encryptionKey,
  GATEWAY_ENCRYPTION_KEYS_OLD: `lost:00000000, ${canaries.oldEncryptionKey}`,
  GATEWAY_KEY_PEPPER: canaries.keyPepper,
  SESSION_SECRET: canaries.sessionSecret,
  GATEWAY_SIGNING_KEY: canaries.signingKey,
  GATEWAY_METRICS_TOKEN: canaries.metricsToken,
  MISTRAL_API_KEY: canaries.vendorKey,
})

/** A module that throws where nobody catches it, with whatever a careless line of code could have in its hands. */
function crashModule(dataDir: string, secrets: Record<string, string>): string {
  const file = join(dataDir, 'crash.mjs')
  writeFileSync(
    file,
    `process.on('SIGUSR2', () => setImmediate(() => {
      const secrets = ${JSON.stringify(secrets)}
      const error = new Error('a crash with ' + Object.values(secrets).join(' and '), { cause: secrets })
      throw Object.assign(error, { code: secrets.upstreamKey, config: secrets })
    }))`,
  )
  return file
}

test('nothing secret is in anything that a gateway at trace level writes, also when everything fails', async () => {
  const dataDir = newDataDir()
  const { prompt, answer, unparsedPassword, wrongPassword, plainUpstreamKey: _, ...known } = canaries
  const crash = crashModule(dataDir, known)
  const gateway = await startProcess({
    dataDir,
    env: { ...environment(), NODE_OPTIONS: `--import ${crash}` },
  })
  const operator = await signIn(gateway, canaries.operatorPassword)
  const { key } = await operator.buyer()

  // Upstreams that echo the key they were given: in a refusal, in a header, in bytes that are no HTTP.
  const echo = upstream.serve('echo', (wire) =>
    wire.json(401, {
      error: { message: `Incorrect API key provided: ${wire.visit.headers.authorization?.slice(7)}` },
    }),
  )
  const header = upstream.serve('header', (wire) =>
    wire.json(500, 'oops', { 'x-debug': wire.visit.headers.authorization ?? '', 'retry-after': 'soon' }),
  )
  const garbage = upstream.serve('garbage', async (wire) => {
    await wire.raw(
      `HTTP/1.1 200 OK\r\nx-bad: \u0000${wire.visit.headers.authorization}\r\nnot a header\r\n\r\n`,
    )
    wire.close()
  })
  const fine = upstream.serve('fine', (wire) => wire.json(200, completion(answer)))
  const broken = upstream.serve('broken', async (wire) => {
    await wire.stream()
    await wire.event(chunk({ content: answer }))
    await wire.event({ error: { message: `the key ${wire.visit.headers.authorization?.slice(7)} ran out` } })
    wire.close()
  })
  const requestIds: string[] = []
  const models = { echo, header, garbage, fine, broken }
  for (const [index, [name, baseUrl]] of Object.entries(models).entries()) {
    for (const [shape, upstreamKey] of Object.entries({
      a: canaries.upstreamKey,
      b: canaries.plainUpstreamKey,
    })) {
      const model = ['openai/gpt-4-turbo', 'openai/gpt-4.1-nano', 'openai/o3', 'openai/gpt-4', 'openai/o1'][
        index
      ]
      await operator.listing({
        model: model as string,
        name: `${name} ${shape}`,
        baseUrl,
        key: `${upstreamKey}${index}`,
      })
    }
    const model = ['gpt-4-turbo', 'gpt-4.1-nano', 'o3', 'gpt-4', 'o1'][index] as string
    const asked = openChat(gateway, key, { model, content: prompt, stream: name === 'broken' })
    requestIds.push(String((await asked.opened).headers['x-request-id']))
    await asked.ended
    expect(asked.text()).not.toContain(canaries.upstreamKey)
    expect(asked.text()).not.toContain(canaries.plainUpstreamKey)
  }
  expect(
    upstream.visits.some(({ headers }) => headers.authorization?.includes(canaries.plainUpstreamKey)),
  ).toBe(true)

  // Callers and people who send what they should not, where they should not.
  await chat(gateway, canaries.wrongCallerKey, { model: 'gpt-4', content: prompt })
  await call(`${gateway.origin}/v1/models?api_key=${key}&token=${operator.token}`, {
    headers: { 'x-api-key': key },
  })
  await call(`${gateway.origin}/v1/nowhere/${key}`)
  await call(`${gateway.origin}/metrics`, { token: canaries.metricsToken })
  const login = (body: unknown) => call(`${gateway.origin}/api/login`, { method: 'POST', body })
  expect((await login({ email: 'operator@example.test', password: wrongPassword })).status).toBe(401)
  expect((await login(`{"email":"operator@example.test","password":"${unparsedPassword}`)).status).toBe(400)
  expect((await login({ email: { password: unparsedPassword }, password: [unparsedPassword] })).status).toBe(
    400,
  )

  // The database goes away under requests that need it.
  const { status } = await chat(gateway, key, { model: 'gpt-4', content: prompt })
  expect(status).toBe(200)
  await proxy.close()
  expect((await call(`${gateway.origin}/readyz`)).status).toBe(503)
  expect((await login({ email: 'operator@example.test', password: canaries.operatorPassword })).status).toBe(
    503,
  )
  const unbooked = await chat(gateway, key, { model: 'gpt-4', content: prompt })
  expect([unbooked.status, unbooked.json.error.code]).toEqual([503, 'unavailable'])
  requestIds.push(String(unbooked.headers.get('x-request-id')))

  gateway.signal('SIGUSR2')
  expect(await gateway.exited).toEqual({ code: 1, signal: null })

  const written = everythingWritten(gateway)
  for (const [name, canary] of Object.entries({ ...canaries, callerKey: key, loginToken: operator.token })) {
    expect(written.includes(canary), `${name} was written`).toBe(false)
    expect(written.includes(JSON.stringify(canary).slice(1, -1)), `${name} was written as JSON`).toBe(false)
    expect(written.includes(Buffer.from(canary).toString('base64')), `${name} was written in base64`).toBe(
      false,
    )
  }
  // The search finds what is there.
  for (const id of requestIds) expect(written).toContain(id)
  expect(written).toContain('an error nobody caught')
  expect(written).toContain('a crash with ')
  expect(written).toMatch(/ECONNREFUSED|Connection terminated/)
})

test('a start that fails does not print the password of the database', async () => {
  const unreachable = `postgresql://${role}:${canaries.databasePassword}@127.0.0.1:1/bourse`
  const wrong = new URL(database.adminUrl)
  wrong.username = role
  wrong.password = `not-${canaries.databasePassword}`
  for (const url of [unreachable, wrong.href]) {
    const { code, output } = await runToExit({ env: { ...environment(), DATABASE_URL: url } })
    expect(code).toBe(1)
    expect(output).toContain('Bourse could not start: ')
    expect(output).not.toContain(canaries.databasePassword)
  }
})

test('when the embedded database dies, callers hear 503, its passwords stay secret and a stop still works', async () => {
  const gateway = await startProcess({ env: { LOG_LEVEL: 'trace' } })
  const { adminPassword, appPassword } = JSON.parse(
    readFileSync(join(gateway.dataDir, 'postgres.json'), 'utf8'),
  ) as Record<string, string>
  const made = JSON.parse(readFileSync(join(gateway.dataDir, 'secrets.json'), 'utf8')) as Record<
    string,
    string
  >
  process.kill(databaseServer(gateway.dataDir) as number, 'SIGQUIT')
  await gateway.said('the embedded PostgreSQL server has ended')
  const { status, json } = await chat(gateway, gateway.summary.apiKey as string, { model: 'gpt-4o-mini' })
  expect([status, json.error.code]).toEqual([503, 'unavailable'])
  expect((await call(`${gateway.origin}/readyz`)).status).toBe(503)
  expect(await gateway.stop()).toEqual({ code: 0, signal: null })
  const written = everythingWritten(gateway)
  for (const secret of [adminPassword, appPassword, ...Object.values(made)])
    expect(written).not.toContain(secret)
  expect(written).toContain('database system is ready to accept connections')
})
