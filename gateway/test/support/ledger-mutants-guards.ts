/** Mutants of what keeps the tables in order and looks whether they are. */
import type { SqlMutant } from './ledger-lab.ts'

const of = (name: string, mutants: Omit<SqlMutant, 'of'>[]): SqlMutant[] =>
  mutants.map((mutant) => ({ of: name, ...mutant }))

/** A condition of `check_invariants` that is gone. */
const check = (fault: string, from: string, to: string): Omit<SqlMutant, 'of'> => ({
  fault,
  from,
  to,
  by: 'checks',
})

const checking: SqlMutant[] = [
  ...of('check_invariants', [
    check(
      'I1 lets a journal have one entry or none',
      'HAVING count(e.amount) < 2 OR sum(e.amount) <> 0',
      'HAVING sum(e.amount) <> 0',
    ),
    check(
      'I1 lets a journal be off',
      'HAVING count(e.amount) < 2 OR sum(e.amount) <> 0',
      'HAVING count(e.amount) < 2',
    ),
    check(
      'I1 lets entries have no journal',
      'WHERE NOT EXISTS (SELECT FROM journal j WHERE j.id = e.journal_id)',
      'WHERE false',
    ),
    check('I2 lets the accounts be off', 'HAVING sum(a.debits) <> sum(a.credits)', 'HAVING false'),
    check(
      'I3 looks at balances only',
      '(a.debits, a.credits) IS DISTINCT FROM (coalesce(e.debits, 0)::bigint, coalesce(e.credits, 0)::bigint)',
      '(a.debits - a.credits) IS DISTINCT FROM (coalesce(e.debits, 0)::bigint - coalesce(e.credits, 0)::bigint)',
    ),
    check(
      'I3 lets entries have no account',
      '  FULL JOIN (\n    SELECT account_id',
      '  LEFT JOIN (\n    SELECT account_id',
    ),
    check('I4 does not look at accounts', 'WHERE a.held <> coalesce(h.amount, 0)', 'WHERE false'),
    check('I4 does not look at budgets', 'WHERE b.held <> coalesce(h.amount, 0)', 'WHERE false'),
    check(
      'I4 lets a hold have no account',
      'WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = h.payer)',
      'WHERE false',
    ),
    check('I5 lets a floor be taken away', 'a.floored <> c.floored OR', ''),
    check('I5 lets an account change sides', 'a.normal_side <> c.normal_side OR', ''),
    check('I5 lets an account change its class', 'a.class <> c.class OR', ''),
    check('I5 lets a balance fall below its floor', '- a.held < 0', '- a.held < -1000000'),
    check('I5 forgets what is held', '- a.held < 0', '< 0'),
    check(
      'I6 lets a settled hold have no usage record',
      "(h.state = 'settled') IS DISTINCT FROM (u.id IS NOT NULL)",
      'false',
    ),
    check(
      'I6 does not compare the cost',
      '(h.settled_amount, h.seller_nanos,',
      '(u.cost_nanos, h.seller_nanos,',
    ),
    check(
      "I6 does not compare the seller's share",
      'h.seller_nanos, h.shortfall, h.amount)',
      'u.seller_nanos, h.shortfall, h.amount)',
    ),
    check('I6 does not compare what is owed', 'h.shortfall, h.amount)', 'u.shortfall_nanos, h.amount)'),
    check('I6 does not compare what was held', 'h.shortfall, h.amount)', 'h.shortfall, u.held_nanos)'),
    check(
      'I6 does not look for the journal',
      "OR (j.id IS NOT NULL) <> (h.state = 'settled' AND h.settled_amount > 0)",
      '',
    ),
    check('I7 lets cost and shares differ', 'u.cost_nanos <> u.seller_nanos + u.fee_nanos\n    OR', ''),
    check(
      'I7 does not look who was paid',
      'e.owed, e.earned, e.fee) IS',
      'e.owed, u.seller_nanos::numeric, u.fee_nanos::numeric) IS',
    ),
    check(
      'I7 does not look at what is owed',
      'e.paid + e.owed, e.owed,',
      'e.paid + e.owed, u.shortfall_nanos::numeric,',
    ),
    check(
      'I7 does not look at what was paid',
      '(e.paid + e.owed, e.owed,',
      '(u.cost_nanos::numeric, e.owed,',
    ),
    check(
      'I8 lets a journal have no source',
      'WHERE s.journal_id IS NULL OR j.id IS NULL',
      'WHERE j.id IS NULL',
    ),
    check(
      'I8 lets a source have no journal',
      'WHERE s.journal_id IS NULL OR j.id IS NULL',
      'WHERE s.journal_id IS NULL',
    ),
    check(
      'I8 lets a request pass for something else',
      "WHERE (j.source = 'request') <> (j.code = 'request_settled')",
      'WHERE false',
    ),
    check('I9 does not look for guards', "WHERE t.fault NOT LIKE 'account%'", 'WHERE false'),
    check('I15 does not look for guards', "WHERE t.fault LIKE 'account%'", 'WHERE false'),
  ]),
  ...of('missing_triggers', [
    check('a guard that a session can switch off counts', "AND r.tgenabled = 'A'", ''),
    check('months are not looked at', 'ON i.inhparent = t.id', 'ON false'),
    check("entries' balance is not looked for", "('entry', '_balanced'), ", ''),
    check('counters may be lowered', "('account', '_only_grows'), ", ''),
    check(
      'holds may open again',
      "('account', '_only_grows'), ('hold', '_moves_once')",
      "('account', '_only_grows')",
    ),
  ]),
]

