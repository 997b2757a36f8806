import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatId, parseId, uuidv7 } from './ids.ts'

const anyUuid = fc.uuid()

test('an id carries the time it was made at, the version and the variant of RFC 9562', () => {
  const uuid = uuidv7(0x0198_1234_5678)
  expect(uuid).toMatch(/^01981234-5678-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(uuidv7(1.9)).toMatch(/^00000000-0001-7/)
})

test('ids that are made later sort later, inside and outside', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.integer({ min: 1, max: 2 ** 40 }), (startMs, laterMs) => {
      const [first, second] = [uuidv7(startMs), uuidv7(startMs + laterMs)]
      expect(first < second).toBe(true)
      expect(formatId('gen-', first) < formatId('gen-', second)).toBe(true)
    }),
  )
})

test('a hundred thousand ids of the same millisecond are all different', () => {
  const ids = new Set(Array.from({ length: 100_000 }, () => uuidv7(1)))
  expect(ids.size).toBe(100_000)
})

test('every random bit of an id is used', () => {
  const seen = { ones: 0n, zeros: 0n }
  for (let index = 0; index < 200; index += 1) {
    const value = BigInt(`0x${uuidv7(0).replaceAll('-', '')}`)
    seen.ones |= value
    seen.zeros |= ~value
  }
  // 12 bits after the version, 62 after the variant.
  const random = (0xfffn << 64n) | ((1n << 62n) - 1n)
  expect(seen.ones & random).toBe(random)
  expect(seen.zeros & random).toBe(random)
})

test('what is shown outside reads back as the same id', () => {
  fc.assert(
    fc.property(anyUuid, (uuid) => {
      const shown = formatId('key-', uuid)
      expect(shown).toMatch(/^key-[0-7][0-9a-hjkmnp-tv-z]{25}$/)
      expect(parseId('key-', shown)).toBe(uuid)
    }),
  )
})

test('known ids look as they always did', () => {
  expect(formatId('gen-', '00000000-0000-0000-0000-000000000000')).toBe('gen-00000000000000000000000000')
  expect(formatId('gen-', 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe('gen-7zzzzzzzzzzzzzzzzzzzzzzzzz')
  expect(formatId('org-', '01890a5d-ac96-774b-bcce-b302099a8057')).toBe('org-01h455vb4pex5vsknk084sn02q')
})

test('an id of another kind, length or alphabet is not read', () => {
  const shown = formatId('gen-', uuidv7())
  const others = [
    shown.replace('gen-', 'key-'),
    shown.slice(0, -1),
    `${shown}0`,
    shown.toUpperCase(),
    ` ${shown}`,
    `${shown.slice(0, -1)}u`,
    `${shown.slice(0, -1)}é`,
    // One bit more than a UUID has.
    'gen-80000000000000000000000000',
    'gen-zzzzzzzzzzzzzzzzzzzzzzzzzz',
    '',
  ]
  for (const other of others) expect(parseId('gen-', other), other).toBeUndefined()
})

test('any text at all is read as an id or refused, never an exception', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), (text) => {
      const uuid = parseId('gen-', `gen-${text}`)
      if (uuid !== undefined) expect(formatId('gen-', uuid)).toBe(`gen-${text}`)
    }),
  )
})
