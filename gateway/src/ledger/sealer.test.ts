import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { auditBook, createBook, findingsOf, type SealedBook } from '../../test/support/sealed-book.ts'
import { withoutGuards } from '../../test/support/tamper.ts'
import { connectClient, type DatabaseClient } from '../platform/database.ts'
import { digestBlock } from './seal-block.ts'
import { appendSeal, nextBlock, readSeals } from './seal-store.ts'

let book: SealedBook
beforeEach(async () => {
  book = await createBook()
})
afterEach(() => book.close())

const unsealed = async () => {
  const { notProved } = await auditBook(book.admin)
  return notProved.find((each) => each.includes('not sealed yet'))
}

/** Books a journal in the transaction of `client`, under the lowest id of that moment. */
function grant(client: DatabaseClient, owner: string, minutesAgo: number) {
  return client.query(
    `SELECT ledger.post(ledger.uuid_floor(now() - make_interval(mins => $2)), 'promo_grant', 'promo', $1,
       ARRAY[ledger.open_account('fx_position', $1), ledger.open_account('buyer_promo', $1)],
       ARRAY[5, -5]::bigint[], NULL, NULL, false)`,
    [owner, minutesAgo],
  )
}

test('a journal that is committed late under a lower id and an older transaction is sealed all the same', async () => {
  const sealer = book.sealer()
  await book.sealAll(sealer)
  const slow = await connectClient(book.testDatabase.adminUrl)
  await slow.query('BEGIN')
  await grant(slow, 'late', 60)
  for (const cost of [10n, 20n, 30n]) await book.request(cost)
  // Nothing after the slow transaction's beginning may be sealed: it may still book below.
  expect(await sealer.sealNow()).toBe(0)
  expect(await unsealed()).toMatch(/^3 journals/)
  await slow.query('COMMIT')
  await slow.end()
  await book.sealAll(sealer)
  expect(await unsealed()).toBeUndefined()
  expect(findingsOf(await auditBook(book.admin))).toEqual([])
})

test('without the horizon that journal would be left out, and the audit would name it', async () => {
  await book.sealAll()
  const slow = await connectClient(book.testDatabase.adminUrl)
  await slow.query('BEGIN')
  await grant(slow, 'late', 60)
  await book.request(10n)
  await book.admin.query(
    `CREATE OR REPLACE FUNCTION ledger.seal_horizon(p_epoch integer) RETURNS xid8 LANGUAGE sql
       AS $$ SELECT '18446744073709551615'::xid8 $$`,
  )
  expect(await book.sealer().sealNow()).toBe(1)
  await slow.query('COMMIT')
  await slow.end()
  expect(await book.sealer().sealNow()).toBe(0)
  expect(findingsOf(await auditBook(book.admin)).join('\n')).toMatch(
    /is not the function that the migrations made[\s\S]*ledger\.journal .* came into block 2 after it was sealed/,
  )
})

test('writers of every speed beside two sealers leave no journal out, none in two blocks, and no audit in doubt', async () => {
  const sealers = [book.sealer({ blockJournals: 3 }), book.sealer({ blockJournals: 5 })]
  let writing = true
  const sealing = sealers.map(async (sealer) => {
    while (writing) await sealer.sealNow()
  })
  const auditing = (async () => {
    const found: string[] = []
    const auditor = await connectClient(book.testDatabase.url)
    while (writing) found.push(...findingsOf(await auditBook(auditor)))
    await auditor.end()
    return found
  })()
  const slow = Array.from({ length: 4 }, async (_, index) => {
    const client = await connectClient(book.testDatabase.adminUrl)
    for (let round = 0; round < 6; round += 1) {
      await client.query('BEGIN')
      await grant(client, `slow-${index}-${round}`, 1 + index * 6 + round)
      await client.query('SELECT pg_sleep($1)', [0.01 * (index + 1)])
      await client.query(round === 3 ? 'ROLLBACK' : 'COMMIT')
    }
    await client.end()
  })
  const quick = Array.from({ length: 40 }, (_, index) => book.request(BigInt(index)))
  const written = await Promise.allSettled([...slow, ...quick])
  writing = false
  await Promise.all(sealing)
  expect(await auditing).toEqual([])
  expect(written.filter(({ status }) => status === 'rejected')).toEqual([])
  await book.sealAll(sealers[0])
  expect(findingsOf(await auditBook(book.admin))).toEqual([])
  expect(await unsealed()).toBeUndefined()
  const seals = await readSeals(book.admin, { after: '0', limit: 1000 })
  expect(seals.length).toBeGreaterThan(2)
  expect(sum(seals.map(({ journals }) => Number(journals)))).toBe(1 + 39 + 20)
})

test('two sealers at once append one chain, each block once', async () => {
  for (let cost = 1n; cost <= 30n; cost += 1n) await book.request(cost)
  const sealers = [1, 2, 3].map(() => book.sealer({ blockJournals: 2 }))
  await book.sealAll({
    ...book.sealer(),
    sealNow: async () => sum(await Promise.all(sealers.map((each) => each.sealNow()))),
  })
  const seals = await readSeals(book.admin, { after: '0', limit: 1000 })
  expect(seals.map(({ seq }) => seq)).toEqual(seals.map((_, index) => String(index + 1)))
  expect(findingsOf(await auditBook(book.admin))).toEqual([])
})

test('a request that cost nothing is sealed although it has no journal', async () => {
  await book.request(0n)
  await book.sealAll()
  const seals = await readSeals(book.admin, { after: '0', limit: 10 })
  expect(sum(seals.map(({ freeRequests }) => Number(freeRequests)))).toBe(1)
})

