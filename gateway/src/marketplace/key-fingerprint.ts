/** One key, one listing: the same key at the same host is recognised without being kept. */
import { keyedHash } from '../platform/secrets.ts'

/** HMAC of the key under the installation's pepper, for the origin it is sent to. */
export function keyFingerprint(
  pepper: Buffer,
  { baseUrl, key }: { baseUrl: string; key: string },
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(keyedHash(pepper, `listing key|${new URL(baseUrl).origin}|${key}`))
}
