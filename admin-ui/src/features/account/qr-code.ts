/**
 * A QR code (ISO/IEC 18004) of a text: bytes in UTF-8, error correction M, versions 1 to 40. Drawn here, because the text
 * is a secret that no service needs to see.
 */
import { correctionOf } from './reed-solomon.ts'

/** Rows of modules; `true` is dark. The quiet zone around it is left to who draws it. */
export type QrCode = boolean[][]

// For correction level M, by version: code words of correction in a block, and blocks.
const CORRECTION_WORDS = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
]
const BLOCKS = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29,
  31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
]
const LEVEL_M = 0
const MASKS: readonly ((row: number, column: number) => boolean)[] = [
  (row, column) => (row + column) % 2 === 0,
  (row) => row % 2 === 0,
  (_, column) => column % 3 === 0,
  (row, column) => (row + column) % 3 === 0,
  (row, column) => (Math.floor(row / 2) + Math.floor(column / 3)) % 2 === 0,
  (row, column) => ((row * column) % 2) + ((row * column) % 3) === 0,
  (row, column) => (((row * column) % 2) + ((row * column) % 3)) % 2 === 0,
  (row, column) => (((row + column) % 2) + ((row * column) % 3)) % 2 === 0,
]

/** Throws when the text is longer than 2,331 bytes. */
export function qrCode(text: string): QrCode {
  const bytes = new TextEncoder().encode(text)
  const version = versionFor(bytes.length)
  const words = interleaved(dataWords(bytes, version), version)
  const size = version * 4 + 17
  const grid: Grid = { size, dark: square(size), fixed: square(size) }
  drawPatterns(grid, version)
  drawWords(grid, words)
  return bestMasked(grid)
}

interface Grid {
  size: number
  dark: boolean[][]
  /** Modules that belong to a pattern, and so carry no data. */
  fixed: boolean[][]
}

const square = (size: number) => Array.from({ length: size }, () => Array<boolean>(size).fill(false))

function versionFor(length: number): number {
  for (let version = 1; version <= 40; version += 1) {
    const header = version < 10 ? 2 : 3
    if (length + header <= dataCapacity(version)) return version
  }
  throw new Error('this text is too long for a QR code')
}

/** Code words in all, those of correction among them. */
function wordsIn(version: number): number {
  const alignments = version === 1 ? 0 : Math.floor(version / 7) + 2
  let modules = (16 * version + 128) * version + 64
  if (version > 1) modules -= (25 * alignments - 10) * alignments - 55
  if (version >= 7) modules -= 36
  return Math.floor(modules / 8)
}

function dataCapacity(version: number): number {
  return wordsIn(version) - correctionWords(version) * blocks(version)
}

const correctionWords = (version: number) => CORRECTION_WORDS[version - 1] as number
const blocks = (version: number) => BLOCKS[version - 1] as number

/** Mode, length, the bytes, and padding up to what the version holds. */
function dataWords(bytes: Uint8Array, version: number): number[] {
  const bits: number[] = []
  const push = (value: number, length: number): void => {
    for (let bit = length - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1)
  }
  push(0b0100, 4)
  push(bytes.length, version < 10 ? 8 : 16)
  for (const byte of bytes) push(byte, 8)
  const capacity = dataCapacity(version)
  push(0, Math.min(4, capacity * 8 - bits.length))
  while (bits.length % 8 !== 0) bits.push(0)
  const words: number[] = []
  for (let at = 0; at < bits.length; at += 8)
    words.push(bits.slice(at, at + 8).reduce((value, bit) => value * 2 + bit, 0))
  for (let pad = 0xec; words.length < capacity; pad ^= 0xec ^ 0x11) words.push(pad)
  return words
}

/** Cuts the words into blocks, adds the correction of each, and takes a word of each in turn. */
function interleaved(words: readonly number[], version: number): number[] {
  const count = blocks(version)
  const short = Math.floor(words.length / count)
  const longer = words.length % count
  const data: number[][] = []
  let at = 0
  for (let block = 0; block < count; block += 1) {
    const length = short + (block >= count - longer ? 1 : 0)
    data.push(words.slice(at, at + length))
    at += length
  }
  const correction = data.map((block) => correctionOf(block, correctionWords(version)))
  return [...inTurn(data), ...inTurn(correction)]
}

function inTurn(lists: readonly (readonly number[])[]): number[] {
  const longest = Math.max(...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, index) =>
    lists.flatMap((list) => (index < list.length ? [list[index] as number] : [])),
  ).flat()
}

function drawPatterns(grid: Grid, version: number): void {
  const { size } = grid
  for (let at = 0; at < size; at += 1) {
    set(grid, 6, at, at % 2 === 0)
    set(grid, at, 6, at % 2 === 0)
  }
  const places = alignmentPlaces(version)
  for (const row of places)
    for (const column of places) if (!nearFinder(row, column, size)) drawAlignment(grid, row, column)
  for (const [row, column] of [
    [3, 3],
    [3, size - 4],
    [size - 4, 3],
  ] as const)
    drawFinder(grid, row, column)
  drawFormat(grid, 0)
  if (version >= 7) drawVersion(grid, version)
}

function set({ dark, fixed }: Grid, row: number, column: number, isDark: boolean): void {
  ;(dark[row] as boolean[])[column] = isDark
  ;(fixed[row] as boolean[])[column] = true
}

