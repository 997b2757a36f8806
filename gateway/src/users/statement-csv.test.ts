import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StatementEntry, StatementHead } from '../ledger/statements.ts'
import { freeText, quoted, statementCsv, statementFilename } from './statement-csv.ts'

const head: StatementHead = {
  side: 'buyer',
  from: new Date('2026-11-01T00:00:00Z'),
  to: new Date('2026-12-01T00:00:00Z'),
  opening: { totalNanos: 1_500_000_000n, accounts: { buyer_cash: 1_500_000_000n, receivable_buyer: 0n } },
  closing: { totalNanos: -7n, accounts: { buyer_cash: 0n, receivable_buyer: -7n } },
}
const line: StatementEntry = {
  id: 'gen-1.2',
  journalId: 'gen-1',
  createdAt: new Date('2026-11-22T10:00:00.123Z'),
  code: 'request_settled',
  description: 'Request',
  account: 'receivable_buyer',
  amountNanos: -1_500_000_007n,
  accountBalanceNanos: -7n,
  balanceNanos: -7n,
  requestId: 'gen-1',
  model: 'openai/gpt-4o-mini',
  listingId: undefined,
  keyId: undefined,
}

async function csvOf(...pages: StatementEntry[][]): Promise<string> {
  const chunks: string[] = []
  const source = (async function* () {
    yield* pages
  })()
  for await (const chunk of statementCsv({ ...head, pages: source })) chunks.push(chunk)
  return chunks.join('')
}

/** RFC 4180, as a reader of such files has it. */
function parse(text: string): string[][] {
  const rows: string[][] = [[]]
  for (const [, quotedCell, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quotedCell === undefined ? (plain as string) : quotedCell.replaceAll('""', '"'))
    if (end === '\r\n') rows.push([])
  }
  return rows.slice(0, -1)
}

test('a file has a header, the opening balances, the lines and the closing balances', async () => {
  expect(await csvOf([line])).toBe(
    [
      'time,journal,code,description,account,amount_nanos,amount_usd,account_balance_usd,balance_usd,request,model,listing,key',
      '2026-11-01T00:00:00.000Z,,opening_balance,,buyer_cash,,,1.5,1.5,,,,',
      '2026-11-01T00:00:00.000Z,,opening_balance,,receivable_buyer,,,0,1.5,,,,',
      '2026-11-22T10:00:00.123Z,gen-1,request_settled,Request,receivable_buyer,-1500000007,-1.500000007,-0.000000007,-0.000000007,gen-1,openai/gpt-4o-mini,,',
      '2026-12-01T00:00:00.000Z,,closing_balance,,buyer_cash,,,0,-0.000000007,,,,',
      '2026-12-01T00:00:00.000Z,,closing_balance,,receivable_buyer,,,-0.000000007,-0.000000007,,,,',
      '',
    ].join('\r\n'),
  )
  expect(statementFilename(head)).toBe('statement-buyer-2026-11-01-to-2026-12-01.csv')
  expect(statementFilename({ ...head, side: 'seller', from: undefined })).toBe(
    'statement-seller-to-2026-12-01.csv',
  )
})

test('whatever an operator wrote reads back as it was written, in one cell', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme' }), async (description) => {
      const rows = parse(await csvOf([{ ...line, description }, line], [{ ...line, description }]))
      expect(rows.map((cells) => cells.length)).toEqual(Array(8).fill(13))
      for (const index of [3, 5]) expect(rows[index]?.[3]).toBe(freeText(description))
      expect(freeText(description).replace(/^'/, '')).toBe(description.replace(/^'/, ''))
    }),
  )
  expect(quoted('a "b", c')).toBe('"a ""b"", c"')
})

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', ' =1', '＝1', '=HYPERLINK("http://x")'])(
  'a spreadsheet shows %j and does not run it',
  async (description) => {
    expect(freeText(description)).toBe(`'${description}`)
    const row = parse(await csvOf([{ ...line, description, model: description }]))[3] as string[]
    expect([row[3], row[10]]).toEqual([`'${description}`, `'${description}`])
  },
)

test('amounts below zero stay numbers, and harmless text stays as it is', async () => {
  expect(['Refund', 'a=b', '1-2', 'x@y', ''].map(freeText)).toEqual(['Refund', 'a=b', '1-2', 'x@y', ''])
  expect(parse(await csvOf([line]))[3]?.slice(5, 7)).toEqual(['-1500000007', '-1.500000007'])
})
