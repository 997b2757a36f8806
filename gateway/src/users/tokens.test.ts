import { createSecretKey, generateKeyPairSync, hkdfSync } from 'node:crypto'
import jwt from 'jsonwebtoken'
import { expect, test } from 'vitest'
import { uuidv7 } from '../platform/ids.ts'
import { createTokens, TOKEN_LIFE_S } from './tokens.ts'

const sessionSecret = 'a session secret of at least thirty-two characters'
// The key as it is derived: with it a test can sign what only its claims make wrong.
const key = createSecretKey(Buffer.from(hkdfSync('sha256', sessionSecret, '', 'bourse api token v1', 32)))

let nowMs = Date.parse('2026-11-22T12:00:00Z')
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
const tokens = createTokens({ sessionSecret, clock })
const subject = { userId: uuidv7(nowMs), sessionId: uuidv7(nowMs) }

const claimsOf = (token: string) => jwt.decode(token) as jwt.JwtPayload
const signed = (claims: object, options: jwt.SignOptions = {}) =>
  jwt.sign(claims, key, { algorithm: 'HS256', ...options })
const verdict = (token: string) => {
  try {
    return tokens.verify(token)
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('a token says who and which session, for fifteen minutes and not a second more', () => {
  const token = tokens.sign(subject)
  expect(verdict(token)).toEqual(subject)
  nowMs += (TOKEN_LIFE_S - 1) * 1000
  expect(verdict(token)).toEqual(subject)
  nowMs += 1000
  expect(verdict(token)).toBe('not_signed_in')
  nowMs -= TOKEN_LIFE_S * 1000
})

test('a token signed with our key but with other claims than ours is refused', () => {
  const claims = claimsOf(tokens.sign(subject))
  // The claims as they are pass, so it is the change that is refused below.
  expect(verdict(signed(claims))).toEqual(subject)
  const without = (name: string) => Object.fromEntries(Object.entries(claims).filter(([one]) => one !== name))
  const wrong: Record<string, string> = {
    'another audience': signed({ ...claims, aud: 'ticket' }),
    'a list of audiences': signed({ ...claims, aud: ['api', 'ticket'] }),
    'no audience': signed(without('aud')),
    'another issuer': signed({ ...claims, iss: 'somebody' }),
    'no issuer': signed(without('iss')),
    'no end': signed(without('exp')),
    'an end in a hundred years, begun long ago': signed({ ...claims, iat: 1, exp: 5_000_000_000 }),
    'expired by a second': signed({ ...claims, exp: nowMs / 1000 - 1 }),
    'not yet valid': signed({ ...claims, nbf: nowMs / 1000 + 60 }),
    'no session': signed(without('sid')),
    'a session that is no id': signed({ ...claims, sid: 'ses-x' }),
    'no subject': signed(without('sub')),
    'a key as subject': signed({ ...claims, sub: 'key-00000000000000000000000001' }),
    'claims that are text': jwt.sign('api', key, { algorithm: 'HS256' }),
  }
  for (const [what, token] of Object.entries(wrong))
    expect([what, verdict(token)]).toEqual([what, 'not_signed_in'])
})

test('a token under any other algorithm or key is refused', () => {
  const claims = claimsOf(tokens.sign(subject))
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const wrong: Record<string, string> = {
    none: `${part({ alg: 'none' })}.${part(claims)}.`,
    None: `${part({ alg: 'None' })}.${part(claims)}.`,
    HS384: jwt.sign(claims, key, { algorithm: 'HS384' }),
    HS512: jwt.sign(claims, key, { algorithm: 'HS512' }),
    RS256: jwt.sign(claims, privateKey, { algorithm: 'RS256' }),
    'HS256 under a public key': jwt.sign(
      claims,
      publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      { algorithm: 'HS256' },
    ),
    'HS256 under the session secret': jwt.sign(claims, sessionSecret, { algorithm: 'HS256' }),
    'a key named in the header': jwt.sign(claims, 'x'.repeat(32), {
      algorithm: 'HS256',
      header: { alg: 'HS256', kid: '../../etc/passwd' },
    }),
    'another gateway’s': createTokens({ sessionSecret: `${sessionSecret}!`, clock }).sign(subject),
    'very long': `${tokens.sign(subject)}${'a'.repeat(1_000_000)}`,
  }
  for (const [what, token] of Object.entries(wrong))
    expect([what, verdict(token)]).toEqual([what, 'not_signed_in'])
})
