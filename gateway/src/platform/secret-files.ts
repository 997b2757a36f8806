import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { derivedSecret, type GivenSecrets, type Secrets } from './given-secrets.ts'

const FILE = 'secrets.json'
const secretHex = z.string().regex(/^[0-9a-f]{64}$/)
const secretFile = z.strictObject({
  encryptionKey: secretHex,
  keyPepper: secretHex,
  sessionSecret: secretHex,
  signingKey: secretHex.optional(),
})

/**
 * For play mode: what the environment gives, and the rest from DATA_DIR/secrets.json (mode 0600), which is made once
 * and never replaced, because sealed credentials and keys depend on it. Throws when the file is damaged.
 */
export function completeSecrets({ given, dataDir }: { given: GivenSecrets; dataDir: string }): Secrets {
  const { encryptionKey, keyPepper, sessionSecret, signingKey } = given
  if (encryptionKey && keyPepper && sessionSecret && signingKey) {
    return { encryptionKey, keyPepper, sessionSecret, signingKey }
  }
  return { ...readOrMake(dataDir), ...given }
}

function readOrMake(dataDir: string): Secrets {
  // 0711 as in embedded-postgres.ts: the database server, as another user, passes through this folder.
  mkdirSync(dataDir, { recursive: true, mode: 0o711 })
  const file = join(dataDir, FILE)
  const text = read(file) ?? make(file)
  const parsed = secretFile.safeParse(tryJson(text))
  if (!parsed.success) {
    throw new Error(
      `${file} is damaged. Restore it from your backup; without it sealed credentials and API keys are lost. To start anew, use another DATA_DIR.`,
    )
  }
  const bytes = (hex: string) => Buffer.from(hex, 'hex')
  const { encryptionKey, keyPepper, sessionSecret, signingKey } = parsed.data
  return {
    encryptionKey: bytes(encryptionKey),
    keyPepper: bytes(keyPepper),
    sessionSecret: bytes(sessionSecret),
    // A file from before receipts has none, and is not rewritten: its encryption key gives the same one at every start.
    signingKey: signingKey ? bytes(signingKey) : derivedSecret(encryptionKey, 'GATEWAY_SIGNING_KEY'),
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes new secrets whole or not at all; if another process was faster, its secrets hold. */
function make(file: string): string {
  const hex = () => randomBytes(32).toString('hex')
  const secrets = { encryptionKey: hex(), keyPepper: hex(), sessionSecret: hex(), signingKey: hex() }
  const draft = `${file}.new-${process.pid}`
  writeFileSync(draft, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flush: true })
  try {
    linkSync(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readFileSync(file, 'utf8')
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
