import {
  appendFileSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AppendLogOptions, openAppendLog, readSegment, segmentName, segmentsIn } from './append-log.ts'

let directory: string
let errors: unknown[]

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'bourse-log-')), 'spool')
  errors = []
})
afterEach(() => rmSync(join(directory, '..'), { recursive: true }))

const open = (options: Partial<AppendLogOptions> = {}) =>
  openAppendLog({ directory, segment: 1, onError: (error) => errors.push(error), ...options })
const bytesOf = (segment: number) => readFileSync(join(directory, segmentName(segment)))
const allLines = () => segmentsIn(directory).flatMap((segment) => readSegment(bytesOf(segment)).lines)

test('a line is with the operating system when append returns, in a file that only its owner reads', () => {
  const log = open()
  log.append('{"a":1}')
  expect(readSegment(bytesOf(1))).toEqual({ lines: ['{"a":1}'], damaged: 0, tornOnly: false })
  expect(statSync(join(directory, segmentName(1))).mode & 0o777).toBe(0o600)
  log.close()
})

test('what was noted keeps its place before the next line, and is written by itself soon after', async () => {
  const log = open()
  log.note('first')
  expect(allLines()).toEqual([])
  log.append('second')
  expect(allLines()).toEqual(['first', 'second'])
  log.note('third')
  await expect.poll(allLines).toEqual(['first', 'second', 'third'])
  log.note('last')
  log.close()
  expect(allLines().at(-1)).toBe('last')
})

test('segments rotate at their size, and old ones are dropped from the oldest on', () => {
  const log = open({ segmentBytes: 100 })
  for (let n = 0; n < 10; n += 1) log.append(`line ${n} ${'.'.repeat(20)}`)
  expect(segmentsIn(directory)).toEqual([1, 2, 3, 4, 5])
  expect(log.segment).toBe(5)
  expect(allLines()).toHaveLength(10)
  log.dropBefore(4)
  expect(segmentsIn(directory)).toEqual([4, 5])
  log.close()
})

test('a folder that is not there has no segments, and foreign files are not touched', () => {
  expect(segmentsIn(directory)).toEqual([])
  const log = open({ segment: 7 })
  appendFileSync(join(directory, 'notes.txt'), 'mine')
  log.dropBefore(100)
  expect(segmentsIn(directory)).toEqual([])
  expect(readFileSync(join(directory, 'notes.txt'), 'utf8')).toBe('mine')
  log.close()
})

test('a segment that exists is never written into again', () => {
  open().close()
  expect(() => open()).toThrow(/EEXIST/)
})

test('whatever the last write was torn to, the lines before it are read and nothing is made up', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 }).map((one) => JSON.stringify(one))
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 6 }), fc.nat(), (lines, cut) => {
      rmSync(directory, { recursive: true, force: true })
      const log = open()
      for (const line of lines) log.append(line)
      log.close()
      const whole = bytesOf(1)
      const { lines: read, damaged, tornOnly } = readSegment(whole.subarray(0, cut % (whole.length + 1)))
      expect(lines.slice(0, read.length)).toEqual(read)
      expect(damaged).toBeLessThanOrEqual(1)
      expect(tornOnly).toBe(damaged === 1)
      expect(readSegment(whole)).toEqual({ lines, damaged: 0, tornOnly: false })
    }),
  )
})

test('a changed byte damages its line and no other', () => {
  const log = open()
  for (const line of ['one', 'two', 'three']) log.append(line)
  log.close()
  const bytes = bytesOf(1)
  bytes[bytes.indexOf('two')] = 0x54
  expect(readSegment(bytes)).toEqual({ lines: ['one', 'three'], damaged: 1, tornOnly: false })
})

for (const canTruncate of [true, false])
  test(`a full disk is told to whoever appends; when there is room again the log goes on without a torn line (truncating works: ${canTruncate})`, () => {
    let room = 30
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const log = open({
      files: {
        open: (path) => openSync(path, 'ax'),
        write(file, bytes) {
          if (room === 0) throw full
          const taken = writeSync(file, bytes.subarray(0, room))
          room -= taken
          return taken
        },
        truncate(file, size) {
          if (!canTruncate) throw full
          ftruncateSync(file, size)
        },
      },
    })
    log.append('fits')
    expect(() => log.append('does not fit in what is left')).toThrow(full)
    log.note('nor does this')
    expect(() => log.append('or this')).toThrow(full)
    room = 1_000
    log.append('fits again')
    log.close()
    expect(readSegment(bytesOf(1))).toEqual({
      lines: ['fits', 'nor does this', 'fits again'],
      damaged: canTruncate ? 0 : 1,
      tornOnly: false,
    })
  })
