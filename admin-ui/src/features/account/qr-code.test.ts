import { expect, test } from 'vitest'
import { formatBits, type QrCode, qrCode, versionBits } from './qr-code.ts'
import { correctionOf, multiply } from './reed-solomon.ts'

// The worked example that every text on QR codes has: HELLO WORLD, version 1-M.
const hello = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17]

test('the correction of the textbook example is the textbook’s', () => {
  expect(correctionOf(hello, 10)).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23])
})

test('format and version carry the bits of the standard’s tables', () => {
  const formats = [
    '101010000010010',
    '101000100100101',
    '101111001111100',
    '101101101001011',
    '100010111111001',
    '100000011001110',
    '100111110010111',
    '100101010100000',
  ]
  for (const [mask, bits] of formats.entries())
    expect(formatBits(mask).toString(2).padStart(15, '0')).toBe(bits)
  expect(versionBits(7).toString(2).padStart(18, '0')).toBe('000111110010010100')
})

test.each([
  ['short', 'a', 21],
  [
    'of an app',
    `otpauth://totp/Bourse:ada%40example.org?secret=${'A'.repeat(32)}&issuer=Bourse&digits=6&period=30`,
    45,
  ],
  ['with other letters', 'Zoë ✓ 日本', 25],
  ['long', 'x'.repeat(640), 97],
  ['the longest', 'y'.repeat(2331), 177],
])('a code that is %s reads back as what it says, without a fault', (_, text, size) => {
  const code = qrCode(text)
  expect(code).toHaveLength(size)
  expect(read(code)).toBe(text)
})

test('a text that is too long is refused', () => {
  expect(() => qrCode('y'.repeat(2332))).toThrow('too long')
})

/** Reads a code as a camera would after it has found the corners, by the standard's text rather than by the encoder's. */
function read(code: QrCode): string {
  const size = code.length
  const version = (size - 17) / 4
  const at = (row: number, column: number) => (code[row]?.[column] ? 1 : 0)
  for (const [top, left] of [
    [0, 0],
    [0, size - 7],
    [size - 7, 0],
  ] as const)
    expect(
      [0, 1, 2, 3, 4, 5, 6].map((row) =>
        [0, 1, 2, 3, 4, 5, 6].map((column) => at(top + row, left + column)).join(''),
      ),
    ).toEqual(['1111111', '1000001', '1011101', '1011101', '1011101', '1000001', '1111111'])
  // The first copy of the format stands around the upper left corner, the highest bit at its left end.
  const format = [
    ...[0, 1, 2, 3, 4, 5].map((column) => at(8, column)),
    at(8, 7),
    at(8, 8),
    at(7, 8),
    ...[5, 4, 3, 2, 1, 0].map((row) => at(row, 8)),
  ].join('')
  const mask = [0, 1, 2, 3, 4, 5, 6, 7].find(
    (each) => formatBits(each).toString(2).padStart(15, '0') === format,
  )
  expect(mask).toBeDefined()
  const words = wordsOf(code, version, mask ?? 0)
  return textOf(withoutCorrection(words, version), version)
}

const flips = [
  (i: number, j: number) => (i + j) % 2,
  (i: number) => i % 2,
  (_: number, j: number) => j % 3,
  (i: number, j: number) => (i + j) % 3,
  (i: number, j: number) => ((i >> 1) + Math.floor(j / 3)) % 2,
  (i: number, j: number) => ((i * j) % 2) + ((i * j) % 3),
  (i: number, j: number) => (((i * j) % 2) + ((i * j) % 3)) % 2,
  (i: number, j: number) => (((i + j) % 2) + ((i * j) % 3)) % 2,
]

// Annex E of the standard, for the versions read here.
const alignment: Record<number, number[]> = {
  1: [],
  2: [6, 18],
  7: [6, 22, 38],
  20: [6, 34, 62, 90],
  40: [6, 30, 58, 86, 114, 142, 170],
}

