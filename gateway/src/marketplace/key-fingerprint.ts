/** One key, one listing: the same key is recognised without being kept, whichever of its vendor's hosts it is sent to. */
import { keyedHash } from '../platform/secrets.ts'

/** HMAC of the key under the installation's pepper. */
export function keyFingerprint(pepper: Buffer, key: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(keyedHash(pepper, `listing key|${key}`))
}
