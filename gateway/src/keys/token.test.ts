import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { bearerToken } from './bearer-token.ts'
import { KEY_LENGTH, mintToken, parseToken } from './token.ts'
import { createKeyVerifier } from './verify.ts'

const seed = { seed: 20261122 }

/** A database that nobody may ask. */
function untouchable(): { database: Database; asked: () => number } {
  let asked = 0
  const pool = {
    query() {
      asked += 1
      throw new Error('the database was asked')
    },
  }
  return { database: { pool } as unknown as Database, asked: () => asked }
}

test('a minted key reads back, and no two are alike', () => {
  const minted = Array.from({ length: 1_000 }, mintToken)
  for (const { token, lookupId, secret } of minted) {
    expect(token).toMatch(/^sk-brs-[0-9A-Za-z]{50}$/)
    expect(token).toHaveLength(KEY_LENGTH)
    expect(parseToken(token)).toEqual({ lookupId, secret })
  }
  expect(new Set(minted.map(({ lookupId }) => lookupId)).size).toBe(1_000)
  expect(new Set(minted.map(({ secret }) => secret)).size).toBe(1_000)
})

test('every digit of the alphabet is as likely as any other', () => {
  const counts = new Map<string, number>()
  for (let index = 0; index < 2_000; index += 1) {
    for (const digit of mintToken().secret) counts.set(digit, (counts.get(digit) ?? 0) + 1)
  }
  // 64,000 digits: 1,032 of each; a modulo bias would show as 1,250 for the first eight.
  expect(counts.size).toBe(62)
  for (const count of counts.values()) expect(Math.abs(count - 1_032)).toBeLessThan(180)
})

test('any one changed character is refused before anything is asked', async () => {
  const { database, asked } = untouchable()
  const ledger = { budgetOf: async () => undefined }
  const verifier = createKeyVerifier({ database, pepper: Buffer.alloc(32), clock: systemClock, ledger })
  const anyCharacter = fc.oneof(
    fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_ '),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  )
  fc.assert(
    fc.property(fc.nat(KEY_LENGTH - 1), anyCharacter, (at, character) => {
      const { token } = mintToken()
      fc.pre(token[at] !== character)
      const mistyped = token.slice(0, at) + character + token.slice(at + 1)
      // Thrown at once: an answer that had to be awaited could have asked somebody.
      expect(() => verifier.verify(mistyped)).toThrow(expect.objectContaining({ code: 'invalid_api_key' }))
    }),
    { numRuns: 5_000, ...seed },
  )
  expect(asked()).toBe(0)
  // The same database is asked for a whole key, so the refusals above were the checksum's.
  await expect(verifier.verify(mintToken().token)).rejects.toMatchObject({ code: 'unavailable' })
  expect(asked()).toBe(1)
  await verifier.close()
})

test('swapped neighbours, cut, doubled and foreign keys are refused before anything is asked', async () => {
  const { database, asked } = untouchable()
  const ledger = { budgetOf: async () => undefined }
  const verifier = createKeyVerifier({ database, pepper: Buffer.alloc(32), clock: systemClock, ledger })
  fc.assert(
    fc.property(fc.nat(KEY_LENGTH - 2), (at) => {
      const { token } = mintToken()
      fc.pre(token[at] !== token[at + 1])
      const swapped = token.slice(0, at) + token[at + 1] + token[at] + token.slice(at + 2)
      expect(() => verifier.verify(swapped)).toThrow()
    }),
    { numRuns: 1_000, ...seed },
  )
  const { token } = mintToken()
  for (const odd of [
    '',
    'sk-',
    token.slice(1),
    `${token}x`,
    `sk-proj-${'a'.repeat(49)}`,
    "' OR 1=1 --",
    '\0'.repeat(57),
    'ü'.repeat(57),
  ]) {
    expect(() => verifier.verify(odd)).toThrow(expect.objectContaining({ code: 'invalid_api_key' }))
  }
  expect(asked()).toBe(0)
  await verifier.close()
})

test('the key is found in any of the headers that clients use', () => {
  expect(bearerToken({ authorization: 'Bearer sk-brs-1' })).toBe('sk-brs-1')
  expect(bearerToken({ authorization: 'bearer   sk-brs-1 ' })).toBe('sk-brs-1')
  expect(bearerToken({ authorization: 'BEARER sk-brs-1', 'x-api-key': 'sk-brs-2' })).toBe('sk-brs-1')
  expect(bearerToken({ 'x-api-key': 'sk-brs-2' })).toBe('sk-brs-2')
  expect(bearerToken({ 'api-key': 'sk-brs-3' })).toBe('sk-brs-3')
  for (const headers of [
    {},
    { authorization: 'Bearer ' },
    { authorization: 'Basic abc' },
    { authorization: 'Bearersk-brs-1' },
    { 'x-api-key': '' },
  ]) {
    expect(bearerToken(headers)).toBeUndefined()
  }
})