/** With the light border around it. */
function drawFinder(grid: Grid, row: number, column: number): void {
  for (let down = -4; down <= 4; down += 1)
    for (let right = -4; right <= 4; right += 1) {
      const ring = Math.max(Math.abs(down), Math.abs(right))
      const isInside =
        row + down >= 0 && row + down < grid.size && column + right >= 0 && column + right < grid.size
      if (isInside) set(grid, row + down, column + right, ring !== 2 && ring !== 4)
    }
}

function drawAlignment(grid: Grid, row: number, column: number): void {
  for (let down = -2; down <= 2; down += 1)
    for (let right = -2; right <= 2; right += 1)
      set(grid, row + down, column + right, Math.max(Math.abs(down), Math.abs(right)) !== 1)
}

function alignmentPlaces(version: number): number[] {
  if (version === 1) return []
  const count = Math.floor(version / 7) + 2
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2
  const last = version * 4 + 10
  const places = Array.from({ length: count - 1 }, (_, index) => last - index * step)
  return [6, ...places.reverse()]
}

function nearFinder(row: number, column: number, size: number): boolean {
  const far = size - 7
  return (row === 6 && column === 6) || (row === 6 && column === far) || (row === far && column === 6)
}

/** Level and mask with their own correction (BCH 15,5), twice. */
export function formatBits(mask: number): number {
  const data = (LEVEL_M << 3) | mask
  let rest = data
  for (let bit = 0; bit < 10; bit += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537)
  return ((data << 10) | rest) ^ 0x5412
}

function drawFormat(grid: Grid, mask: number): void {
  const bits = formatBits(mask)
  const bit = (index: number) => ((bits >>> index) & 1) === 1
  const { size } = grid
  for (let index = 0; index <= 5; index += 1) set(grid, index, 8, bit(index))
  set(grid, 7, 8, bit(6))
  set(grid, 8, 8, bit(7))
  set(grid, 8, 7, bit(8))
  for (let index = 9; index < 15; index += 1) set(grid, 8, 14 - index, bit(index))
  for (let index = 0; index < 8; index += 1) set(grid, 8, size - 1 - index, bit(index))
  for (let index = 8; index < 15; index += 1) set(grid, size - 15 + index, 8, bit(index))
  set(grid, size - 8, 8, true)
}

/** The version with its own correction (BCH 18,6). */
export function versionBits(version: number): number {
  let rest = version
  for (let bit = 0; bit < 12; bit += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25)
  return (version << 12) | rest
}

function drawVersion(grid: Grid, version: number): void {
  const bits = versionBits(version)
  for (let index = 0; index < 18; index += 1) {
    const far = grid.size - 11 + (index % 3)
    const near = Math.floor(index / 3)
    set(grid, near, far, ((bits >>> index) & 1) === 1)
    set(grid, far, near, ((bits >>> index) & 1) === 1)
  }
}

/** Two columns at a time, up and down in turn, from the right; the timing column is stepped over. */
function drawWords(grid: Grid, words: readonly number[]): void {
  const { size, dark, fixed } = grid
  let at = 0
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5
    for (let step = 0; step < size; step += 1)
      for (const column of [right, right - 1]) {
        const isUpward = ((right + 1) & 2) === 0
        const row = isUpward ? size - 1 - step : step
        if (fixed[row]?.[column] || at >= words.length * 8) continue
        ;(dark[row] as boolean[])[column] = (((words[at >>> 3] as number) >>> (7 - (at & 7))) & 1) === 1
        at += 1
      }
  }
}

/** Of the eight masks the one that a camera reads best. */
function bestMasked(grid: Grid): QrCode {
  let best: { code: QrCode; penalty: number } | undefined
  for (const [mask, isFlipped] of MASKS.entries()) {
    const masked: Grid = { ...grid, dark: grid.dark.map((row) => [...row]) }
    drawFormat(masked, mask)
    const code = masked.dark.map((row, at) =>
      row.map((isDark, column) => (grid.fixed[at]?.[column] ? isDark : isDark !== isFlipped(at, column))),
    )
    const penalty = penaltyOf(code)
    if (best === undefined || penalty < best.penalty) best = { code, penalty }
  }
  return (best as { code: QrCode }).code
}

/** Long runs, blocks of one colour, what looks like a finder, and too much of one colour. */
function penaltyOf(code: QrCode): number {
  const size = code.length
  const columns = code.map((_, column) => code.map((row) => row[column] as boolean))
  let penalty = 0
  for (const line of [...code, ...columns]) {
    const text = line.map((isDark) => (isDark ? '1' : '0')).join('')
    for (const { length } of text.match(/0{5,}|1{5,}/g) ?? []) penalty += length - 2
    penalty += 40 * (text.match(/(?=10111010000|00001011101)/g)?.length ?? 0)
  }
  for (let row = 0; row < size - 1; row += 1)
    for (let column = 0; column < size - 1; column += 1) {
      const colour = code[row]?.[column]
      const isBlock =
        code[row]?.[column + 1] === colour &&
        code[row + 1]?.[column] === colour &&
        code[row + 1]?.[column + 1] === colour
      if (isBlock) penalty += 3
    }
  const dark = code.flat().filter(Boolean).length
  return penalty + 10 * Math.floor(Math.abs((dark * 100) / (size * size) - 50) / 5)
}
