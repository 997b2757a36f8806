/** Mutants of what takes, ends and settles holds. */
import type { SqlMutant } from './ledger-lab.ts'

const of = (name: string, mutants: Omit<SqlMutant, 'of'>[]): SqlMutant[] =>
  mutants.map((mutant) => ({ of: name, ...mutant }))

const holding: SqlMutant[] = [
  ...of('hold_batch', [
    {
      fault: 'a repeated hold is held again',
      from: 'WHERE NOT EXISTS (SELECT FROM hold h WHERE h.id = a.id)',
      to: '',
      by: 'histories',
    },
    {
      fault: 'the same request twice in a batch is held twice',
      from: 'SELECT DISTINCT ON (a.id) a.ord',
      to: 'SELECT a.ord',
      by: 'histories',
    },
    {
      fault: 'a batch admits each hold on the whole balance',
      from: 'sum(a.amount) OVER (PARTITION BY a.payer) <=',
      to: 'a.amount <=',
      by: 'histories',
    },
    {
      fault: 'what other requests hold is spent again',
      from: '<= c.credits - c.debits - c.held',
      to: '<= c.credits - c.debits',
      by: 'histories',
    },
    {
      fault: 'a batch admits each hold on the whole budget',
      from: 'sum(a.amount) OVER (PARTITION BY a.budget) <=',
      to: 'a.amount <=',
      by: 'histories',
    },
    {
      fault: 'what was spent of a budget is spent again',
      from: 'b.limit_nanos - b.spent - b.held AS budget_left',
      to: 'b.limit_nanos - b.held AS budget_left',
      by: 'histories',
    },
    {
      fault: 'holds do not count in their budget',
      from: 'UPDATE budget b SET held = b.held + f.amount',
      to: 'UPDATE budget b SET held = b.held',
      by: 'histories',
    },
    {
      fault: 'holds do not count on their account',
      from: 'UPDATE account a SET held = a.held + f.amount',
      to: 'UPDATE account a SET held = a.held',
      by: 'histories',
    },
    {
      fault: 'who is refused is held for all the same',
      from: 'WHERE f.fits GROUP BY f.payer',
      to: 'GROUP BY f.payer',
      by: 'histories',
    },
    {
      fault: 'a repetition with other terms gets the first answer',
      from: 'WHEN h.payer <> a.payer OR h.amount <> a.amount OR',
      to: 'WHEN h.payer <> a.payer OR',
      by: 'histories',
    },
    {
      fault: 'a repetition on another budget gets the first answer',
      from: 'OR h.budget_id IS DISTINCT FROM a.budget AND h.budget_id IS NOT NULL',
      to: '',
      by: 'histories',
    },
    {
      fault: 'answers come back in another order than the questions',
      from: 'ORDER BY a.ord;',
      to: 'ORDER BY a.ord DESC;',
      by: 'histories',
    },
    { fault: 'a negative amount is held', from: 'a.amount >= 0 AND', to: '', by: 'holds' },
    { fault: 'money is held on an account that has no floor', from: 'c.floored AND', to: '', by: 'holds' },
    {
      fault: 'money is held on what somebody owes',
      from: "c.normal_side = 'credit'",
      to: 'true',
      by: 'holds',
    },
    { fault: 'an id of last year is held', from: 'a.id >= v_oldest AND', to: '', by: 'holds' },
    { fault: 'an id of next year is held', from: 'AND a.id < v_newest', to: '', by: 'holds' },
    {
      fault: 'a hold lasts too long',
      from: "now() + interval '90 seconds'",
      to: "now() + interval '90 minutes'",
      by: 'holds',
    },
    {
      fault: 'accounts are locked as they lie on the disk',
      from: 'ANY (p_payers) ORDER BY id FOR UPDATE',
      to: 'ANY (p_payers) FOR UPDATE',
      by: 'lock order',
    },
    {
      fault: 'balances are read without a lock',
      from: 'PERFORM FROM account WHERE id = ANY (p_payers) ORDER BY id FOR UPDATE;',
      to: '',
      by: 'races',
    },
  ]),
  ...of('hold_one', [
    {
      fault: 'a budget is not asked',
      from: 'p_amount > v_budget.limit_nanos - v_budget.spent - v_budget.held',
      to: 'false',
      by: 'histories',
    },
    {
      fault: 'a budget for exactly this much refuses it',
      from: 'p_amount > v_budget.limit_nanos',
      to: 'p_amount >= v_budget.limit_nanos',
      by: 'histories',
    },
    {
      fault: 'a balance of exactly this much refuses it',
      from: 'p_amount > v_account.credits',
      to: 'p_amount >= v_account.credits',
      by: 'histories',
    },
    {
      fault: 'a single hold does not count on its account',
      from: 'UPDATE account SET held = held + p_amount WHERE id = p_payer;',
      to: '',
      by: 'histories',
    },
    {
      fault: 'a single hold does not count in its budget',
      from: 'UPDATE budget SET held = held + p_amount WHERE id = p_budget;',
      to: '',
      by: 'histories',
    },
    {
      fault: 'a refusal does not say when the budget opens again',
      from: 'window_end(v_budget.period, now())',
      to: 'NULL',
      by: 'histories',
    },
  ]),
]