test('however the books are cut into blocks, the same rows are sealed and the audit finds nothing', async () => {
  const { admin } = book
  for (let cost = 0n; cost < 24n; cost += 1n) await book.request(cost)
  await book.sealAll()
  await withoutGuards(admin, ['seal'], 'DELETE FROM ledger.seal')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 8 }),
      async (limits) => {
        await admin.query('BEGIN')
        const sealed: string[] = []
        for (let index = 0; ; index += 1) {
          const block = await nextBlock(admin, limits[index % limits.length] ?? 1)
          if (!block) break
          const digest = await digestBlock(admin, block, ({ id }) => void sealed.push(id))
          expect(await appendSeal(admin, block, digest)).toBe(true)
        }
        const found = findingsOf(await auditBook(admin))
        await admin.query('ROLLBACK')
        expect(found).toEqual([])
        expect(new Set(sealed).size).toBe(sealed.length)
        expect(sealed).toHaveLength(1 + 24)
      },
    ),
    { numRuns: 25 },
  )
})

test('what one transaction booked stays in one block, however small blocks are', async () => {
  await book.admin.query(
    `BEGIN; SELECT ledger.open_account('equity', NULL), ledger.open_account('buyer_promo', 'many');
     SELECT ledger.post(ledger.uuid_floor(now() - make_interval(secs => n)), 'promo_grant', 'promo', n::text,
       ARRAY[ledger.open_account('equity', NULL), ledger.open_account('buyer_promo', 'many')],
       ARRAY[n, -n]::bigint[], NULL, NULL, false) FROM generate_series(1, 9) n; COMMIT`,
  )
  await book.sealAll(book.sealer({ blockJournals: 1 }))
  const seals = await readSeals(book.admin, { after: '0', limit: 10 })
  expect(seals.map(({ journals }) => journals)).toContain('9')
  expect(findingsOf(await auditBook(book.admin))).toEqual([])
})

test('the gateway appends by the function and cannot write the chain', async () => {
  const { pool } = book.testDatabase.database
  for (const sql of [
    'INSERT INTO ledger.seal DEFAULT VALUES',
    'DELETE FROM ledger.seal',
    'TRUNCATE ledger.seal',
    'UPDATE ledger.seal_epoch SET epoch = 2',
    'SELECT ledger.block_end(1, $$0$$, 1)',
  ]) {
    await expect(pool.query(sql)).rejects.toMatchObject({ code: '42501' })
  }
  await book.sealAll()
  for (const sql of [
    'DELETE FROM ledger.seal',
    'UPDATE ledger.seal SET format = 2',
    'TRUNCATE ledger.seal',
  ]) {
    await expect(book.admin.query(sql)).rejects.toMatchObject({ code: '23001' })
  }
})

test('the database refuses a block that does not continue the chain or does not count what is booked', async () => {
  await book.request(10n)
  await book.sealAll()
  await book.request(20n)
  const block = await untilBlock()
  const digest = await digestBlock(book.admin, block)
  const json = (changes: object) => ({
    chain: block.chain,
    seq: block.seq,
    format: 1,
    epoch: block.epoch,
    from_xid: block.fromXid,
    to_xid: block.toXid,
    journals: digest.journals,
    free_requests: digest.freeRequests,
    sum_debits: String(digest.sumDebits),
    sealed_at: '2026-11-22T10:00:00Z',
    prev_hash: `\\x${block.prevHash.toString('hex')}`,
    hash: `\\x${digest.hash.toString('hex')}`,
    locators: '\\x',
    ...changes,
  })
  const append = (changes: object) =>
    book.testDatabase.database.pool
      .query<{ appended: boolean }>('SELECT ledger.append_seal($1) AS appended', [json(changes)])
      .then(
        ({ rows }) => rows[0]?.appended,
        (error: { code: string }) => error.code,
      )
  for (const changes of [
    { seq: String(BigInt(block.seq) + 1n) },
    { chain: 'mine' },
    { prev_hash: `\\x${'ab'.repeat(32)}` },
    { from_xid: '0' },
    { from_xid: String(BigInt(block.toXid) - 1n) },
    { to_xid: '9223372036854775807' },
    { epoch: 2 },
    { journals: digest.journals + 1 },
    { free_requests: 1 },
    { sum_debits: String(digest.sumDebits + 1n) },
  ]) {
    expect([changes, await append(changes)]).toEqual([changes, 'BL002'])
  }
  expect(await append({ seq: '1' })).toBe(false)
  expect(await append({})).toBe(true)
})

async function untilBlock() {
  for (;;) {
    const block = await nextBlock(book.admin, 100)
    if (block) return block
  }
}

test('books that were restored into another cluster go on under a new count, and nothing is left out', async () => {
  const { admin } = book
  await book.request(10n)
  await book.sealAll()
  await book.request(20n)
  // What a restore leaves: rows with the numbers of a cluster that was further on than this one.
  const far = `(xid::text::bigint + 1000000000000)::text::xid8`
  await withoutGuards(
    admin,
    ['journal', 'usage_record', 'seal', 'seal_epoch'],
    `UPDATE ledger.journal SET xid = ${far}; UPDATE ledger.usage_record SET xid = ${far};
     DELETE FROM ledger.seal; UPDATE ledger.seal_epoch SET system_identifier = '1'`,
  )
  const sealer = book.sealer()
  await sealer.prepare()
  await sealer.prepare()
  await book.request(30n)
  await book.sealAll(sealer)
  const seals = await readSeals(admin, { after: '0', limit: 10 })
  expect(seals.map(({ epoch, fromXid }) => [epoch, fromXid])).toEqual([
    [1, '0'],
    [2, '0'],
  ])
  expect(sum(seals.map(({ journals }) => Number(journals)))).toBe(4)
  expect(findingsOf(await auditBook(admin)).filter((each) => each.startsWith('seal'))).toEqual([])
})

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