function wordsOf(code: QrCode, version: number, mask: number): number[] {
  const size = code.length
  const places = alignment[version] ?? []
  const isPattern = (row: number, column: number): boolean => {
    if (row === 6 || column === 6) return true
    if (row < 9 && (column < 9 || column >= size - 8)) return true
    if (row >= size - 8 && column < 9) return true
    if (version >= 7 && row < 6 && column >= size - 11) return true
    if (version >= 7 && column < 6 && row >= size - 11) return true
    const isCorner = (one: number, other: number) =>
      (one === 6 && other === 6) || (one === 6 && other === size - 7) || (one === size - 7 && other === 6)
    return places.some((y) =>
      places.some((x) => !isCorner(y, x) && Math.abs(row - y) <= 2 && Math.abs(column - x) <= 2),
    )
  }
  const bits: number[] = []
  let up = true
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right -= 1
    for (let step = 0; step < size; step += 1) {
      const row = up ? size - 1 - step : step
      for (const column of [right, right - 1]) {
        if (isPattern(row, column)) continue
        const isFlipped = (flips[mask] as (i: number, j: number) => number)(row, column) === 0
        bits.push((code[row]?.[column] ? 1 : 0) ^ (isFlipped ? 1 : 0))
      }
    }
    up = !up
  }
  return Array.from({ length: Math.floor(bits.length / 8) }, (_, word) =>
    Number.parseInt(bits.slice(word * 8, word * 8 + 8).join(''), 2),
  )
}

// Table 9 of the standard, level M: blocks as [how many, words in all, words of data].
const table: Record<number, [number, number, number][]> = {
  1: [[1, 26, 16]],
  2: [[1, 44, 28]],
  7: [[4, 49, 31]],
  20: [
    [3, 67, 41],
    [13, 68, 42],
  ],
  40: [
    [18, 75, 47],
    [31, 76, 48],
  ],
}

function withoutCorrection(words: number[], version: number): number[] {
  const shapes = (table[version] ?? []).flatMap(([count, all, data]) =>
    Array.from({ length: count }, () => ({ all, data })),
  )
  expect(words.length).toBe(shapes.reduce((sum, { all }) => sum + all, 0))
  const data: number[][] = shapes.map(() => [])
  const correction: number[][] = shapes.map(() => [])
  let next = 0
  const longest = Math.max(...shapes.map((shape) => shape.data))
  for (let index = 0; index < longest; index += 1)
    for (const [block, shape] of shapes.entries())
      if (index < shape.data) data[block]?.push(words[next++] as number)
  for (let index = 0; index < (shapes[0]?.all ?? 0) - (shapes[0]?.data ?? 0); index += 1)
    for (const list of correction) list.push(words[next++] as number)
  for (const [block, words] of data.entries())
    expect(isFaultless([...words, ...(correction[block] ?? [])])).toBe(true)
  return data.flat()
}

/** All syndromes are zero: the block is a multiple of its generator. */
function isFaultless(block: number[]): boolean {
  const syndromes = 10
  let power = 1
  for (let index = 0; index < syndromes; index += 1) {
    const value = block.reduce((sum, word) => multiply(sum, power) ^ word, 0)
    if (value !== 0) return false
    power = multiply(power, 2)
  }
  return true
}

function textOf(words: number[], version: number): string {
  const bits = words.map((word) => word.toString(2).padStart(8, '0')).join('')
  expect(bits.slice(0, 4)).toBe('0100')
  const lengthBits = version < 10 ? 8 : 16
  const length = Number.parseInt(bits.slice(4, 4 + lengthBits), 2)
  const bytes = Array.from({ length }, (_, index) =>
    Number.parseInt(bits.slice(4 + lengthBits + index * 8, 12 + lengthBits + index * 8), 2),
  )
  return new TextDecoder().decode(Uint8Array.from(bytes))
}
