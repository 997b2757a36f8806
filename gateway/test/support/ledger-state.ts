/** All books in one row, beside what the model expects there. */
import { type AccountName, debit, type Legs, type Model, requestLegs } from './ledger-model.ts'

export const STATE = `
SELECT json_build_object(
  'faults', (SELECT coalesce(json_agg(v), '[]') FROM ledger.check_invariants() v),
  'accounts', (
    SELECT coalesce(json_object_agg(key, json_build_array((debits - credits)::text, held::text)), '{}')
    FROM ledger.account WHERE debits <> credits OR held <> 0
  ),
  'budgets', (
    SELECT coalesce(json_object_agg(id, json_build_array(limit_nanos::text, period, held::text,
      CASE WHEN window_start < ledger.window_start(period, now()) THEN '0' ELSE spent::text END)), '{}')
    FROM ledger.budget
  ),
  'holds', (
    SELECT coalesce(json_object_agg(id, json_build_array(state, settled_amount::text, shortfall::text)), '{}')
    FROM ledger.hold
  ),
  'entries', (
    SELECT coalesce(json_object_agg(e.journal_id, e.legs), '{}')
    FROM (
      SELECT e.journal_id, json_object_agg(a.key, e.amount::text) AS legs
      FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id GROUP BY e.journal_id
    ) e
  ),
  'unbilled', (
    SELECT coalesce(json_object_agg(s.source_id, s.journal_id), '{}') FROM ledger.journal_source s WHERE s.source = 'unbilled'
  )
) AS state`

interface State {
  faults: unknown[]
  accounts: Record<string, [debit: string, held: string]>
  budgets: Record<string, [limit: string | null, period: string, held: string, spent: string]>
  holds: Record<string, [state: string, settled: string | null, shortfall: string | null]>
  /** By journal, and write-offs by their request. */
  entries: Record<string, Record<string, string>>
}

export function actualState(row: unknown): State {
  const { unbilled, ...state } = (row as { state: State & { unbilled: Record<string, string> } }).state
  const requestOf = new Map(
    Object.entries(unbilled).map(([request, journal]) => [journal, `unbilled ${request}`]),
  )
  const entries = Object.entries(state.entries).map(([id, legs]) => [requestOf.get(id) ?? id, legs])
  return { ...state, entries: Object.fromEntries(entries) }
}

export function expectedState(
  { model, ids, budgets }: { model: Model; ids: readonly string[]; budgets: readonly string[] },
  keys: ReadonlyMap<AccountName, string>,
): State {
  const heldOn = (name: AccountName) =>
    name.startsWith('cash') ? (model.held[Number(name.at(-1))] ?? 0n) : 0n
  const accounts = [...keys]
    .map(([name, key]) => ({ key, nanos: debit(model, name), held: heldOn(name) }))
    .filter(({ nanos, held }) => nanos !== 0n || held !== 0n)
  const told = (legs: Legs) =>
    Object.fromEntries(legs.map(([name, nanos]) => [keys.get(name) as string, nanos.toString()]))
  const settled = [...model.holds].filter(([, { state, slot }]) => state === 'settled' && slot.cost > 0n)
  return {
    faults: [],
    accounts: Object.fromEntries(accounts.map(({ key, nanos, held }) => [key, [`${nanos}`, `${held}`]])),
    budgets: Object.fromEntries(
      model.budgets.flatMap((known, index) => {
        if (!known) return []
        const { limit, period, held, spent } = known
        return [[budgets[index] as string, [limit?.toString() ?? null, period, `${held}`, `${spent}`]]]
      }),
    ),
    holds: Object.fromEntries(
      [...model.holds].map(([index, { state, slot, shortfall }]) => [
        ids[index] as string,
        state === 'settled' ? [state, `${slot.cost}`, `${shortfall}`] : [state, null, null],
      ]),
    ),
    entries: Object.fromEntries([
      ...settled.map(([index, known]) => [ids[index] as string, told(requestLegs(known))]),
      ...[...model.journals.values()].map(({ id, booked }) => [id, told(booked)]),
      ...[...model.writtenOff].map(([index, { seller, nanos }]) => [
        `unbilled ${ids[index]}`,
        told([
          ['loss', nanos],
          [`pending ${seller}`, -nanos],
        ]),
      ]),
    ]),
  }
}