const ending: SqlMutant[] = [
  ...of('release_holds', [
    {
      fault: 'a void does not give the budget back',
      from: 'UPDATE budget b SET held = b.held - m.amount',
      to: 'UPDATE budget b SET held = b.held',
      by: 'histories',
    },
    {
      fault: 'a void does not give the money back',
      from: 'UPDATE account a SET held = a.held - m.amount',
      to: 'UPDATE account a SET held = a.held',
      by: 'histories',
    },
    {
      fault: 'of several holds of a payer only one is given back',
      from: 'SELECT payer, sum(amount)::bigint AS amount FROM moved GROUP BY payer',
      to: 'SELECT payer, max(amount) AS amount FROM moved GROUP BY payer',
      by: 'histories',
    },
    {
      fault: 'a settled hold is given back too',
      from: "WHERE h.id = r.id AND h.state = 'open'",
      to: 'WHERE h.id = r.id',
      by: 'histories',
    },
    {
      fault: 'the last reason counts',
      from: 'ORDER BY a.id, a.ord',
      to: 'ORDER BY a.id, a.ord DESC',
      by: 'holds',
    },
  ]),
  ...of('void_batch', [
    {
      fault: 'a void does nothing',
      from: "PERFORM release_holds(p_ids, p_reasons, 'voided');",
      to: '',
      by: 'histories',
    },
    {
      fault: 'a hold that never came to be has no answer',
      from: "coalesce(h.state, 'unknown')",
      to: 'h.state',
      by: 'histories',
    },
    {
      fault: 'answers come back in another order than the questions',
      from: 'ORDER BY a.ord;',
      to: 'ORDER BY a.ord DESC;',
      by: 'histories',
    },
    { fault: 'what is voided may still be settled', from: "'voided');", to: "'expired');", by: 'histories' },
    {
      fault: 'accounts are locked as they lie on the disk',
      from: 'ORDER BY id FOR UPDATE',
      to: 'FOR UPDATE',
      by: 'lock order',
    },
  ]),
  ...of('renew_batch', [
    {
      fault: 'nobody gets more time',
      from: "now() + interval '90 seconds'",
      to: 'expires_at',
      by: 'histories',
    },
    {
      fault: 'holds that have ended are counted',
      from: "AND state = 'open' FOR",
      to: 'FOR',
      by: 'histories',
    },
    {
      fault: 'renewing waits for those who end the hold',
      from: 'FOR UPDATE SKIP LOCKED',
      to: 'FOR UPDATE',
      by: 'never waits',
    },
  ]),
  ...of('expire_holds', [
    {
      fault: 'live requests lose their hold',
      from: "state = 'open' AND expires_at < now() ORDER",
      to: "state = 'open' ORDER",
      by: 'histories',
    },
    { fault: 'more are ended than asked for', from: 'LIMIT p_limit', to: 'LIMIT ALL', by: 'histories' },
    {
      fault: 'the youngest go first',
      from: 'ORDER BY expires_at LIMIT',
      to: 'ORDER BY expires_at DESC LIMIT',
      by: 'histories',
    },
    {
      fault: 'what was served after that is forgiven',
      from: "'expired');",
      to: "'voided');",
      by: 'histories',
    },
    {
      fault: 'one busy payer stops the sweep',
      from: 'ORDER BY id FOR UPDATE SKIP LOCKED',
      to: 'ORDER BY id FOR UPDATE',
      by: 'never waits',
    },
    {
      fault: 'holds of a payer who is busy are ended',
      from: 'AND payer = ANY (v_accounts)',
      to: '',
      by: 'never waits',
    },
    { fault: 'the reason is not kept', from: "'not renewed'::text", to: 'NULL::text', by: 'endings' },
  ]),
  ...of('release_dead', [
    {
      fault: 'the living life loses its holds',
      from: 'AND node_epoch < p_before_epoch',
      to: '',
      by: 'histories',
    },
    { fault: 'other gateways lose their holds', from: 'AND node_id = p_node_id', to: '', by: 'histories' },
    { fault: 'what the dead one served is forgiven', from: "'expired');", to: "'voided');", by: 'histories' },
    {
      fault: 'accounts are locked as they lie on the disk',
      from: 'ORDER BY id FOR UPDATE',
      to: 'FOR UPDATE',
      by: 'lock order',
    },
  ]),
  ...of('write_off_batch', [
    { fault: 'the hold stays', from: 'PERFORM release_holds(', to: 'PERFORM cardinality(', by: 'histories' },
    {
      fault: 'what a restart released can be written off and billed',
      from: "AND state = 'expired'",
      to: 'AND false',
      by: 'histories',
    },
    {
      fault: 'nobody knows why it was voided',
      from: "SET state = 'voided', reason = 'served, not billed'",
      to: "SET state = 'voided'",
      by: 'endings',
    },
    {
      fault: 'accounts are locked as they lie on the disk',
      from: 'ORDER BY id FOR UPDATE',
      to: 'FOR UPDATE',
      by: 'lock order',
    },
  ]),
  ...of('write_off_one', [
    {
      fault: 'the seller is paid at each repetition',
      from: '  IF FOUND THEN',
      to: '  IF true THEN',
      by: 'histories',
    },
    {
      fault: 'a billed request is paid by us too',
      from: "IF v_state = 'settled' THEN",
      to: 'IF false THEN',
      by: 'histories',
    },
    { fault: 'a repetition fails', from: 'ON CONFLICT DO NOTHING', to: '', by: 'histories' },
    {
      fault: 'the seller pays us',
      from: 'ARRAY[p_nanos, -p_nanos]',
      to: 'ARRAY[-p_nanos, p_nanos]',
      by: 'histories',
    },
    {
      fault: 'what was voided for another reason is paid by us',
      from: "v_reason IS DISTINCT FROM 'served, not billed' OR",
      to: '',
      by: 'histories',
    },
    { fault: 'a negative sum is written off', from: 'p_nanos < 0 OR', to: '', by: 'endings' },
    {
      fault: 'somebody else is paid than a seller',
      from: "AND code = 'seller_pending'",
      to: '',
      by: 'endings',
    },
    { fault: 'somebody else pays than we', from: "AND code = 'unbilled_usage_loss'", to: '', by: 'endings' },
    {
      fault: 'nothing to pay leaves a journal',
      from: 'OR p_nanos = 0 THEN',
      to: 'THEN',
      by: 'histories',
    },
  ]),
]

export const requestMutants: SqlMutant[] = [...holding, ...ending]
