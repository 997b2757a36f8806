/**
 * The audit of the ledger: reads all of it, page by page, and says what is wrong and what it cannot prove. It writes
 * nothing and holds no snapshot, so it can run beside a gateway that serves.
 */

import { checkAnchors } from './audit-anchors.ts'
import {
  checkFold,
  checkHolds,
  checkInvariants,
  checkLetters,
  checkMachinery,
  readFigures,
} from './audit-books.ts'
import { checkChain } from './audit-chain.ts'
import { checkCoverage } from './audit-coverage.ts'
import type { AuditReport, Check } from './audit-report.ts'
import { readPublicKeys, tableExists } from './audit-store.ts'
import { checkUsage, type ReceiptForm } from './audit-usage.ts'
import type { SealClient } from './seal-store.ts'

export interface AuditOptions {
  client: SealClient
  /** The text of each migration, the oldest first. */
  migrations: readonly string[]
  receiptForm: ReceiptForm
  /** The text of an anchor file. */
  anchors?: string
  /** Public keys by their names, from where the database's owner cannot write; the database's own unless given. */
  keys?: ReadonlyMap<string, string>
  /** The first block that is looked at; those before it are taken on trust. */
  fromSeal?: bigint
  onProgress?: (text: string) => void
}

export type { AuditReport } from './audit-report.ts'
export { reportText } from './audit-report.ts'

export async function auditLedger(options: AuditOptions): Promise<AuditReport> {
  const { client, fromSeal = 1n, onProgress = () => undefined } = options
  const checks: Check[] = [await checkMachinery(client, options.migrations)]
  onProgress('invariants')
  const figures = await readFigures(client)
  checks.push(...(await checkInvariants(client, figures)), await checkFold(client, figures))
  const hasReceipts = await tableExists(client, 'receipt')
  const keys = options.keys ?? (hasReceipts ? await databaseKeys(client) : new Map<string, string>())
  const usage = await checkUsage({
    client,
    onProgress,
    ...(hasReceipts ? { receipts: { form: options.receiptForm, keys } } : {}),
  })
  const chain = await checkChain({ client, fromSeal, onProgress })
  const coverage = await checkCoverage(client)
  const anchored = await checkAnchors({ client, keys, text: options.anchors })
  checks.push(
    ...usage.checks,
    chain,
    coverage.check,
    anchored.check,
    await checkLetters(client),
    checkHolds(figures),
  )
  const notProved = [
    ...coverage.notProved,
    ...anchored.notProved,
    ...(fromSeal > 1n ? [`Blocks before ${fromSeal} were not looked at.`] : []),
    ...(options.keys ? [] : [KEYS_FROM_DATABASE]),
    ...(usage.unsigned > 0
      ? [`${usage.unsigned} requests have no receipt yet: nothing signed says what was booked for them.`]
      : []),
    ...(usage.unhashed > 0
      ? [`${usage.unhashed} usage records have no hash of what was asked, or no fingerprint of the key.`]
      : []),
    ...(figures.emptyAccounts === '0'
      ? []
      : [`${figures.emptyAccounts} accounts have no entries; their names and dates are under no seal.`]),
    ...ALWAYS,
  ]
  return { proved: checks.every(({ status }) => status !== 'failed'), checks, notProved }
}

async function databaseKeys(client: SealClient): Promise<Map<string, string>> {
  return new Map((await readPublicKeys(client)).map(({ kid, x }) => [kid, x]))
}

const KEYS_FROM_DATABASE =
  'Signatures were checked with the public keys that stand in the same database. Give --jwks with keys you kept elsewhere.'

const ALWAYS = [
  'Holds, budgets and dead letters change, so no seal covers them. Of a hold, its amounts and state are checked against what was booked (I4, I6), but not its node, times, reason or why it was refused; of a budget, what is held, but not its limit, period or spending.',
  'When a receipt was signed, when a key was first seen, and what the database cluster was called.',
  'That tokens were counted rightly, and that the price on a record is the one that was on offer.',
  'That nothing is missing which was never booked: compare answers with receipts, and seller with upstream bills.',
]
