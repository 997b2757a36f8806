import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBook, fillBook, type SealedBook } from '../../test/support/sealed-book.ts'
import { columnsOf } from '../../test/support/tamper.ts'
import { connectClient } from '../platform/database.ts'
import { digestBlock } from './seal-block.ts'
import { type BlockRange, createBlockDigest, isoMicros, type SealItem, sealedColumns } from './seal-format.ts'
import { readBlockIds, readItems, readSeals } from './seal-store.ts'

let book: SealedBook
beforeAll(async () => {
  book = await createBook()
  await fillBook(book)
  await book.sealAll()
})
afterAll(() => book.close())

// What is not under the seal by name: an account's number stands for its key, and its counters are sums of entries.
const ELSEWHERE: Record<string, string[]> = {
  account: ['id', 'debits', 'credits', 'held'],
  entry: ['account_id'],
}

test('every column of what is sealed is under the seal, in the order of format 1', async () => {
  for (const [table, sealed] of Object.entries(sealedColumns)) {
    const columns = (await columnsOf(book.admin, [table])).map(({ column }) => column)
    const left = columns.filter((column) => !ELSEWHERE[table]?.includes(column))
    expect([table, left.toSorted()]).toEqual([table, Object.keys(sealed).toSorted()])
  }
})

const settings = [
  `SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German, DMY'`,
  `SET TimeZone = 'America/St_Johns'; SET DateStyle = 'SQL, MDY'; SET IntervalStyle = 'iso_8601'`,
  `SET extra_float_digits = -15; SET bytea_output = 'escape'`,
  `SET lc_numeric = 'C'; SET lc_time = 'C'; SET xmloption = 'document'; SET quote_all_identifiers = on`,
  `SET search_path = pg_temp; SET standard_conforming_strings = off; SET default_transaction_isolation = 'serializable'`,
]

test.each(settings)('the bytes under a seal are the same whatever the session says: %s', async (sql) => {
  const client = await connectClient(book.testDatabase.url)
  try {
    const [seal] = await readSeals(book.admin, { after: '0', limit: 1 })
    if (!seal) throw new Error('nothing was sealed')
    await client.query(sql)
    const [asSet] = await readSeals(client, { after: '0', limit: 1 })
    expect(asSet).toEqual(seal)
    const ids = await readBlockIds(client, seal, {
      after: '00000000-0000-0000-0000-000000000000',
      limit: 100,
    })
    expect(await readItems(client, ids)).toEqual(await readItems(book.admin, ids))
    expect((await digestBlock(client, seal)).hash.toString('hex')).toBe(seal.hash.toString('hex'))
  } finally {
    await client.end()
  }
})

const range: BlockRange = {
  chain: 'books-1',
  seq: '1',
  prevHash: Buffer.alloc(32),
  epoch: 1,
  fromXid: '0',
  toXid: '9',
  sealedAt: '1795341600123456',
}
const item: SealItem = {
  id: '018f0000-0000-7000-8000-000000000001',
  journal: ['018f…', 'grant', null],
  entries: [
    { accountId: '1', entry: ['018f…', '1', '5', '17'], account: ['equity'] },
    { accountId: '2', entry: ['018f…', '2', '-5', '17'], account: null },
  ],
  usageRecord: null,
  sources: [['promo', 'Frühling']],
}

test('format 1 is these bytes and no others', () => {
  const digest = createBlockDigest(range)
  digest.add(item)
  const bytes = [
    'B8(11:bourse-seal;1:1;7:books-1;1:1;1:1;1:0;1:9;16:1795341600123456;)\n',
    'J3(7:018f…;5:grant;-;)\n',
    'E4(7:018f…;1:1;1:5;2:17;)\nA1(6:equity;)\nE4(7:018f…;1:2;2:-5;2:17;)\nA-\n',
    'U-\nS2(5:promo;9:Frühling;)\nT3(1:1;1:0;1:5;)\n',
  ].join('')
  const hash = createHash('sha256').update(Buffer.alloc(32)).update(bytes, 'utf8').digest('hex')
  expect(digest.end()).toMatchObject({ journals: 1, freeRequests: 0, sumDebits: 5n })
  const again = createBlockDigest(range)
  again.add(item)
  expect(again.end().hash.toString('hex')).toBe(hash)
})

test('two chains, two blocks or two moments never have the same hash for the same rows', () => {
  const hashOf = (changes: Partial<BlockRange>) =>
    createBlockDigest({ ...range, ...changes })
      .end()
      .hash.toString('hex')
  const hashes = [
    {},
    { chain: 'books-2' },
    { seq: '2' },
    { prevHash: Buffer.alloc(32, 1) },
    { epoch: 2 },
    { fromXid: '1' },
    { toXid: '10' },
    { sealedAt: '1795341600123457' },
  ].map(hashOf)
  expect(new Set(hashes).size).toBe(hashes.length)
})

test('text that looks like the layout, and text beside text, stay what they are', () => {
  const hashOf = (journal: (string | null)[]) => {
    const digest = createBlockDigest(range)
    digest.add({ ...item, journal })
    return digest.end().hash.toString('hex')
  }
  const journals = [
    ['a', 'b'],
    ['ab', ''],
    ['a;1:b', null],
    ['-;', null],
    [null, '-;'],
    ['a', null],
    ['a'],
    ['a)\nU-\n', 'b'],
  ]
  expect(new Set(journals.map(hashOf)).size).toBe(journals.length)
})

test('microseconds become a date to the microsecond, before 1970 too', () => {
  expect(isoMicros('1795341600123456')).toBe('2026-11-22T10:00:00.123456Z')
  expect(isoMicros('1795341600000000')).toBe('2026-11-22T10:00:00.000000Z')
  expect(isoMicros('-1')).toBe('1969-12-31T23:59:59.999999Z')
})
