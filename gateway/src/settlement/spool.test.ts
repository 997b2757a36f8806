import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeOffer } from '../../test/support/market.ts'
import { type AppendLogOptions, openAppendLog } from '../platform/append-log.ts'
import { noUsage } from '../providers/usage.ts'
import { billOf } from './bill.ts'
import { chargeOf, type Served } from './charge.ts'
import { forgetSegments, openSpool, readSpool } from './spool.ts'

let directory: string
let errors: unknown[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'bourse-spool-'))
  errors = []
})
afterEach(() => rmSync(directory, { recursive: true }))

const open = (options: Partial<AppendLogOptions> = {}) =>
  openSpool({
    directory,
    logger: { error: (entry: unknown) => void errors.push(entry) } as never,
    log: (given) => openAppendLog({ ...given, ...options }),
  })

const served: Served = {
  offer: makeOffer('a'),
  usage: { ...noUsage, uncachedInput: 1_000, output: 500 },
  usageSource: 'reported',
  billed: 'whole',
  stream: true,
  finishReason: 'stop',
  startedAt: new Date('2030-01-02T03:04:05.678Z'),
  durationMs: 10,
  ttftMs: 5,
}
const proof = { keyFingerprint: 'f', requestHash: 'a'.repeat(64), responseHash: 'b'.repeat(64) }
const bill = (id: string) =>
  billOf({
    hold: { id, organisationId: 'buyer', keyId: 'key' },
    served,
    charge: chargeOf(served, 5_000_000n),
    proof,
    feeStripe: '3',
  })
const mark = (sellerNanos: bigint) => ({ sellerOrganisationId: 'seller', sellerNanos, memo: 'half of it' })

test('a bill comes back as it was written, to the nano and the millisecond', () => {
  const spool = open()
  spool.admit('r1', 5n)
  expect(spool.bill(bill('r1'))).toBe(true)
  const { leftovers, damaged } = readSpool(directory)
  const [left] = leftovers
  expect(damaged).toBe(0)
  const { price, ...record } = bill('r1').record
  expect(left).toMatchObject({
    id: 'r1',
    kind: 'bill',
    bill: { ...bill('r1'), record: { ...record, startedAt: new Date('2030-01-02T03:04:05.678Z') } },
  })
  expect(JSON.stringify(left && left.kind === 'bill' && left.bill.record.price)).toBe(
    JSON.stringify(price, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
  )
  spool.close()
})

test('the last word on a request counts: admitted, then what was delivered, then its bill, then nothing is left', async () => {
  const spool = open()
  const left = () => readSpool(directory).leftovers.map((one) => (one.kind === 'mark' ? one.mark : one.kind))
  spool.admit('r1', 5n)
  expect(left()).toEqual(['admitted'])
  spool.mark('r1', mark(7n))
  spool.mark('r1', mark(9n))
  await expect.poll(left).toEqual([mark(9n)])
  spool.bill(bill('r1'))
  expect(left()).toEqual(['bill'])
  // The bill could not be committed while the client waited, and it was told that it pays nothing.
  spool.mark('r1', mark(11n))
  await expect.poll(left).toEqual([mark(11n)])
  expect(spool.unfinished()).toBe(1)
  spool.done('r1')
  spool.done('r1')
  await expect.poll(left).toEqual([])
  expect(spool.unfinished()).toBe(0)
  spool.close()
})

test('segments go when all that began in them or before is done, the oldest first', () => {
  const spool = open({ segmentBytes: 200 })
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) spool.admit(id, 1n)
  const files = () => readdirSync(directory).length
  const before = files()
  expect(before).toBeGreaterThan(1)
  for (const id of ['f', 'e', 'd', 'c', 'b']) spool.done(id)
  expect(files()).toBe(before)
  spool.done('a')
  expect(files()).toBe(1)
  spool.close()
})

test('the next life writes behind the last one, and what it replayed is forgotten', () => {
  const first = open()
  first.admit('r1', 5n)
  first.close()
  const { segments } = readSpool(directory)
  const second = open()
  second.admit('r2', 5n)
  expect(readSpool(directory).leftovers.map(({ id }) => id)).toEqual(['r1', 'r2'])
  forgetSegments(directory, segments)
  expect(readSpool(directory).leftovers.map(({ id }) => id)).toEqual(['r2'])
  second.close()
})

test('a torn end is the mark of a kill and goes; a line damaged elsewhere is kept for whoever wants to look', () => {
  const spool = open()
  for (const id of ['r1', 'r2', 'r3']) spool.admit(id, 5n)
  spool.close()
  const file = join(directory, readdirSync(directory)[0] as string)
  appendFileSync(file, '0badc0de {"t":"bi')
  const torn = readSpool(directory)
  expect([torn.leftovers.length, torn.damaged]).toEqual([3, 0])
  const bytes = readFileSync(file)
  bytes[bytes.indexOf('r2')] = 0x78
  writeFileSync(file, bytes)
  const damaged = readSpool(directory)
  expect([damaged.leftovers.map(({ id }) => id), damaged.damaged]).toEqual([['r1', 'r3'], 2])
  forgetSegments(directory, damaged.segments)
  expect(readdirSync(directory)).toEqual([expect.stringMatching(/\.damaged$/)])
})

test('a disk that takes nothing refuses new requests as our fault, and says of a bill that it is not safe', () => {
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  let room = true
  const spool = openSpool({
    directory,
    logger: { error: (entry: unknown) => void errors.push(entry) } as never,
    log: (options) => {
      const log = openAppendLog(options)
      return {
        ...log,
        append(line) {
          if (!room) throw full
          log.append(line)
        },
      }
    },
  })
  spool.admit('r1', 5n)
  room = false
  expect(() => spool.admit('r2', 5n)).toThrow(expect.objectContaining({ code: 'unavailable', status: 503 }))
  expect(spool.bill(bill('r1'))).toBe(false)
  // A line for each refusal would help to fill the disk.
  expect(errors).toEqual([{ err: full, failures: 1 }])
  expect([spool.failures(), spool.healthy()]).toEqual([2, false])
  room = true
  expect(spool.healthy()).toBe(true)
  spool.admit('r3', 5n)
  expect(readSpool(directory).leftovers.map(({ id }) => id)).toEqual(['r1', 'r3'])
  spool.close()
})

test('cut anywhere, a spool only ever says of a request what was true of it at some time', () => {
  const step = fc.record({
    id: fc.constantFrom('x', 'y', 'z'),
    what: fc.constantFrom('mark', 'bill', 'done'),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), fc.nat(), (steps, cut) => {
      for (const name of readdirSync(directory)) rmSync(join(directory, name))
      const spool = open()
      const said = new Map(['x', 'y', 'z'].map((id) => [id, new Set<string | undefined>([undefined])]))
      for (const id of ['x', 'y', 'z']) {
        spool.admit(id, 1n)
        said.get(id)?.add('admitted')
      }
      const over = new Set<string>()
      for (const { id, what } of steps) {
        if (over.has(id)) continue
        if (what === 'mark') spool.mark(id, mark(1n))
        else if (what === 'bill') spool.bill(bill(id))
        else spool.done(id)
        if (what === 'done') over.add(id)
        else said.get(id)?.add(what)
      }
      spool.close()
      const file = join(directory, readdirSync(directory)[0] as string)
      const bytes = readFileSync(file)
      writeFileSync(file, bytes.subarray(0, cut % (bytes.length + 1)))
      const read = readSpool(directory)
      expect(read.damaged).toBe(0)
      for (const { id, kind } of read.leftovers) expect(said.get(id)).toContain(kind)
    }),
    { numRuns: 100 },
  )
})
