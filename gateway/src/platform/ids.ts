/**
 * Ids are UUIDv7 inside (RFC 9562: time-ordered, so indexes and partitions follow time) and
 * prefix + 26 base-32 characters outside: `gen-01K9…` is a request, its answer, its hold and its receipt.
 */
import { randomFillSync } from 'node:crypto'

export type IdPrefix =
  | 'gen-'
  | 'org-'
  | 'usr-'
  | 'key-'
  | 'lst-'
  | 'jrn-'
  | 'ses-'
  | 'aud-'
  | 'cas-'
  | 'prc-'
  | 'pay-'
  | 'mal-'
  | 'alr-'
  | 'cat-'
  | 'top-'

// Crockford's alphabet in lower case: no i, l, o, u, so an id read aloud stays the same id.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const NO_DIGIT = 255
const DIGIT_VALUES = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? NO_DIGIT : value
})
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

// Random bytes are drawn in blocks: one system call serves 400 ids.
const pool = Buffer.allocUnsafe(4000)
let poolOffset = pool.length

/** A new time-ordered UUID, as 36 lower-case characters. */
export function uuidv7(nowMs: number = Date.now()): string {
  if (poolOffset + 10 > pool.length) {
    randomFillSync(pool)
    poolOffset = 0
  }
  const at = poolOffset
  poolOffset += 10
  const time = Math.floor(nowMs).toString(16).padStart(12, '0')
  const hex = (index: number) => HEX[pool[at + index] as number] as string
  const version = HEX[0x70 | ((pool[at] as number) & 0x0f)] as string
  const variant = HEX[0x80 | ((pool[at + 2] as number) & 0x3f)] as string
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}${hex(1)}-${variant}${hex(3)}-${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(8)}${hex(9)}`
}

/** The least UUID of a moment: whatever happened then or later has a greater one. */
export function firstIdAt(ms: number): string {
  const time = Math.min(Math.max(0, Math.floor(ms)), 0xffff_ffff_ffff)
    .toString(16)
    .padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`
}

/** Shows a UUID to the outside: `formatId('gen-', uuid)`. */
export function formatId(prefix: IdPrefix, uuid: string): string {
  let text: string = prefix
  // 128 bits in 26 digits of 5: two zero bits go ahead. In small numbers, because every request does this.
  let bits = 2
  let value = 0
  for (let index = 0; index < uuid.length; index += 1) {
    const digit = DIGIT_VALUES[uuid.charCodeAt(index)] as number
    if (digit === NO_DIGIT) continue
    value = (value << 4) | digit
    bits += 4
    if (bits >= 5) {
      bits -= 5
      text += ALPHABET[value >> bits]
      value &= (1 << bits) - 1
    }
  }
  return text
}

/** Reads an outside id back to its UUID; `undefined` when it is not one of ours with this prefix. */
export function parseId(prefix: IdPrefix, id: string): string | undefined {
  if (!id.startsWith(prefix) || id.length !== prefix.length + 26) return undefined
  let value = 0n
  for (const character of id.slice(prefix.length)) {
    const digit = ALPHABET.indexOf(character)
    if (digit < 0) return undefined
    value = (value << 5n) | BigInt(digit)
  }
  const hex = value.toString(16).padStart(32, '0')
  if (hex.length > 32) return undefined
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
