/**
 * Keys that wrap keys. A key management service is this port; without one, the wrapping keys come from the environment.
 */
import { createHmac } from 'node:crypto'
import { decrypt, encrypt, KEY_BYTES } from './aes-gcm.ts'

export interface WrappedKey {
  /** Of the key that wrapped it: at most 255 ASCII characters. */
  keyId: string
  blob: Buffer
}

export interface Kms {
  /** Wraps a 32-byte data key under the current key; only the same `context` unwraps it. */
  wrap(dataKey: Buffer, context: Buffer): Promise<WrappedKey>
  /** Rejects when the blob was altered, is for another context, or its key is not to be had. */
  unwrap(wrapped: WrappedKey, context: Buffer): Promise<Buffer>
  currentKeyId(): Promise<string>
  /** Of all keys that unwrap, the current one among them. */
  keyIds(): Promise<readonly string[]>
}

// Four bytes tell a handful of keys apart, and say nothing about them.
const KEY_ID_BYTES = 4

/** Wraps under GATEWAY_ENCRYPTION_KEY; what an older key has wrapped still opens. Throws for a key that has not 32 bytes. */
export function createLocalKms({ current, old = [] }: { current: Buffer; old?: readonly Buffer[] }): Kms {
  const currentId = keyIdOf(current)
  const keys = new Map(old.map((key) => [keyIdOf(key), key]))
  keys.set(currentId, current)
  return {
    async wrap(dataKey, context) {
      return { keyId: currentId, blob: encrypt(current, dataKey, context) }
    },
    async unwrap({ keyId, blob }, context) {
      const key = keys.get(keyId)
      if (!key) throw new Error(`This secret was sealed with another GATEWAY_ENCRYPTION_KEY (${keyId}).`)
      return decrypt(key, blob, context)
    },
    currentKeyId: async () => currentId,
    keyIds: async () => [...keys.keys()],
  }
}

function keyIdOf(key: Buffer): string {
  if (key.length !== KEY_BYTES) throw new Error(`An encryption key must have ${KEY_BYTES} bytes.`)
  return createHmac('sha256', key).update('key id').digest().subarray(0, KEY_ID_BYTES).toString('hex')
}
