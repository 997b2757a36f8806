import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { connectClient } from './database.ts'
import { GatewayError } from './errors.ts'
import { createLogger } from './logger.ts'
import { redact } from './redact.ts'

let scene: TestDatabase
beforeAll(async () => {
  scene = await createTestDatabase()
})
afterAll(() => scene.drop())

function recorded(options: { level?: string; secrets?: string[] } = {}) {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  return { lines, logger: createLogger({ level: 'trace', ...options, destination }) }
}

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'
const planted = {
  ours: 'sk-brs-ab12cd34ef56gh78ij90kl12mn34op56',
  openai: 'sk-proj-Zq81LmNo72_PqRs-TuVwXyZ0123456789',
  anthropic: 'sk-ant-api03-AbCdEfGhIjKl_MnOpQr-StUvWx',
  stripe: 'sk_live_51AbCdEfGhIjKlMnOpQrSt',
  groq: 'gsk_AbCdEfGhIjKlMnOpQrStUvWx',
  google: 'AIzaSyA1234567890abcdefghijklmnopqrstuv',
  xai: 'xai-AbCdEfGhIjKlMnOpQrStUvWx',
  aws: 'AKIA1234567890ABCDEF',
  'aws session': 'ASIA1234567890ABCDEF',
  jwt,
  ...Object.fromEntries(
    [
      'rk_live',
      'pk-lf',
      'pplx',
      'hf',
      'r8',
      'csk',
      'tgp_v1',
      'fw',
      'nvapi',
      'whsec',
      'ghp',
      'gho',
      'glpat',
      'github_pat',
    ].map((prefix) => [prefix, `${prefix}_AbCdEfGhIjKlMnOpQrStUvWx`]),
  ),
}

test.each(Object.entries(planted))(
  'a key of the kind %s is hidden wherever it stands in a line',
  (_kind, secret) => {
    const { lines, logger } = recorded()
    logger.info(`the key ${secret} was refused`)
    logger.info({ upstream: { body: `{"error":{"message":"Incorrect API key provided: ${secret}."}}` } }, 'x')
    logger.info({ list: [secret, { deep: { deeper: { deepest: secret } } }] }, 'x')
    logger.info({ [secret]: 1 }, 'as a name')
    logger.info({ url: `https://api.example.org/v1?key=${secret}&alt=sse` }, 'x')
    logger.child({ note: secret }).info('x')
    expect(lines).toHaveLength(6)
    for (const line of lines) {
      expect(line).not.toContain(secret)
      expect(line).not.toContain(secret.slice(-12))
      expect(() => JSON.parse(line), line).not.toThrow()
    }
  },
)

