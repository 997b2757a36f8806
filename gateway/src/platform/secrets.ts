/**
 * Secrets at rest: AES-256-GCM with a fresh data key for each secret, wrapped by the master key. The additional data
 * ties a sealed secret to its row, so that swapping two rows opens neither.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

export interface Sealer {
  seal(plain: string, aad: string): Buffer
  /** Throws when the bytes were altered, sealed with another key, or sealed for another `aad`. */
  open(sealed: Uint8Array, aad: string): string
}

// version 1 | key id 4 | wrap nonce 12, wrapped data key 32, tag 16 | nonce 12, cipher text, tag 16
const VERSION = 1
const KEY_BYTES = 32
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
const HEADER_BYTES = 1 + KEY_ID_BYTES

/** Seals and opens under one 32-byte master key; throws when the key has another length. */
export function createSealer(masterKey: Buffer): Sealer {
  if (masterKey.length !== KEY_BYTES) throw new Error(`The master key must have ${KEY_BYTES} bytes.`)
  const keyId = keyedHash(masterKey, 'key id').subarray(0, KEY_ID_BYTES)
  const header = Buffer.concat([Buffer.of(VERSION), keyId])
  return {
    seal(plain, aad) {
      const dataKey = randomBytes(KEY_BYTES)
      const wrapped = encrypt(masterKey, dataKey, wrapAad(header, aad))
      const body = encrypt(dataKey, Buffer.from(plain, 'utf8'), bodyAad(header, aad))
      dataKey.fill(0)
      return Buffer.concat([header, wrapped, body])
    },
    open(sealed, aad) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      if (bytes.length < HEADER_BYTES + WRAPPED_BYTES + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) {
        throw new Error('This is not a sealed secret of a version we know.')
      }
      if (!bytes.subarray(1, HEADER_BYTES).equals(keyId)) {
        throw new Error('This secret was sealed with another GATEWAY_ENCRYPTION_KEY.')
      }
      const wrapped = bytes.subarray(HEADER_BYTES, HEADER_BYTES + WRAPPED_BYTES)
      const dataKey = decrypt(masterKey, wrapped, wrapAad(header, aad))
      const plain = decrypt(dataKey, bytes.subarray(HEADER_BYTES + WRAPPED_BYTES), bodyAad(header, aad))
      dataKey.fill(0)
      return plain.toString('utf8')
    },
  }
}

/** HMAC-SHA-256: proves that we have seen `text` without keeping it. For secrets with enough entropy of their own. */
export function keyedHash(pepper: Buffer, text: string): Buffer {
  return createHmac('sha256', pepper).update(text).digest()
}

// The two layers say which they are, so that neither can stand in for the other.
const wrapAad = (header: Buffer, aad: string) => Buffer.concat([header, Buffer.from(`key|${aad}`)])
const bodyAad = (header: Buffer, aad: string) => Buffer.concat([header, Buffer.from(`secret|${aad}`)])

function encrypt(key: Buffer, plain: Buffer, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const nonce = sealed.subarray(0, NONCE_BYTES)
  // Without authTagLength Node accepts shorter tags, which are easier to guess.
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  return Buffer.concat([
    decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES)),
    decipher.final(),
  ])
}
