import { hkdfSync } from 'node:crypto'

/** The four secrets of an installation, 32 bytes or more each. */
export interface Secrets {
  /** Seals what must be read again: sellers' credentials. Lose it and they must be entered anew. */
  encryptionKey: Buffer
  /** Keys the hashes of API keys. Lose it and every API key is void. */
  keyPepper: Buffer
  /** Signs sessions and tokens. Lose it and everyone signs in again. */
  sessionSecret: Buffer
  /** Seed of the Ed25519 key that signs receipts. Lose it and new receipts carry another key; old ones stay valid. */
  signingKey: Buffer
}

export type GivenSecrets = Partial<Secrets>

const LEAST_CHARACTERS = 32

const sources = [
  {
    key: 'encryptionKey',
    name: 'GATEWAY_ENCRYPTION_KEY',
    read: readKey,
    must: 'must be 32 bytes in base64 or hex, as openssl rand -base64 32 prints them',
  },
  {
    key: 'keyPepper',
    name: 'GATEWAY_KEY_PEPPER',
    read: readText,
    must: 'must be random and have at least 32 characters, as openssl rand -hex 32 prints them',
  },
  {
    key: 'sessionSecret',
    name: 'SESSION_SECRET',
    read: readText,
    must: 'must be random and have at least 32 characters, as openssl rand -hex 32 prints them',
  },
  {
    key: 'signingKey',
    name: 'GATEWAY_SIGNING_KEY',
    read: readKey,
    must: 'must be 32 bytes in base64 or hex, as openssl rand -base64 32 prints them',
  },
] as const satisfies {
  key: keyof Secrets
  name: string
  read: (text: string) => Buffer | undefined
  must: string
}[]

/**
 * The secrets that the environment gives: each by its own variable, or derived from the master key. With `complete`
 * a missing one is a fault. Faults never show a value.
 */
export function readGivenSecrets(
  env: Readonly<Record<string, string>>,
  { complete }: { complete: boolean },
): { secrets: GivenSecrets; faults: string[] } {
  const secrets: GivenSecrets = {}
  const faults: string[] = []
  const masterName = env.GATEWAY_MASTER_KEY ? 'GATEWAY_MASTER_KEY' : 'LITELLM_MASTER_KEY'
  const master = env[masterName]
  if (master && !readText(master))
    faults.push(`${masterName} must be random and have at least 32 characters.`)
  for (const { key, name, read, must } of sources) {
    const own = env[name]
    if (own) {
      const secret = read(own)
      if (secret) secrets[key] = secret
      else faults.push(`${name} ${must}.`)
    } else if (master) {
      secrets[key] = derivedSecret(master, name)
    } else if (complete) {
      faults.push(
        `${name} is missing: live mode generates no secrets. It ${must}; or set GATEWAY_MASTER_KEY for all four.`,
      )
    }
  }
  return { secrets, faults }
}

/** Keys beyond this many are a sign that nobody drops the old ones. */
const MOST_OLD_KEYS = 20
const OLD_KEYS = 'GATEWAY_ENCRYPTION_KEYS_OLD'

export interface OldKeys {
  keys: readonly Buffer[]
  /** Ids of keys that are gone for good: what was sealed with them is given up. */
  lost: readonly string[]
}

/**
 * Encryption keys of before, with commas between them, which still open what they sealed. `master:…` is an old master
 * key, from which the encryption key was derived; `lost:…` is the id of a key that is gone. Faults never show a value.
 */
export function readOldKeys(text = ''): { old: OldKeys; faults: string[] } {
  const entries = text.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
  const lost = entries.flatMap((each) => /^lost:([\x21-\x7e]{1,400})$/.exec(each)?.[1] ?? [])
  const keys = entries.flatMap((each) => readOldKey(each) ?? [])
  const faults: string[] = []
  if (keys.length + lost.length !== entries.length) {
    faults.push(
      `${OLD_KEYS} must be keys of 32 bytes in base64 or hex with commas between them; an old master key stands as master:…, the id of a lost key as lost:….`,
    )
  }
  if (entries.length > MOST_OLD_KEYS) faults.push(`${OLD_KEYS} has more than ${MOST_OLD_KEYS} keys.`)
  return { old: { keys, lost }, faults }
}

function readOldKey(entry: string): Buffer | undefined {
  if (!entry.startsWith('master:')) return readKey(entry)
  const master = entry.slice('master:'.length)
  return readText(master) && derivedSecret(master, 'GATEWAY_ENCRYPTION_KEY')
}

function readKey(text: string): Buffer | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return sound(Buffer.from(text, 'hex'))
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return sound(Buffer.from(text, 'base64'))
  return undefined
}

function readText(text: string): Buffer | undefined {
  return text.length >= LEAST_CHARACTERS ? sound(Buffer.from(text, 'utf8')) : undefined
}

/** Random bytes repeat little; `0000…`, `changeme-changeme…` do. */
function sound(secret: Buffer): Buffer | undefined {
  return new Set(secret).size >= 8 ? secret : undefined
}

/** HKDF with the variable's name: knowing one derived secret says nothing about the others. */
export function derivedSecret(master: string, name: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, 'bourse/v1', name, 32))
}
