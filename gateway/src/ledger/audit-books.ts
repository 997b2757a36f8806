/** What can be said of the books as they stand: the guards, the invariants, the counters, and what waits for somebody. */
import { type Check, createFindings } from './audit-report.ts'
import * as store from './audit-store.ts'
import type { SealClient } from './seal-store.ts'

/** The invariants that check_invariants looks at, in its words. */
const INVARIANTS = [
  'I1 every journal balances',
  'I2 all accounts sum to zero',
  'I3 counters are the sums of entries',
  'I4 held is the sum of open holds',
  'I5 no balance falls below its floor',
  'I6 a hold is settled once',
  'I7 the buyer pays what seller and platform get',
  'I8 a source posts once',
  'I9 nothing is rewritten',
  'I15 counters never decrease',
]
const VIOLATIONS = 1000
// The janitor expires them every 15 seconds; longer than this and none is running.
const OVERDUE_MS = 300_000
const TABLES = [
  'account',
  'account_code',
  'budget',
  'dead_letter',
  'entry',
  'hold',
  'journal',
  'journal_source',
  'seal',
  'seal_epoch',
  'usage_record',
]

/** Whether the database still says what it has: its functions are those of the migrations, its tables are tables. */
export async function checkMachinery(client: SealClient, migrations: readonly string[]): Promise<Check> {
  const findings = createFindings()
  const ours = functionBodies(migrations)
  const functions = await store.readFunctions(client)
  for (const { name, body } of functions) {
    const expected = ours.get(name)
    if (expected === undefined) {
      findings.add({ table: `ledger.${name}()`, detail: 'is a function that no migration made' })
    } else if (expected !== body) {
      findings.add({ table: `ledger.${name}()`, detail: 'is not the function that the migrations made' })
    }
  }
  const receipts = (await store.tableExists(client, 'receipt')) ? ['receipt', 'signing_key'] : []
  for (const { name, fault } of await store.readDisguises(client, [...TABLES, ...receipts])) {
    findings.add({ table: `ledger.${name}`, detail: fault })
  }
  return findings.check({
    id: 'machinery',
    title: 'functions and tables are those of the migrations',
    figures: `${functions.length} functions`,
  })
}

/** The text of each function's last definition: what stands between its dollar quotes. */
function functionBodies(migrations: readonly string[]): Map<string, string> {
  const definition = /CREATE (?:OR REPLACE )?FUNCTION ledger\.(\w+)\s*\([\s\S]*?\bAS \$\$([\s\S]*?)\$\$;/g
  const bodies = new Map<string, string>()
  for (const sql of migrations) {
    for (const [, name = '', body = ''] of sql.matchAll(definition)) bodies.set(name, body)
  }
  return bodies
}

/** One check per invariant. */
export async function checkInvariants(client: SealClient, figures: store.BookFigures): Promise<Check[]> {
  const violations = await store.readViolations(client, VIOLATIONS)
  const counted: Record<string, string> = {
    I1: `${figures.journals} journals, ${figures.entries} entries`,
    I2: `${figures.accounts} accounts, ${figures.debits} nanos on each side`,
    I4: `${figures.openHolds} open holds`,
    I6: `${figures.usageRecords} usage records`,
  }
  const names = new Set([...INVARIANTS, ...violations.map(({ invariant }) => invariant)])
  return [...names].map((invariant) => {
    const findings = createFindings()
    const number = invariant.split(' ')[0] ?? invariant
    for (const { detail } of violations.filter((each) => each.invariant === invariant)) {
      findings.add({ detail })
    }
    return findings.check({ id: number.toLowerCase(), title: invariant, figures: counted[number] ?? '' })
  })
}

/** Balances are the fold of entries, told without the ledger's own functions; entries have their journal's time. */
export async function checkFold(client: SealClient, figures: store.BookFigures): Promise<Check> {
  const findings = createFindings()
  for (const account of await store.readMisfolded(client)) {
    const { id, key, debits, credits, foldedDebits, foldedCredits } = account
    const column = debits === foldedDebits ? 'credits' : credits === foldedCredits ? 'debits' : undefined
    findings.add({
      table: 'ledger.account',
      id: key === null ? id : `${id} (${key})`,
      ...(column === undefined ? {} : { column }),
      detail: `says ${debits}/${credits}, its entries come to ${foldedDebits}/${foldedCredits}`,
    })
  }
  for (const { journalId, seq, others } of await store.readMistimed(client)) {
    const alone = others !== '0'
    findings.add({
      table: alone ? 'ledger.entry' : 'ledger.journal',
      id: alone ? `${journalId}/${seq}` : journalId,
      column: 'created_at',
      detail: 'journal and entry were not booked at the same time',
    })
  }
  return findings.check({
    id: 'fold',
    title: 'balances are the fold of entries',
    figures: `${figures.accounts} accounts, ${figures.entries} entries`,
  })
}

/** Operations that the database refused: each may be money that is not booked. */
export async function checkLetters(client: SealClient): Promise<Check> {
  const findings = createFindings()
  const letters = await store.readOpenLetters(client)
  for (const { id, queue, operation, message } of letters) {
    findings.add({
      table: 'ledger.dead_letter',
      id,
      detail: `${queue} ${operation} waits for somebody: ${message.slice(0, 200)}`,
    })
  }
  return findings.check({
    id: 'dead_letters',
    title: 'no refused operation waits for somebody',
    figures: `${letters.length} open`,
  })
}

export function checkHolds({ openHolds, overdueHolds, overdueNanos }: store.BookFigures): Check {
  return createFindings().check({
    id: 'holds',
    title: 'holds end in time',
    figures:
      overdueHolds === '0'
        ? `${openHolds} open`
        : `${overdueHolds} of ${openHolds} are 5 minutes over their time, ${overdueNanos} nanos: no gateway is expiring them`,
    unproved: overdueHolds !== '0',
  })
}

export const readFigures = (client: SealClient) => store.readFigures(client, OVERDUE_MS)
