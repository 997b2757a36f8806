import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { completeSecrets } from './secret-files.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bourse-secrets-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('generated secrets are the same after a restart, differ from each other and are readable by their owner only', () => {
  const dataDir = join(folder, 'new', '.bourse')
  const first = completeSecrets({ given: {}, dataDir })
  expect(completeSecrets({ given: {}, dataDir })).toEqual(first)
  const values = Object.values(first).map((secret) => secret.toString('hex'))
  expect(new Set(values).size).toBe(4)
  for (const secret of Object.values(first)) expect(secret).toHaveLength(32)
  expect(statSync(join(dataDir, 'secrets.json')).mode & 0o777).toBe(0o600)
})

test('two installations have different secrets', () => {
  const [one, two] = ['a', 'b'].map((name) => completeSecrets({ given: {}, dataDir: join(folder, name) }))
  expect(one?.keyPepper).not.toEqual(two?.keyPepper)
})

test('a secret from the environment wins over the generated one, and is not written down', () => {
  const sessionSecret = Buffer.from('from the environment, 32 bytes..')
  const secrets = completeSecrets({ given: { sessionSecret }, dataDir: folder })
  expect(secrets.sessionSecret).toEqual(sessionSecret)
  expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).not.toContain(sessionSecret.toString('hex'))
})

test('with all four given no file is made', () => {
  const dataDir = join(folder, 'none')
  const secret = Buffer.alloc(32, 7)
  const given = { encryptionKey: secret, keyPepper: secret, sessionSecret: secret, signingKey: secret }
  completeSecrets({ given, dataDir })
  expect(() => statSync(dataDir)).toThrow()
})

test('a file from before receipts stays as it is and gives the same signing key at every start', () => {
  const hex = (byte: number) => Buffer.alloc(32, byte).toString('hex')
  const text = JSON.stringify({ encryptionKey: hex(1), keyPepper: hex(2), sessionSecret: hex(3) })
  writeFileSync(join(folder, 'secrets.json'), text)
  const first = completeSecrets({ given: {}, dataDir: folder })
  expect(first.signingKey).toHaveLength(32)
  expect(new Set(Object.values(first).map((secret) => secret.toString('hex'))).size).toBe(4)
  expect(completeSecrets({ given: {}, dataDir: folder })).toEqual(first)
  expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).toBe(text)
})

test('a damaged file is never replaced: what it sealed would be lost', () => {
  for (const text of ['', '{', '{}', '{"encryptionKey":"00"}']) {
    writeFileSync(join(folder, 'secrets.json'), text)
    expect(() => completeSecrets({ given: {}, dataDir: folder })).toThrow(/damaged/)
    expect(readFileSync(join(folder, 'secrets.json'), 'utf8')).toBe(text)
  }
})
