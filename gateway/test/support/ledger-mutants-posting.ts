/** Mutants of what posts journals, and of accounts and budgets. */
import type { SqlMutant } from './ledger-lab.ts'

const of = (name: string, mutants: Omit<SqlMutant, 'of'>[]): SqlMutant[] =>
  mutants.map((mutant) => ({ of: name, ...mutant }))

export const postingMutants: SqlMutant[] = [
  ...of('post', [
    {
      fault: 'a repetition fails',
      from: 'v_payload) ON CONFLICT DO NOTHING',
      to: 'v_payload)',
      by: 'histories',
    },
    {
      fault: 'a repetition with another amount is called booked',
      from: 'v_stored.payload <> v_payload',
      to: 'false',
      by: 'histories',
    },
    {
      fault: 'the order of entries makes another journal',
      from: ", ',' ORDER BY e.account, e.amount) INTO v_payload",
      to: ", ',') INTO v_payload",
      by: 'journals',
    },
    {
      fault: 'part of a journal can be reversed',
      from: 'PERFORM require_reversal(p_reverses, p_accounts, p_amounts) WHERE p_reverses IS NOT NULL;',
      to: '',
      by: 'histories',
    },
    { fault: 'anything may be posted as a request', from: "p_source = 'request' OR", to: '', by: 'journals' },
    {
      fault: 'anything may be posted as a settlement',
      from: "p_code = 'request_settled' OR",
      to: '',
      by: 'journals',
    },
    {
      fault: 'a journal may undo one without being a reversal',
      from: "(p_reverses IS NOT NULL) <> (p_source = 'reversal')",
      to: 'false',
      by: 'journals',
    },
    {
      fault: 'a journal is reversed once for each name of it',
      from: 'p_reverses::text <> p_source_id',
      to: 'false',
      by: 'journals',
    },
    {
      fault: 'what it undoes is not kept',
      from: 'p_source_id, p_reverses, p_memo',
      to: 'p_source_id, NULL, p_memo',
      by: 'journals',
    },
    {
      fault: 'a repetition names a journal that is not there',
      from: 'RETURN QUERY SELECT v_stored.journal_id, false',
      to: 'RETURN QUERY SELECT p_id, false',
      by: 'journals',
    },
    {
      fault: 'a credit never pays debt',
      from: 'book_entries(p_id, p_accounts, p_amounts, p_recover_debt)',
      to: 'book_entries(p_id, p_accounts, p_amounts, false)',
      by: 'histories',
    },
    {
      fault: 'debts are read without a lock',
      from: 'WHERE p_recover_debt AND c.id',
      to: 'WHERE false AND c.id',
      by: 'races',
    },
    {
      fault: 'accounts are locked as they lie on the disk',
      from: '  ORDER BY id FOR UPDATE;',
      to: '  FOR UPDATE;',
      by: 'lock order',
    },
  ]),
  ...of('debt_key', [
    {
      fault: "a seller's debt is not paid",
      from: "WHEN 'seller_available' THEN 'receivable_seller:'",
      to: '',
      by: 'histories',
    },
    {
      fault: "a buyer's debt is not paid",
      from: "WHEN 'buyer_cash' THEN 'receivable_buyer:'",
      to: "WHEN 'buyer_promo' THEN 'receivable_buyer:'",
      by: 'histories',
    },
    {
      fault: "one's money pays another's debt",
      from: '|| p_owner',
      to: "|| coalesce(NULL, '')",
      by: 'histories',
    },
  ]),
  ...of('require_reversal', [
    {
      fault: 'the same again counts as its opposite',
      from: "':' || -e.amount, ',' ORDER BY e.account, -e.amount",
      to: "':' || e.amount, ',' ORDER BY e.account, e.amount",
      by: 'histories',
    },
    {
      fault: 'a journal that was never posted is reversed',
      from: 'v_booked IS DISTINCT FROM v_undone',
      to: 'v_booked <> v_undone',
      by: 'journals',
    },
    {
      fault: 'anything undoes a journal',
      from: 'IF v_booked IS DISTINCT FROM v_undone THEN',
      to: 'IF false THEN',
      by: 'histories',
    },
  ]),
  ...of('book_entries', [
    {
      fault: 'a credit does not pay debt first',
      from: 'least(-e.amount, d.debits - d.credits)',
      to: '0',
      by: 'histories',
    },
    {
      fault: 'a credit pays more debt than there is',
      from: 'least(-e.amount, d.debits - d.credits)',
      to: '-e.amount',
      by: 'histories',
    },
    { fault: 'a debt is paid unasked', from: 'AND p_recover_debt', to: '', by: 'histories' },
    {
      fault: 'a debt that the journal names is paid twice',
      from: 'AND NOT d.id = ANY (p_accounts)',
      to: '',
      by: 'histories',
    },
    { fault: 'what is taken away pays debt', from: 'AND e.amount < 0', to: '', by: 'histories' },
    {
      fault: 'counters run wrong',
      from: 'debits = a.debits + greatest(b.amount, 0)',
      to: 'debits = a.debits',
      by: 'histories',
    },
    {
      fault: 'credits are counted as debits',
      from: 'greatest(-b.amount, 0)',
      to: 'greatest(b.amount, 0)',
      by: 'histories',
    },
    {
      fault: 'a journal may have an entry of nothing',
      from: ' OR 0 = ANY (p_amounts)',
      to: '',
      by: 'journals',
    },
    {
      fault: 'an account may stand twice in a journal',
      from: '(SELECT count(DISTINCT e.account)',
      to: '(SELECT count(e.account)',
      by: 'journals',
    },
    {
      fault: 'a journal may be of any length',
      from: 'OR cardinality(p_accounts) > 100',
      to: '',
      by: 'journals',
    },
    {
      fault: 'an account may come without its amount',
      from: 'cardinality(p_accounts) <> cardinality(p_amounts) OR',
      to: '',
      by: 'journals',
    },
    {
      fault: 'a journal may name an account that is not there',
      from: 'IF v_count <> v_expected THEN',
      to: 'IF false THEN',
      by: 'journals',
    },
  ]),
]