const tables: SqlMutant[] = [
  ...of('require_balance', [
    { fault: 'a journal may be off', from: 'sum(amount) <> 0 OR', to: '', by: 'entries' },
    { fault: 'a journal may begin at any number', from: 'min(seq) <> 1 OR', to: '', by: 'entries' },
    { fault: 'numbers may be left out', from: 'OR max(seq) <> count(*)', to: '', by: 'entries' },
    { fault: 'a fault is let pass', from: 'IF FOUND THEN', to: 'IF false THEN', by: 'entries' },
  ]),
  ...of('refuse_change', [
    {
      fault: 'what is booked may be changed',
      from: 'RAISE EXCEPTION',
      to: 'RETURN NEW; RAISE EXCEPTION',
      by: 'entries',
    },
    {
      fault: 'a change fails in silence',
      from: 'RAISE EXCEPTION',
      to: 'RETURN NULL; RAISE EXCEPTION',
      by: 'entries',
    },
    {
      fault: 'the refusal looks like another',
      from: "'restrict_violation'",
      to: "'raise_exception'",
      by: 'entries',
    },
  ]),
  ...of('uuid_floor', [
    { fault: 'ids are compared by the second', from: '* 1000)', to: ')', by: 'months' },
    { fault: 'early ids are cut short', from: "12, '0')", to: "11, '0')", by: 'months' },
    { fault: 'the moment has no lowest id', from: "32, '0')", to: "32, 'f')", by: 'months' },
  ]),
  ...of('month_start', [
    {
      fault: 'months begin at midnight of the server',
      from: "p_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
      to: 'p_at)',
      by: 'months',
    },
    { fault: 'a month begins at midnight of the day', from: "'month'", to: "'day'", by: 'months' },
    { fault: 'a month begins with its year', from: "'month'", to: "'year'", by: 'months' },
  ]),
  ...of('create_partition', [
    { fault: 'months leave a gap', from: "interval '32 days'", to: "interval '27 days'", by: 'months' },
    {
      fault: 'a new month may be rewritten',
      from: "p_table || '_no_change');",
      to: "p_table || '_no_truncate') WHERE false;",
      by: 'months',
    },
    {
      fault: 'a new month may be emptied',
      from: "p_table || '_no_truncate');\n  IF",
      to: "p_table || '_no_change');\n  IF",
      by: 'months',
    },
    {
      fault: 'a new month takes what does not balance',
      from: "IF p_table = 'entry' THEN",
      to: 'IF false THEN',
      by: 'months',
    },
    {
      fault: 'months are named by the clock of the server',
      from: "to_char(p_month AT TIME ZONE 'UTC',",
      to: 'to_char(p_month,',
      by: 'months',
    },
  ]),
  ...of('ensure_partitions', [
    {
      fault: 'two who make months at once both fail',
      from: "PERFORM pg_advisory_xact_lock(hashtext('ledger.ensure_partitions'));",
      to: '',
      by: 'races',
    },
    {
      fault: 'any number of months is made',
      from: 'NOT BETWEEN 1 AND 24',
      to: 'NOT BETWEEN -100 AND 2400',
      by: 'months',
    },
    {
      fault: 'the last month is missing',
      from: 'IN -1 .. p_months_ahead',
      to: 'IN -1 .. p_months_ahead - 1',
      by: 'months',
    },
    { fault: 'it says it made nothing', from: 'v_made := v_made + 1;', to: '', by: 'months' },
    { fault: 'a month that is there stops it', from: 'IS NULL THEN', to: 'IS NOT NULL THEN', by: 'months' },
  ]),
  ...of('park', [
    {
      fault: 'the reason is kept as the code',
      from: 'p_sqlstate, p_message)',
      to: 'p_message, p_sqlstate)',
      by: 'endings',
    },
    {
      fault: 'nothing is kept',
      from: 'VALUES (p_queue, p_operation_id, p_payload, p_sqlstate, p_message)',
      to: 'SELECT p_queue, p_operation_id, p_payload, p_sqlstate, p_message WHERE false',
      by: 'endings',
    },
    {
      fault: 'the operation cannot be found',
      from: 'VALUES (p_queue, p_operation_id',
      to: 'VALUES (p_operation_id, p_queue',
      by: 'endings',
    },
  ]),
  ...of('hand_over', [
    {
      fault: 'everybody may call what is new',
      from: 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;',
      to: '',
      by: 'handed over',
    },
    {
      fault: 'the gateway cannot read what is new',
      from: 'GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO gateway_app;',
      to: '',
      by: 'handed over',
    },
    {
      fault: 'the gateway may call everything',
      from: 'AND proname = ANY (p_callable)',
      to: '',
      by: 'handed over',
    },
    {
      fault: 'functions keep the owner who migrated',
      from: 'AND proowner <> v_owner',
      to: 'AND false',
      by: 'handed over',
    },
    {
      fault: 'tables keep the owner who migrated',
      from: 'AND relowner <> v_owner',
      to: 'AND false',
      by: 'handed over',
    },
  ]),
]

export const guardMutants: SqlMutant[] = [...checking, ...tables]
