/** Codes that change every half minute (RFC 6238: HMAC-SHA-1, six digits), as every authenticator app makes them. */
import { createHmac, timingSafeEqual } from 'node:crypto'

const PERIOD_S = 30
const DIGITS = 6
// A clock may be half a minute off in either direction.
const SLACK_PERIODS = 1
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export function totpCode(secret: Buffer, period: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(period))
  const digest = createHmac('sha1', secret).update(counter).digest()
  const offset = (digest[digest.length - 1] ?? 0) & 15
  const number = digest.readUInt32BE(offset) & 0x7fff_ffff
  return String(number % 10 ** DIGITS).padStart(DIGITS, '0')
}

/** The period whose code this is, the one before and the one after among them; `undefined` for a wrong code. */
export function periodOfCode(secret: Buffer, code: string, nowMs: number): number | undefined {
  const now = Math.floor(nowMs / 1000 / PERIOD_S)
  const given = Buffer.from(code)
  let matching: number | undefined
  for (let period = now - SLACK_PERIODS; period <= now + SLACK_PERIODS; period += 1) {
    const expected = Buffer.from(totpCode(secret, period))
    if (given.length === expected.length && timingSafeEqual(given, expected)) matching = period
  }
  return matching
}

/** RFC 4648, without padding: how apps take a secret. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(value >> bits) & 31]
    }
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text
}

/** What an app reads from the QR code. */
export function otpauthUri({
  issuer,
  account,
  secret,
}: {
  issuer: string
  account: string
  secret: string
}): string {
  const query = new URLSearchParams({ secret, issuer, digits: String(DIGITS), period: String(PERIOD_S) })
  return `otpauth://totp/${encodeURIComponent(issuer)}:${encodeURIComponent(account)}?${query}`
}
