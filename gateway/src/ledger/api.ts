/** The ledger browser under `/api`, for operators. It reads and changes nothing. */
import { z } from 'zod'
import { pageQuery, queryText } from '../audit/page.ts'
import { nanosShown, operation, pageAnswer, timeShown } from '../http/operation.ts'

const owner = z
  .strictObject({
    id: z.string().meta({ description: '`org-…` for an organisation; else as the ledger has it.' }),
    name: z.string().nullable(),
  })
  .nullable()

const accountClass = z.enum(['asset', 'liability', 'equity', 'income', 'expense'])

const ledgerAccount = z
  .strictObject({
    id: z.string().meta({ description: 'The key of the account: `buyer_cash:<organisation>`.' }),
    code: z.string(),
    number: z.int(),
    class: accountClass,
    normalSide: z.enum(['debit', 'credit']),
    floored: z.boolean().meta({ description: 'The balance less what is held never falls below zero.' }),
    owner,
    debitsNanos: nanosShown,
    creditsNanos: nanosShown,
    balanceNanos: nanosShown.meta({ description: 'On its normal side.' }),
    heldNanos: nanosShown,
    openedAt: timeShown,
  })
  .meta({ id: 'LedgerAccount' })

export type LedgerAccount = z.output<typeof ledgerAccount>

export const listLedgerAccounts = operation({
  method: 'get',
  path: '/api/ledger/accounts',
  summary: 'Accounts in the order of the chart',
  description:
    '`q` is a kind of account (`buyer_cash`, `1010`), an owner (`org-…`), a key (`buyer_cash:<owner>`), or a part of an organisation’s name.',
  access: 'operator',
  query: pageQuery.extend({
    q: queryText(100).optional(),
    code: queryText(40).optional(),
    owner: queryText(64).optional(),
    // Keys are longer than other ids.
    cursor: queryText(100).optional(),
  }),
  answer: pageAnswer(ledgerAccount),
})

export const getLedgerAccount = operation({
  method: 'get',
  path: '/api/ledger/accounts/:id',
  summary: 'One account with its balances',
  access: 'operator',
  answer: ledgerAccount,
})

const ledgerLine = z
  .strictObject({
    id: z.string(),
    journalId: z.string(),
    code: z.string(),
    description: z.string(),
    requestId: z.string().nullable(),
    model: z.string().nullable(),
    amountNanos: nanosShown.meta({ description: 'Debit above zero, credit below.' }),
    createdAt: timeShown,
  })
  .meta({ id: 'LedgerLine' })

export type LedgerLine = z.output<typeof ledgerLine>

export const listLedgerEntries = operation({
  method: 'get',
  path: '/api/ledger/accounts/:id/entries',
  summary: 'What was booked on an account, the newest first',
  access: 'operator',
  query: pageQuery,
  answer: pageAnswer(ledgerLine),
})

const ledgerJournal = z
  .strictObject({
    id: z.string().meta({ description: '`gen-…` for a request, else `jrn-…`.' }),
    code: z.string(),
    description: z.string(),
    source: z.string(),
    sourceId: z.string().nullable(),
    origin: z
      .strictObject({ kind: z.enum(['request', 'payout', 'case', 'journal', 'outside']), id: z.string() })
      .meta({ description: 'What it was booked for, by the id that the console knows.' }),
    memo: z.string().nullable(),
    createdAt: timeShown,
    sealed: z
      .boolean()
      .meta({ description: 'In a block of the chain; false when it is younger than the last.' }),
    reverses: z.string().nullable(),
    reversedBy: z.string().nullable(),
    entries: z.array(
      z.strictObject({
        seq: z.int(),
        account: z.string(),
        code: z.string(),
        owner,
        amountNanos: nanosShown.meta({ description: 'Debit above zero, credit below.' }),
      }),
    ),
  })
  .meta({ id: 'LedgerJournal' })

export type LedgerJournal = z.output<typeof ledgerJournal>

export const getLedgerJournal = operation({
  method: 'get',
  path: '/api/ledger/journals/:id',
  summary: 'One journal with its entries, which sum to zero',
  access: 'operator',
  answer: ledgerJournal,
})

const ledgerStatus = z
  .strictObject({
    checkedAt: timeShown,
    checks: z.array(
      z.strictObject({
        id: z.enum(['sums_to_zero', 'held_is_open', 'letters_answered', 'holds_end', 'sealed']),
        ok: z.boolean(),
      }),
    ),
    unsealedSeconds: z.number().meta({ description: 'Age of the oldest journal that is in no block yet.' }),
    deadLetters: z.int(),
    overdueHolds: z.int(),
    seal: z
      .strictObject({ seq: z.string(), sealedAt: timeShown, journals: z.int(), hash: z.string() })
      .nullable()
      .meta({ description: 'The last block of the chain.' }),
    chart: z.array(
      z.strictObject({
        code: z.string(),
        number: z.int(),
        class: accountClass,
        normalSide: z.enum(['debit', 'credit']),
        accounts: z.int(),
        balanceNanos: nanosShown,
        heldNanos: nanosShown,
      }),
    ),
  })
  .meta({ id: 'LedgerStatus' })

export type LedgerStatus = z.output<typeof ledgerStatus>

export const getLedgerStatus = operation({
  method: 'get',
  path: '/api/ledger/status',
  summary: 'Whether the books are in order, and what each kind of account comes to',
  description:
    'The cheap checks that run every minute. The whole proof, entry by entry and block by block, is `npm run audit`.',
  access: 'operator',
  answer: ledgerStatus,
})
