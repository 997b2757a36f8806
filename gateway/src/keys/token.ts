import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** `sk-brs-` + id 12 + secret 32 + checksum 6. The id finds the row; the secret proves; the checksum spares the database typing errors. */
export const KEY_PREFIX = 'sk-brs-'
const ID_LENGTH = 12
const SECRET_LENGTH = 32
const CHECKSUM_LENGTH = 6
const ID_END = KEY_PREFIX.length + ID_LENGTH
const SECRET_END = ID_END + SECRET_LENGTH
export const KEY_LENGTH = SECRET_END + CHECKSUM_LENGTH

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
// The largest multiple of 62 that fits a byte: bytes above it would favour the first letters.
const FAIR_BYTES = 248

export interface KeyToken {
  token: string
  lookupId: string
  secret: string
}

/** A new key: the id has 71 bits, the secret 190. */
export function mintToken(): KeyToken {
  const lookupId = randomText(ID_LENGTH)
  const secret = randomText(SECRET_LENGTH)
  const body = KEY_PREFIX + lookupId + secret
  return { token: body + checksumOf(body), lookupId, secret }
}

/** The parts of a key, or `undefined` when this cannot be one of ours. Needs no I/O: any one changed character is noticed. */
export function parseToken(token: string): { lookupId: string; secret: string } | undefined {
  if (token.length !== KEY_LENGTH || !token.startsWith(KEY_PREFIX)) return undefined
  if (checksumOf(token.slice(0, SECRET_END)) !== token.slice(SECRET_END)) return undefined
  const lookupId = token.slice(KEY_PREFIX.length, ID_END)
  const secret = token.slice(ID_END, SECRET_END)
  return isBase62(lookupId) && isBase62(secret) ? { lookupId, secret } : undefined
}

/** CRC-32 as six base-62 digits: CRC-32 notices every change within 32 bits, so of any one character. */
function checksumOf(body: string): string {
  let rest = crc32(body)
  let text = ''
  for (let index = 0; index < CHECKSUM_LENGTH; index += 1) {
    text = ALPHABET[rest % 62] + text
    rest = Math.floor(rest / 62)
  }
  return text
}

function isBase62(text: string): boolean {
  return /^[0-9A-Za-z]*$/.test(text)
}

function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      if (byte < FAIR_BYTES && text.length < length) text += ALPHABET[byte % 62]
    }
  }
  return text
}
