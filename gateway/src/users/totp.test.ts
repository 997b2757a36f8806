import { expect, test } from 'vitest'
import { base32, otpauthUri, periodOfCode, totpCode } from './totp.ts'

// RFC 6238, appendix B: the secret in ASCII, cut to six digits.
const rfcSecret = Buffer.from('12345678901234567890')

test.each([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('at second %i the code is the one of the RFC', (second, code) => {
  expect(totpCode(rfcSecret, Math.floor(second / 30))).toBe(code)
})

test('a code is taken half a minute early and late, and no further', () => {
  const nowMs = 1_234_567_890_000
  const period = Math.floor(nowMs / 30_000)
  for (const offset of [-1, 0, 1])
    expect(periodOfCode(rfcSecret, totpCode(rfcSecret, period + offset), nowMs)).toBe(period + offset)
  for (const offset of [-2, 2])
    expect(periodOfCode(rfcSecret, totpCode(rfcSecret, period + offset), nowMs)).toBeUndefined()
  for (const code of ['', '0', '0059240', 'abcdef'])
    expect(periodOfCode(rfcSecret, code, nowMs)).toBeUndefined()
})

test('a secret is written as apps read it (RFC 4648)', () => {
  for (const [text, encoded] of [
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ] as const)
    expect(base32(Buffer.from(text))).toBe(encoded)
})

test('an odd address cannot change what an app reads', () => {
  const uri = otpauthUri({ issuer: 'Bourse', account: 'a&secret=x?#@b.test', secret: 'MZXW6' })
  const url = new URL(uri)
  expect(decodeURIComponent(url.pathname)).toBe('/Bourse:a&secret=x?#@b.test')
  expect(Object.fromEntries(url.searchParams)).toEqual({
    secret: 'MZXW6',
    issuer: 'Bourse',
    digits: '6',
    period: '30',
  })
})