export const accountMutants: SqlMutant[] = [
  ...of('open_account', [
    { fault: 'two who ask at once both fail', from: 'ON CONFLICT (key) DO NOTHING', to: '', by: 'races' },
    {
      fault: 'the second of two gets no account',
      from: 'IF v_id IS NULL THEN',
      to: 'IF false THEN',
      by: 'races',
    },
    {
      fault: 'an account of ours may have an owner',
      from: 'v_chart.owned <> (p_owner IS NOT NULL) OR',
      to: '',
      by: 'accounts',
    },
    { fault: 'any text is an owner', from: "OR p_owner !~ '^[A-Za-z0-9_-]{1,64}$'", to: '', by: 'accounts' },
    {
      fault: 'a code that the chart lacks opens an account',
      from: 'IF NOT FOUND OR',
      to: 'IF',
      by: 'accounts',
    },
    {
      fault: 'an account has no floor',
      from: 'v_chart.normal_side, v_chart.floored',
      to: 'v_chart.normal_side, false',
      by: 'accounts',
    },
  ]),
  ...of('open_accounts', [
    {
      fault: 'accounts are opened in the order asked',
      from: 'ORDER BY a.code, a.owner;',
      to: 'ORDER BY a.code, a.owner DESC;',
      by: 'lock order',
    },
    {
      fault: 'ids come back in another order than the questions',
      from: 'ORDER BY u.ord;',
      to: 'ORDER BY u.owner;',
      by: 'accounts',
    },
    {
      fault: 'accounts of other codes come back',
      from: 'SELECT open_account(u.code, u.owner) FROM',
      to: "SELECT open_account('seller_available', u.owner) FROM",
      by: 'accounts',
    },
  ]),
  ...of('lock_budgets', [
    {
      fault: 'a window never opens anew',
      from: 'SET spent = 0, window_start',
      to: 'SET window_start',
      by: 'windows',
    },
    {
      fault: 'a window opens anew at each use',
      from: 'AND window_start < window_start(period, now())',
      to: "AND period <> 'none'",
      by: 'histories',
    },
    {
      fault: 'every budget opens its window',
      from: 'WHERE id = ANY (p_ids) AND window_start',
      to: 'WHERE window_start',
      by: 'windows',
    },
    {
      fault: 'budgets are read without a lock',
      from: 'PERFORM FROM budget WHERE id = ANY (p_ids) ORDER BY id FOR UPDATE;',
      to: '',
      by: 'races',
    },
    {
      fault: 'budgets are locked as they lie on the disk',
      from: 'ORDER BY id FOR UPDATE',
      to: 'FOR UPDATE',
      by: 'lock order',
    },
  ]),
  ...of('set_budget', [
    {
      fault: 'a change of the limit forgets what was spent',
      from: "b.period = 'none' AND excluded.period <> 'none' AND b.window_start < excluded.window_start",
      to: 'true',
      by: 'histories',
    },
    {
      fault: 'a shorter period forgets what was spent today',
      from: "b.period = 'none' AND excluded.period",
      to: 'excluded.period',
      by: 'histories',
    },
    {
      fault: 'the limit stays as it was',
      from: 'limit_nanos = excluded.limit_nanos,',
      to: '',
      by: 'histories',
    },
    { fault: 'the period stays as it was', from: 'period = excluded.period,', to: '', by: 'histories' },
    {
      fault: 'a window that is over is not closed',
      from: 'PERFORM lock_budgets(ARRAY[p_id]);',
      to: '',
      by: 'windows',
    },
    {
      fault: 'what was spent before it was lifted counts for ever',
      from: "b.period = 'none' AND excluded.period <> 'none' AND b.window_start < excluded.window_start",
      to: 'false',
      by: 'histories',
    },
  ]),
  ...of('window_start', [
    {
      fault: 'days begin at midnight of the server',
      from: "p_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
      to: 'p_at)',
      by: 'windows',
    },
    {
      fault: 'a budget for all time has a window',
      from: "WHEN 'none' THEN NULL",
      to: "WHEN 'none' THEN p_at",
      by: 'windows',
    },
    { fault: 'every window is a day', from: 'date_trunc(p_period,', to: "date_trunc('day',", by: 'windows' },
  ]),
  ...of('window_end', [
    { fault: 'every window lasts a day', from: "('1 ' || p_period)", to: "'1 day'", by: 'windows' },
    { fault: 'it ends where it began', from: "+ ('1 ' || p_period)::interval", to: '', by: 'windows' },
    {
      fault: 'it ends at midnight of the server',
      from: ") AT TIME ZONE 'UTC' END",
      to: ') END',
      by: 'windows',
    },
  ]),
]
