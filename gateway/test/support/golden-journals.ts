/** Journals written out by hand, to hold the postings against. */
import { expect, test } from 'vitest'
import { accountKey } from '../../src/ledger/accounts.ts'
import type { Journal } from '../../src/ledger/postings.ts'

/** What happens, the journal that is made of it, `code source:sourceId`, and every entry by its account. */
export type Golden = [
  event: string,
  journal: Journal | undefined,
  name: `${string} ${string}:${string}`,
  entries: Record<string, bigint>,
]

export const usd = (dollars: number) => BigInt(dollars) * 1_000_000_000n
export const cents = (amount: number) => BigInt(amount) * 10_000_000n

/** Registers a test for each, and one for what they have in common. */
export function testGoldens(goldens: readonly Golden[]): void {
  test.each(goldens)('%s', (_, journal, name, entries) => {
    const booked = journal as Journal
    expect(`${booked.code} ${booked.source}:${booked.sourceId}`).toBe(name)
    expect(
      Object.fromEntries(
        booked.entries.map(({ account, amountNanos }) => [accountKey(account), amountNanos]),
      ),
    ).toEqual(entries)
    expect(booked.entries).toHaveLength(Object.keys(entries).length)
  })

  test('what credits a buyer’s cash or a seller’s available earnings pays what is owed first', () => {
    for (const [event, journal] of goldens) {
      const credits = journal?.entries.some(
        ({ account, amountNanos }) =>
          amountNanos < 0n && (account.code === 'buyer_cash' || account.code === 'seller_available'),
      )
      // A reversal undoes entry by entry; a correction downwards credits nobody.
      if (journal?.source === 'reversal' || journal?.code === 'admin_debited') continue
      expect([event, journal?.recoverDebt ?? false]).toEqual([event, credits])
    }
  })
}
