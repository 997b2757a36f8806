import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Config, ConfigError, loadConfig, variableNames } from './config.ts'

const file = (path: string) => readFileSync(new URL(`../../../config/${path}`, import.meta.url), 'utf8')
const random = (length: number) => 'Zx81kQmPw0vRt6YbUe93LdNs7GhJfCaV2o4iXyB5'.repeat(4).slice(0, length)
const secrets = {
  GATEWAY_ENCRYPTION_KEY: Buffer.from(random(32)).toString('base64'),
  GATEWAY_KEY_PEPPER: random(32),
  SESSION_SECRET: random(40),
  GATEWAY_SIGNING_KEY: Buffer.from(random(64).slice(32)).toString('base64'),
}

function faults(environment: Record<string, string>, keys: string[] = []): readonly string[] {
  try {
    loadConfig(environment, keys)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).faults
  }
  return []
}

const vendorVariables = () => {
  const { providers } = JSON.parse(file('providers.json')) as { providers: { environmentKeys?: string[] }[] }
  return providers.flatMap((provider) => provider.environmentKeys ?? [])
}

test('the example names every variable there is, and no other', () => {
  const lines = file('gateway.env.example').split('\n')
  const named = lines.flatMap((line) => /^([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? [])
  expect(named.toSorted()).toEqual([...variableNames, ...vendorVariables()].toSorted())
})

test('every variable of the example says why in the line above it', () => {
  const body = file('gateway.env.example').split('# ---- Vendor keys')[0] as string
  const lines = body.split('\n')
  for (const [index, line] of lines.entries()) {
    if (/^[A-Z]/.test(line)) expect(lines[index - 1], line).toMatch(/^# \S/)
  }
})

test('the example, taken as it is, means the same as an empty environment', () => {
  const pairs = file('gateway.env.example')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
  const example = Object.fromEntries(
    pairs.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
  expect(loadConfig(example, vendorVariables())).toEqual(loadConfig({}))
})

test('without any variable the gateway plays, on this machine only', () => {
  expect(loadConfig({})).toEqual({
    mode: 'play',
    host: '127.0.0.1',
    port: 4000,
    dataDir: '.bourse',
    corsOrigins: ['*'],
    logLevel: 'info',
    admin: {},
    secrets: {},
    signUpOpen: false,
    feeBps: 500n,
    priceNoticeMs: 300_000,
    earningsHoldDays: 0,
    payoutMinNanos: 1_000_000_000n,
    settlementDurability: 'spool',
    anchorFile: '.bourse/anchors.jsonl',
    allowPrivateUpstreams: false,
    allowCustomEndpoints: false,
    oldEncryptionKeys: { keys: [], lost: [] },
    vendorKeys: {},
    environmentListings: false,
    drainMs: 30_000,
    streamMs: 900_000,
    streamIdleMs: 60_000,
    firstByteMs: 60_000,
    firstContentMs: 120_000,
    maxStreams: 2000,
    requestLogDays: 90,
  })
})

test('an own database or NODE_ENV=production means live, unless play is said', () => {
  const url = 'postgresql://u:p@db:5432/x'
  expect(loadConfig({ DATABASE_URL: url, ...secrets }).mode).toBe('live')
  expect(loadConfig({ NODE_ENV: 'production', ...secrets }).mode).toBe('live')
  expect(loadConfig({ NODE_ENV: 'test' }).mode).toBe('play')
  expect(loadConfig({ DATABASE_URL: url, GATEWAY_MODE: 'play' })).toMatchObject({
    mode: 'play',
    databaseUrl: url,
  })
  expect(loadConfig({ GATEWAY_MODE: 'live', ...secrets })).toMatchObject({ mode: 'live', host: '0.0.0.0' })
})

test('live mode without secrets is one error that names all four', () => {
  const found = faults({ GATEWAY_MODE: 'live' })
  expect(found.map((fault) => fault.split(' ')[0])).toEqual([
    'GATEWAY_ENCRYPTION_KEY',
    'GATEWAY_KEY_PEPPER',
    'SESSION_SECRET',
    'GATEWAY_SIGNING_KEY',
  ])
})

test('a wrong configuration is one error with a line for every fault and no value in it', () => {
  const wrong = {
    PORT: '70000',
    DATABASE_URL: 'mysql://hunter2',
    LOG_LEVEL: 'loud',
    GATEWAY_FEE_BPS: '5001',
    GATEWAY_PUBLIC_URL: 'https://x.example.org/path',
    GATEWAY_CORS_ORIGINS: 'https://a.example.org,nonsense',
    GATEWAY_ENCRYPTION_KEY: 'hunter2-too-short',
    GATEWAY_ADMIN_EMAIL: 'nobody',
    ALLOW_PRIVATE_UPSTREAMS: 'maybe',
    GATEWAY_DRAIN_SECONDS: '1.5',
    SETTLEMENT_DURABILITY: 'memory',
    GATEWAY_FEE_BPSS: '1',
  }
  const found = faults({ ...wrong, GATEWAY_MODE: 'play' })
  for (const name of Object.keys(wrong))
    expect(
      found.some((fault) => fault.startsWith(`${name} `)),
      name,
    ).toBe(true)
  expect(found.join()).not.toContain('hunter2')
  const message = String(new ConfigError(found).message)
  expect(message.split('\n')).toHaveLength(found.length + 1)
})

test('a misspelt setting of ours names the one that was meant', () => {
  expect(faults({ GATEWAY_FEE_BP: '100' })).toEqual([
    'GATEWAY_FEE_BP is not a setting. Did you mean GATEWAY_FEE_BPS?',
  ])
  expect(faults({ GATEWAY_KEY_PEPER: random(32) })[0]).toContain('GATEWAY_KEY_PEPPER')
})

test('the variables that Kubernetes sets for a service called gateway are no faults', () => {
  expect(
    faults({
      GATEWAY_PORT: 'tcp://10.0.0.1:4000',
      GATEWAY_SERVICE_HOST: '10.0.0.1',
      GATEWAY_PORT_4000_TCP_PROTO: 'tcp',
    }),
  ).toEqual([])
})

test('a master key alone gives four different secrets, always the same; a secret of its own wins', () => {
  const master = { GATEWAY_MODE: 'live', GATEWAY_MASTER_KEY: random(40) }
  const derived = loadConfig(master).secrets
  const hex = Object.values(derived).map((secret) => secret.toString('hex'))
  expect(new Set(hex).size).toBe(4)
  expect(derived.encryptionKey).toHaveLength(32)
  expect(loadConfig(master).secrets).toEqual(derived)
  const mixed = loadConfig({ ...master, SESSION_SECRET: secrets.SESSION_SECRET }).secrets
  expect(mixed.sessionSecret?.toString()).toBe(secrets.SESSION_SECRET)
  expect(mixed.keyPepper).toEqual(derived.keyPepper)
})

test("LiteLLM's name for the master key works, and ours wins over it", () => {
  const ours = loadConfig({ GATEWAY_MASTER_KEY: random(40) }).secrets
  expect(loadConfig({ LITELLM_MASTER_KEY: random(40) }).secrets).toEqual(ours)
  expect(loadConfig({ LITELLM_MASTER_KEY: random(50), GATEWAY_MASTER_KEY: random(40) }).secrets).toEqual(ours)
})

test('secrets that are short or not random are refused', () => {
  for (const weak of ['sk-1234', 'a'.repeat(64), 'changeme'.repeat(8)]) {
    expect(faults({ GATEWAY_MASTER_KEY: weak }), weak).toHaveLength(1)
    expect(faults({ GATEWAY_KEY_PEPPER: weak }), weak).toHaveLength(1)
    expect(faults({ GATEWAY_ENCRYPTION_KEY: weak }), weak).toHaveLength(1)
  }
})

test('the encryption key is the same bytes in hex and in base64', () => {
  const key = Buffer.from(random(32))
  const inHex = loadConfig({ GATEWAY_ENCRYPTION_KEY: key.toString('hex') }).secrets.encryptionKey
  const inBase64 = loadConfig({ GATEWAY_ENCRYPTION_KEY: key.toString('base64') }).secrets.encryptionKey
  expect(inHex).toEqual(key)
  expect(inBase64).toEqual(key)
})

test('older encryption keys are read beside the current one, an old master key and a lost key by what stands before', () => {
  const [first, second, master] = [Buffer.from(random(32)), Buffer.from(random(32)), random(40)]
  const old = `${first.toString('hex')}, ${second.toString('base64')},master:${master},lost:0a1b2c3d,`
  const { oldEncryptionKeys } = loadConfig({ GATEWAY_ENCRYPTION_KEYS_OLD: old })
  const derived = loadConfig({ GATEWAY_MASTER_KEY: master }).secrets.encryptionKey
  expect(oldEncryptionKeys).toEqual({ keys: [first, second, derived], lost: ['0a1b2c3d'] })
  for (const wrong of [
    'hunter2',
    `${first.toString('hex')},hunter2`,
    'master:hunter2',
    'lost:',
    'a'.repeat(64),
  ]) {
    const found = faults({ GATEWAY_ENCRYPTION_KEYS_OLD: wrong })
    expect(found, wrong).toEqual([expect.stringMatching(/^GATEWAY_ENCRYPTION_KEYS_OLD /)])
    expect(found.join()).not.toContain('hunter2')
  }
  expect(faults({ GATEWAY_ENCRYPTION_KEYS_OLD: Array(21).fill('lost:0a1b2c3d').join() })).toHaveLength(1)
})

test('sellers with servers of their own and an open private network do not go together', () => {
  expect(loadConfig({ ALLOW_CUSTOM_ENDPOINTS: 'true' }).allowCustomEndpoints).toBe(true)
  expect(faults({ ALLOW_CUSTOM_ENDPOINTS: 'true', ALLOW_PRIVATE_UPSTREAMS: 'true' })).toEqual([
    expect.stringContaining('cannot both be true'),
  ])
})

test('vendor keys are read by the names the providers say; in play they become listings only when asked', () => {
  const environment = { OPENAI_API_KEY: ' sk-x \n', MISTRAL_API_KEY: '', OTHER_API_KEY: 'y' }
  const config = loadConfig(environment, ['OPENAI_API_KEY', 'MISTRAL_API_KEY'])
  expect(config.vendorKeys).toEqual({ OPENAI_API_KEY: 'sk-x' })
  expect(config.environmentListings).toBe(false)
  expect(loadConfig({ GATEWAY_ENV_LISTINGS_IN_PLAY: 'true' }).environmentListings).toBe(true)
  expect(loadConfig({ GATEWAY_MODE: 'live', ...secrets }).environmentListings).toBe(true)
})

test('an operator is an address and a password, never one of them', () => {
  expect(faults({ GATEWAY_ADMIN_EMAIL: 'a@example.org' })).toEqual([
    expect.stringMatching(/^GATEWAY_ADMIN_PASSWORD/),
  ])
  expect(faults({ GATEWAY_ADMIN_PASSWORD: random(12) })).toEqual([
    expect.stringMatching(/^GATEWAY_ADMIN_EMAIL/),
  ])
  expect(
    loadConfig({ GATEWAY_ADMIN_EMAIL: 'a@example.org', GATEWAY_ADMIN_PASSWORD: random(12) }).admin,
  ).toEqual({
    email: 'a@example.org',
    password: random(12),
  })
})

test('a mail server and a sender go together, and open sign-up in live mode needs them', () => {
  const smtp = { SMTP_URL: 'smtp://user:secret@mail.example.org:587' }
  const from = { MAIL_FROM: 'Bourse <bourse@example.org>' }
  expect(loadConfig({ ...smtp, ...from }).smtp).toEqual({
    url: smtp.SMTP_URL,
    from: 'Bourse <bourse@example.org>',
  })
  expect(faults(smtp)).toEqual(['MAIL_FROM is missing: SMTP_URL needs it.'])
  expect(faults(from)).toEqual(['SMTP_URL is missing: MAIL_FROM needs it.'])
  for (const wrong of ['mail.example.org', 'http://mail.example.org', 'smtp:'])
    expect(faults({ ...from, SMTP_URL: wrong })).toHaveLength(1)
  for (const wrong of ['nobody', 'a@b\nBcc: c@d', '<a@b>', 'A <a@b>, c@d'])
    expect(faults({ ...smtp, MAIL_FROM: wrong })).toHaveLength(1)
  expect(loadConfig({ GATEWAY_SIGN_UP: 'open' }).signUpOpen).toBe(true)
  expect(faults({ ...secrets, GATEWAY_MODE: 'live', GATEWAY_SIGN_UP: 'open' })).toEqual([
    'SMTP_URL is missing: GATEWAY_SIGN_UP=open needs it, because people confirm their address.',
  ])
})

test('origins are read with and without a slash at the end', () => {
  const config = loadConfig({
    GATEWAY_PUBLIC_URL: 'https://gateway.example.org/',
    GATEWAY_CORS_ORIGINS: 'https://a.example.org, http://localhost:5173/',
  })
  expect(config.publicUrl).toBe('https://gateway.example.org')
  expect(config.corsOrigins).toEqual(['https://a.example.org', 'http://localhost:5173'])
})

test('earnings wait and payouts have a least amount: in live mode unless said otherwise, in play not', () => {
  const of = ({ earningsHoldDays, payoutMinNanos }: Config) => [earningsHoldDays, payoutMinNanos]
  const said = { GATEWAY_EARNINGS_HOLD_DAYS: '14', GATEWAY_PAYOUT_MIN_USD: '50' }
  expect(of(loadConfig({}))).toEqual([0, 1_000_000_000n])
  expect(of(loadConfig(said))).toEqual([14, 50_000_000_000n])
  expect(of(loadConfig({ GATEWAY_MODE: 'live', ...secrets }))).toEqual([7, 25_000_000_000n])
  for (const wrong of [{ GATEWAY_EARNINGS_HOLD_DAYS: '366' }, { GATEWAY_PAYOUT_MIN_USD: '0' }])
    expect(() => loadConfig(wrong)).toThrow(Object.keys(wrong)[0] as string)
})
