/** The chain itself is attacked: cut short, made anew, contradicted by what was written down elsewhere. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSigner } from '../src/platform/signing.ts'
import { auditBook, createBook, fillBook, findingsOf, type SealedBook } from './support/sealed-book.ts'
import { tampered, withoutGuards } from './support/tamper.ts'

let book: SealedBook
let folder: string
let anchors: string
let keys: Map<string, string>

beforeAll(async () => {
  book = await createBook()
  folder = mkdtempSync(join(tmpdir(), 'bourse-anchor-'))
  const anchorFile = join(folder, 'anchors.jsonl')
  const sealer = book.sealer({ blockJournals: 4, anchorFile, anchorEveryMs: 0, signer: book.signer })
  await book.request(70n)
  await book.sealAll(sealer)
  await fillBook(book)
  await book.sealAll(sealer)
  anchors = readFileSync(anchorFile, 'utf8')
  keys = new Map([[book.signer.kid, book.signer.publicJwk.x]])
})
afterAll(async () => {
  await book.close()
  rmSync(folder, { recursive: true, force: true })
})

const lines = () => anchors.trimEnd().split('\n')

test('anchors that the chain has are proved, and the blocks after them are said to be open', async () => {
  const report = await auditBook(book.admin, { anchors, keys })
  expect(findingsOf(report)).toEqual([])
  expect(report.notProved.join()).not.toMatch(/anchor|made anew/)
  const early = await auditBook(book.admin, { anchors: `${lines()[0]}\n`, keys })
  expect(early.notProved.join()).toMatch(/\d blocks after the last anchor could have been made anew/)
})

test('a chain whose last block was cut off is caught by the anchor; without one its journals are called unsealed', async () => {
  const cut = 'DELETE FROM ledger.seal WHERE seq = (SELECT max(seq) FROM ledger.seal)'
  const [with_, without] = await tampered(book.admin, ['seal'], cut, async () => [
    await auditBook(book.admin, { anchors, keys }),
    await auditBook(book.admin),
  ])
  expect(findingsOf(with_ as never)).toEqual([
    expect.stringMatching(
      /^seal\.anchors \| anchor file \| line \d \| {2}\| block \d was written down, and the chain does not have it$/,
    ),
  ])
  expect(without?.proved).toBe(true)
  expect(without?.notProved.join()).toMatch(/journals and \d free requests are not sealed yet/)
})

test('an anchor that was changed, signed by another or of other books is a fault; a torn line is said', async () => {
  const [first = ''] = lines()
  const wrong = async (text: string) =>
    findingsOf(await auditBook(book.admin, { anchors: text, keys })).join()
  const flipped = first.replace(/"hash":"(.)/, (_, digit) => `"hash":"${digit === '0' ? '1' : '0'}`)
  expect(await wrong(flipped)).toContain('line 1 |  | the signature is not that of the line')
  const unsigned = (text: string) => text.replace(/"kid":"[^"]*",/, '').replace(/,"signature":"[^"]*"/, '')
  expect(unsigned(first)).not.toContain('signature')
  expect(await wrong(unsigned(first).replace('books-', 'other-'))).toContain('is of the books other-')
  expect(await wrong(unsigned(flipped))).toContain('the chain was made anew from here or before')
  const torn = await auditBook(book.admin, { anchors: `${first}\n${first.slice(0, 90)}`, keys })
  expect(torn.proved).toBe(true)
  expect(torn.notProved.join()).toContain('1 lines of the anchor file cannot be read')
  const stranger = createSigner({ seed: Buffer.alloc(32, 9) })
  const unknown = await auditBook(book.admin, {
    anchors,
    keys: new Map([[stranger.kid, stranger.publicJwk.x]]),
  })
  expect(unknown.notProved.join()).toContain('anchors have no signature, or none by a key that is known')
})

// The last of this file: the books stay changed.
test('a chain made anew over changed books agrees with itself, and only the anchor shows it', async () => {
  const { admin } = book
  const { rows } = await admin.query<{ id: string }>(`SELECT id FROM ledger.journal WHERE source = 'promo'`)
  const { rows: chain } = await admin.query<{ seq: string }>(
    'SELECT min(seq) AS seq FROM ledger.seal WHERE to_xid >= (SELECT xid FROM ledger.journal WHERE id = $1)',
    [rows[0]?.id],
  )
  await withoutGuards(
    admin,
    ['journal', 'seal'],
    `UPDATE ledger.journal SET memo = 'summer' WHERE source = 'promo'`,
  )
  expect(findingsOf(await auditBook(admin))).toEqual([
    `seal.chain | ledger.journal | ${rows[0]?.id} |  | is not as it was sealed in block ${chain[0]?.seq}`,
  ])
  await withoutGuards(admin, ['seal'], 'DELETE FROM ledger.seal')
  await book.sealAll(book.sealer({ blockJournals: 4 }))
  const alone = await auditBook(admin)
  expect(findingsOf(alone)).toEqual([])
  expect(alone.notProved.join()).toContain('A chain that somebody made anew would not be noticed')
  const anchored = await auditBook(admin, { anchors, keys })
  expect(anchored.proved).toBe(false)
  expect(findingsOf(anchored)[0]).toMatch(
    /seal\.anchors \| ledger\.seal \| 1 \| hash .* the chain was made anew from here or before/,
  )
  // A sealer that goes on from there says so too, and adds nothing to the file.
  const logged: string[] = []
  const logger = { warn: () => undefined, error: (_: unknown, text?: string) => void logged.push(text ?? '') }
  const anchorFile = join(folder, 'anchors.jsonl')
  await book.sealer({ anchorFile, signer: book.signer, logger: logger as never }).close()
  expect(logged).toEqual([expect.stringContaining('the head of the seal is not after the last anchor')])
  expect(readFileSync(anchorFile, 'utf8')).toBe(anchors)
})
