import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSealer, keyedHash } from './secrets.ts'

const master = randomBytes(32)
const sealer = createSealer(master)

test('any secret comes back as it was sealed, for the row it was sealed for', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string(), (plain, aad) => {
      expect(sealer.open(sealer.seal(plain, aad), aad)).toBe(plain)
    }),
  )
})

test('a database driver that hands over a slice of a larger buffer can be opened', () => {
  const sealed = sealer.seal('sk-abc', 'listing:1')
  const larger = new Uint8Array(sealed.length + 20)
  larger.set(sealed, 7)
  expect(sealer.open(larger.subarray(7, 7 + sealed.length), 'listing:1')).toBe('sk-abc')
})

test('the same secret never looks the same twice, and is not readable in its sealed bytes', () => {
  const [first, second] = [sealer.seal('sk-abcdef', 'a'), sealer.seal('sk-abcdef', 'a')]
  expect(first.equals(second)).toBe(false)
  expect(first.includes('sk-abcdef')).toBe(false)
})

test('flipping any one byte of a sealed secret makes it unreadable', () => {
  const sealed = sealer.seal('sk-abcdef', 'listing:1')
  for (let index = 0; index < sealed.length; index += 1) {
    const altered = Buffer.from(sealed)
    altered[index] = (altered[index] as number) ^ 1
    expect(() => sealer.open(altered, 'listing:1'), `byte ${index}`).toThrow()
  }
})

test('a sealed secret that was cut or lengthened anywhere is unreadable', () => {
  const sealed = sealer.seal('sk-abcdef', 'listing:1')
  for (let length = 0; length < sealed.length; length += 1) {
    expect(() => sealer.open(sealed.subarray(0, length), 'listing:1'), `cut at ${length}`).toThrow()
  }
  expect(() => sealer.open(Buffer.concat([sealed, Buffer.of(0)]), 'listing:1')).toThrow()
})

test('a credential moved to another listing opens for neither', () => {
  const mine = sealer.seal('sk-mine', 'listing:1')
  expect(() => sealer.open(mine, 'listing:2')).toThrow()
})

test('parts of two sealed secrets cannot be put together', () => {
  const [one, two] = [sealer.seal('sk-one', 'a'), sealer.seal('sk-two', 'a')]
  const mixed = Buffer.concat([one.subarray(0, 65), two.subarray(65)])
  expect(() => sealer.open(mixed, 'a')).toThrow()
})

test('another master key says that it is another key, not that the data is damaged', () => {
  const sealed = sealer.seal('sk-abc', 'a')
  expect(() => createSealer(randomBytes(32)).open(sealed, 'a')).toThrow(/another GATEWAY_ENCRYPTION_KEY/)
})

test('a master key of the wrong length is refused', () => {
  for (const length of [0, 16, 31, 33, 64])
    expect(() => createSealer(randomBytes(length))).toThrow(/32 bytes/)
})

test('a keyed hash depends on the pepper and on the text', () => {
  const pepper = Buffer.from('pepper')
  expect(keyedHash(pepper, 'a').equals(keyedHash(pepper, 'a'))).toBe(true)
  expect(keyedHash(pepper, 'a').equals(keyedHash(pepper, 'b'))).toBe(false)
  expect(keyedHash(Buffer.from('salt'), 'a').equals(keyedHash(pepper, 'a'))).toBe(false)
  expect(keyedHash(Buffer.from('key'), 'The quick brown fox jumps over the lazy dog').toString('hex')).toBe(
    'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8',
  )
})