test.each(['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const)(
  'nothing is shown at level %s',
  (level) => {
    const { lines, logger } = recorded({ level: 'trace' })
    logger[level](
      { headers: { authorization: 'Bearer abcdefgh', 'x-api-key': 'plainvalue1' } },
      'Bearer abcdefgh',
    )
    expect(lines.join()).not.toMatch(/abcdefgh|plainvalue1/)
  },
)

test("headers are hidden by their names, as an object, as Node's raw list and as text", () => {
  const { lines, logger } = recorded()
  const values = ['c2VjcmV0LWE', 'c2VjcmV0LWI', 'c2VjcmV0LWM', 'sid=c2VjcmV0LWQ']
  const names = ['Authorization', 'x-api-key', 'X-Goog-Api-Key', 'set-cookie']
  const headers = Object.fromEntries(names.map((name, index) => [name, values[index]]))
  const raw = names.flatMap((name, index) => [name, values[index]])
  logger.info({ headers }, 'as an object')
  logger.info(
    { headers: Object.fromEntries(names.map((name, index) => [name, [values[index]]])) },
    'as lists',
  )
  logger.info({ raw }, 'as a raw list')
  logger.info({ body: JSON.stringify({ nested: JSON.stringify(headers) }) }, 'as JSON in JSON')
  logger.info(`headers: { ${names.map((name, index) => `'${name}': '${values[index]}'`).join(', ')} }`)
  for (const line of lines) {
    expect(line).not.toMatch(/c2VjcmV0LW/)
    expect(() => JSON.parse(line), line).not.toThrow()
  }
})

test('passwords and secrets are hidden by the names of their fields, counts of tokens are not', () => {
  const { lines, logger } = recorded()
  logger.info({
    password: 'hunter2',
    adminPassword: 'hunter2',
    SESSION_SECRET: 'hunter2',
    secretHash: Buffer.from('hunter2'),
    token: 'hunter2',
    apiKey: 'hunter2',
    inputTokens: 17,
    maxTokens: 99,
    keyId: 'key-visible',
  })
  const line = JSON.parse(lines[0] as string)
  expect(lines[0]).not.toContain('hunter2')
  expect(lines[0]).not.toContain(String([...Buffer.from('hunter2')]))
  expect(line).toMatchObject({ inputTokens: 17, maxTokens: 99, keyId: 'key-visible', password: '[redacted]' })
})

test("an upstream's 401 that echoes the key shows what went wrong but not the key", () => {
  const { lines, logger } = recorded()
  const echo = {
    error: {
      message: `Incorrect API key provided: sk-proj-ab**********wxyz. ${planted.openai}`,
      code: 'invalid_api_key',
    },
  }
  const cause = new Error(`upstream answered 401: ${JSON.stringify(echo)}`)
  logger.error(
    { err: new GatewayError('upstream_failed', 'The provider refused.', { cause }) },
    'attempt failed',
  )
  expect(lines[0]).not.toContain(planted.openai)
  expect(lines[0]).not.toContain('wxyz')
  expect(lines[0]).toContain('Incorrect API key provided')
  expect(lines[0]).toContain('invalid_api_key')
})

test("a database error shows code and constraint, not the row's contents, its parameters or the password", async () => {
  const { lines, logger } = recorded()
  const { prisma, pool } = scene.database
  const data = { id: '0190b5d0-0000-7000-8000-000000000001', name: 'x', email: 'planted@example.org' }
  await prisma.user.create({ data })
  const sql = `INSERT INTO "user" (id, name, email, "updatedAt") VALUES (gen_random_uuid(), 'hidden-name', $1, now())`
  const taken = await pool.query(sql, [data.email]).catch((error: unknown) => error)
  logger.error({ err: taken }, 'a')
  const viaPrisma = await prisma.user
    .create({ data: { ...data, name: 'hidden-name' } })
    .catch((error: unknown) => error)
  logger.error({ err: viaPrisma }, 'b')
  const url = new URL(scene.url)
  url.password = 'planted-p@ss'
  url.hostname = '127.0.0.1'
  const refused = await connectClient(url.href).catch((error: unknown) => error)
  logger.error(
    { err: refused, url: url.href },
    `could not open ${url.href} nor postgres://u:planted-p@ss@db/x`,
  )
  const text = lines.join('\n')
  expect(text).toContain('23505')
  expect(text).toContain('user_email_key')
  expect(text).not.toMatch(/planted@example|hidden-name|planted-p|p%40ss|p@ss/)
  expect(text).toContain(url.hostname)
})

test('a thrown error is hidden in its message, its stack, every cause and every part', () => {
  const { lines, logger } = recorded()
  const inner = new Error(`deepest ${planted.ours}`)
  const outer = new Error(`Bearer ${planted.jwt}`, { cause: new Error(planted.openai, { cause: inner }) })
  logger.fatal(outer)
  logger.fatal({ err: new AggregateError([outer, inner], planted.stripe) }, 'many')
  logger.error({ error: outer }, 'under another name')
  logger.error({ outer }, 'under an unknown name')
  const text = lines.join('\n')
  for (const secret of Object.values(planted)) expect(text).not.toContain(secret)
  expect(text).toContain('deepest')
  expect(text).toContain('logger.test.ts')
})

test('secrets without a shape are hidden when the logger was told about them', () => {
  const { lines, logger } = recorded({ secrets: ['a1b2c3d4e5f6a7b8', 'short'] })
  logger.info({ note: 'xa1b2c3d4e5f6a7b8x' }, 'a short word stays')
  expect(lines[0]).not.toContain('a1b2c3d4e5f6a7b8')
  expect(lines[0]).toContain('short word')
})

test.each([
  'password',
  'DB_PASSWORD',
  'passwd',
  'client_secret',
  'SESSION_SECRET',
  'credential',
  'api-key',
  'OPENAI_API_KEY',
  'apiKey',
  'private_key',
  'access_key',
  'accessToken',
  'refresh_token',
  'id-token',
  'idToken',
  'token',
  'Authorization',
  'proxy-authorization',
  'Cookie',
  'stripe-signature',
  'pepper',
  'encryptionKey',
  'signingKey',
  'masterKey',
  'x-amz-security-token',
])(
  'a value that is called %s is hidden in JSON, in JSON within JSON, in an inspected object and in a form',
  (name) => {
    const value = 'Planted0Value'
    const json = JSON.stringify({ [name]: value })
    const texts = [
      json,
      JSON.stringify({ json }),
      JSON.stringify({ twice: JSON.stringify({ json }) }),
      `{ '${name}': '${value}' }`,
      `${name}=${value}`,
    ]
    for (const text of [...texts, JSON.stringify({ [name]: [value] }), JSON.stringify([name, value])]) {
      expect(redact(text), text).not.toContain(value)
      expect(redact(text)).toContain('[redacted]')
    }
  },
)

test('words that only look a little like secrets stay readable', () => {
  for (const text of [
    'the task-manager-process risk-assessment-report desk-1234567',
    'gpt-4o-mini gen-01k9abcdefghjkmnpqrstvwxyz claude-sonnet-4-5',
    'http://127.0.0.1:4000/v1/chat/completions?stream=true',
    '{"inputTokens":12,"keyId":"key-01k9","model":"openai/gpt-4o"}',
  ]) {
    expect(redact(text)).toBe(text)
  }
})

test('a line of a megabyte becomes a short one that is still redacted', () => {
  const { lines, logger } = recorded()
  logger.warn({ body: `${planted.openai} ${'x'.repeat(1_000_000)}` }, 'an upstream answered with a page')
  expect(lines[0]?.length).toBeLessThan(20_000)
  expect(JSON.parse(lines[0] as string)).toMatchObject({ level: 'warn', msg: 'a log line was too long' })
  expect(lines[0]).not.toContain(planted.openai)
})

test('lines that were written just before the process ends are not lost', () => {
  const logger = fileURLToPath(new URL('./logger.ts', import.meta.url))
  const script = `import { createLogger } from ${JSON.stringify(logger)}
    const logger = createLogger({ level: 'info' })
    for (let line = 0; line < 1000; line += 1) logger.info({ line }, 'counted')
    process.exit(0)`
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
    },
  )
  expect(stderr).toBe('')
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).line),
  ).toEqual(Array.from({ length: 1000 }, (_, line) => line))
})
