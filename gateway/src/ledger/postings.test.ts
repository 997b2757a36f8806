import fc from 'fast-check'
import { expect, test } from 'vitest'
import { accountKey } from './accounts.ts'
import { playCredit, requestSettled, reversal } from './postings.ts'

const payer = { code: 'buyer_cash', owner: 'b' } as const
const receivable = { code: 'receivable_buyer', owner: 'b' } as const
const seller = { code: 'seller_pending', owner: 's' } as const
const fee = { code: 'platform_fee', owner: '0' } as const
const nanos = fc.bigInt({ min: 0n, max: 10n ** 18n })

const sum = (entries: readonly { amountNanos: bigint }[]) =>
  entries.reduce((total, { amountNanos }) => total + amountNanos, 0n)

test('what a buyer pays or owes is what seller and platform get, to the nano', () => {
  fc.assert(
    fc.property(nanos, nanos, nanos, (sellerNanos, feeNanos, owed) => {
      const costNanos = sellerNanos + feeNanos
      const shortfallNanos = owed > costNanos ? costNanos : owed
      const entries = requestSettled({
        payer,
        receivable,
        seller,
        fee,
        costNanos,
        shortfallNanos,
        sellerNanos,
        feeNanos,
      })
      expect(sum(entries)).toBe(0n)
      expect(entries.every(({ amountNanos }) => amountNanos !== 0n)).toBe(true)
      expect(sum(entries.filter(({ amountNanos }) => amountNanos > 0n))).toBe(costNanos)
    }),
  )
})

test('a settlement whose parts do not add up is refused before it reaches the books', () => {
  const settled = { payer, receivable, seller, fee, costNanos: 10n, shortfallNanos: 0n }
  expect(() => requestSettled({ ...settled, sellerNanos: 9n, feeNanos: 2n })).toThrow('must balance')
  expect(() =>
    requestSettled({ ...settled, receivable: payer, shortfallNanos: 5n, sellerNanos: 9n, feeNanos: 1n }),
  ).toThrow('names an account once')
})

test('play money is our expense and the organisation’s cash, keyed by the credit', () => {
  const journal = playCredit({ creditId: 'c1', organisationId: 'b', amountNanos: 5n, memo: 'welcome' })
  expect(journal).toMatchObject({ source: 'play_credit', sourceId: 'c1', memo: 'welcome', recoverDebt: true })
  expect(journal.entries.map(({ account, amountNanos }) => [accountKey(account), amountNanos])).toEqual([
    ['goodwill_expense', 5n],
    ['buyer_cash:b', -5n],
  ])
  expect(() => playCredit({ creditId: 'c1', organisationId: 'b', amountNanos: 0n })).toThrow(
    'more than nothing',
  )
})

test('a reversal turns every entry around', () => {
  const { entries } = playCredit({ creditId: 'c1', organisationId: 'b', amountNanos: 5n })
  const undone = reversal({ id: 'j1', entries, memo: 'wrong one' })
  expect(undone).toMatchObject({ source: 'reversal', sourceId: 'j1', reversesId: 'j1' })
  expect(sum(undone.entries)).toBe(0n)
  expect(undone.entries.map(({ amountNanos }) => amountNanos)).toEqual([-5n, 5n])
})
