/** Mutants of what settles requests. */
import type { SqlMutant } from './ledger-lab.ts'

const of = (name: string, mutants: Omit<SqlMutant, 'of'>[]): SqlMutant[] =>
  mutants.map((mutant) => ({ of: name, ...mutant }))

export const settlingMutants: SqlMutant[] = [
  ...of('settle_batch', [
    {
      fault: 'what an expired hold served is forgiven',
      from: "AND h.state IN ('open', 'expired')",
      to: "AND h.state = 'open'",
      by: 'histories',
    },
    {
      fault: 'a settlement twice in a batch is booked twice',
      from: 'SELECT DISTINCT ON (a.id) a.*',
      to: 'SELECT a.*',
      by: 'histories',
    },
    {
      fault: 'parts that do not add up are booked',
      from: 'AND a.cost = a.seller_nanos + a.fee_nanos',
      to: '',
      by: 'records',
    },
    { fault: 'a seller may get less than nothing', from: 'a.seller_nanos >= 0 AND', to: '', by: 'records' },
    { fault: 'the platform may get less than nothing', from: 'AND a.fee_nanos >= 0', to: '', by: 'records' },
    {
      fault: 'anybody may be paid as the seller',
      from: "AND s.code = 'seller_pending'",
      to: '',
      by: 'records',
    },
    { fault: 'any account may take the fee', from: "AND f.code = 'platform_fee'", to: '', by: 'records' },
    {
      fault: 'an expired hold gives back once more',
      from: "CASE a.state WHEN 'open' THEN a.amount ELSE 0 END",
      to: 'a.amount',
      by: 'histories',
    },
    {
      fault: 'a cost above its hold counts as covered',
      from: "a.state = 'open' AND a.cost <= a.amount AS covered",
      to: "a.state = 'open' AS covered",
      by: 'histories',
    },
    {
      fault: 'two settlements in a batch spend the same free balance',
      from: 'sum(w.cost) FILTER (WHERE NOT w.covered)',
      to: '0 * sum(w.cost) FILTER (WHERE NOT w.covered)',
      by: 'histories',
    },
    {
      fault: 'covered costs of the batch are spent again',
      from: '- coalesce(sum(w.cost) FILTER (WHERE w.covered) OVER of_payer, 0)',
      to: '',
      by: 'histories',
    },
    {
      fault: 'what the batch gives back is not free for it',
      from: '+ sum(w.released) OVER of_payer',
      to: '',
      by: 'histories',
    },
    {
      fault: 'who has nothing left is credited',
      from: 'greatest(0, least(f.cost, f.free))',
      to: 'least(f.cost, f.free)',
      by: 'histories',
    },
    {
      fault: 'an uncovered cost takes the whole balance',
      from: 'least(f.cost, f.free)',
      to: 'f.free',
      by: 'histories',
    },
    {
      fault: 'a repetition with another cost is called settled',
      from: '= (a.cost, a.seller,',
      to: '= (h.settled_amount, a.seller,',
      by: 'histories',
    },
    {
      fault: 'what cannot be booked is called settled',
      from: "THEN 'invalid'",
      to: "THEN 'settled'",
      by: 'histories',
    },
    {
      fault: 'budgets keep their old window',
      from: 'PERFORM lock_budgets(v_budgets) WHERE v_budgets IS NOT NULL;',
      to: '',
      by: 'windows',
    },
    {
      fault: 'accounts are locked as they lie on the disk',
      from: '|| p_sellers || p_fees) ORDER BY id FOR UPDATE',
      to: '|| p_sellers || p_fees) FOR UPDATE',
      by: 'lock order',
    },
    {
      fault: 'balances are read without a lock',
      from: '|| p_sellers || p_fees) ORDER BY id FOR UPDATE',
      to: '|| p_sellers || p_fees) AND false ORDER BY id FOR UPDATE',
      by: 'races',
    },
  ]),
  ...of('contradictions', [
    {
      fault: 'a repetition about another model is called the same',
      from: 'r.model, r.provider, r.input',
      to: 'u.model, r.provider, r.input',
      by: 'histories',
    },
    {
      fault: 'a repetition to another fee account is called the same',
      from: 'OR u.fee_nanos > 0 AND NOT EXISTS (SELECT FROM entry e WHERE e.journal_id = a.id AND e.account_id = a.fee)',
      to: '',
      by: 'records',
    },
    {
      fault: "a repetition is compared with its neighbour's record",
      from: 'ON r.ord = a.ord',
      to: 'ON r.ord = 1',
      by: 'histories',
    },
    {
      fault: 'a repetition with another answer is called the same',
      from: "decode(r.response_hash, 'hex')",
      to: 'u.response_hash',
      by: 'records',
    },
  ]),
  ...of('book_settlements', [
    {
      fault: 'a settled hold stays held',
      from: 'held = a.held - m.released',
      to: 'held = a.held',
      by: 'histories',
    },
    {
      fault: "the seller gets the fee and the platform the seller's share",
      from: '(3, s.seller, -s.seller_nanos), (4, s.fee, -s.fee_nanos)',
      to: '(3, s.seller, -s.fee_nanos), (4, s.fee, -s.seller_nanos)',
      by: 'histories',
    },
    {
      fault: 'what a request costs above its hold and balance is dropped',
      from: '(d.account, s.shortfall, 0, 0)',
      to: '(d.account, 0, 0, 0)',
      by: 'histories',
    },
    {
      fault: 'a budget does not count what was spent',
      from: 'spent = b.spent + s.cost',
      to: 'spent = b.spent',
      by: 'histories',
    },
    {
      fault: 'a budget keeps what is settled as held',
      from: 'SET held = b.held - s.released, spent',
      to: 'SET spent',
      by: 'histories',
    },
    { fault: 'a free request has an empty journal', from: 'WHERE s.cost > 0;', to: ';', by: 'histories' },
    {
      fault: 'the counters forget what was debited',
      from: 'SET debits = a.debits + m.debits,',
      to: 'SET',
      by: 'histories',
    },
    {
      fault: 'the debt is booked on another debtor',
      from: 'd (payer, account) ON d.payer = s.payer\n  CROSS',
      to: 'd (payer, account) ON d.payer <> s.payer\n  CROSS',
      by: 'histories',
    },
    {
      fault: 'the record keeps the cost as what was held',
      from: 's.held, s.cost, s.seller_nanos',
      to: 's.cost, s.cost, s.seller_nanos',
      by: 'histories',
    },
    {
      fault: 'cache reads are recorded as input',
      from: 'r.input, r.cache_read, r.write_5m',
      to: 'r.cache_read, r.input, r.write_5m',
      by: 'records',
    },
    {
      fault: 'the hashes are exchanged',
      from: "decode(r.request_hash, 'hex'), decode(r.response_hash, 'hex')",
      to: "decode(r.response_hash, 'hex'), decode(r.request_hash, 'hex')",
      by: 'records',
    },
    {
      fault: 'a settlement may come without its usage record',
      from: 'IF v_count <> cardinality(p_settlements) THEN',
      to: 'IF false THEN',
      by: 'records',
    },
  ]),
  ...of('open_receivable', [
    {
      fault: "a buyer's debt is booked as a seller's",
      from: "'receivable_buyer'",
      to: "'receivable_seller'",
      by: 'debts',
    },
    {
      fault: 'everybody has the same debt',
      from: 'WHERE id = p_payer',
      to: "WHERE code = 'buyer_cash' ORDER BY id LIMIT 1",
      by: 'debts',
    },
    { fault: 'the debt has no account', from: 'RETURN v_id', to: 'RETURN NULL', by: 'debts' },
  ]),
]
