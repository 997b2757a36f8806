-- Statements for any period, and sellers who owe.

-- When a journal is booked --------------------------------------------------------------------------------------------
--
-- A request's journal has the request's id, made when it began; one that is settled late has an old id. Accountants ask
-- when it was booked, so `created_at` is read from the clock by whoever holds the locks of all its accounts: per account
-- it follows the order of booking, and what is booked after somebody held those locks is later than that moment.
-- Entries repeat it, so that an index finds an account's entries of a period.

ALTER TABLE ledger.journal ALTER COLUMN created_at SET DEFAULT clock_timestamp();

CREATE FUNCTION ledger.journal_time(p_journal uuid) RETURNS timestamptz
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  SELECT created_at FROM journal WHERE id = p_journal
$$;

-- Typed again to be filled: no row is updated, so the triggers that refuse it stay on.
ALTER TABLE ledger.entry ADD COLUMN created_at timestamptz;
ALTER TABLE ledger.entry
  ALTER COLUMN created_at TYPE timestamptz USING ledger.journal_time(journal_id),
  ALTER COLUMN created_at SET DEFAULT now(),
  ALTER COLUMN created_at SET NOT NULL;
DROP FUNCTION ledger.journal_time(uuid);

DROP INDEX ledger.entry_account_idx;
CREATE INDEX entry_statement_idx ON ledger.entry (account_id, created_at, journal_id);

-- Once per statement, so it costs nothing per row. Numbers from 1 without a gap keep anybody from adding entries to a
-- journal later: its first entry is already there. A journal is booked at one moment.
CREATE OR REPLACE FUNCTION ledger.require_balance() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog
AS $$
DECLARE
  wrong uuid;
BEGIN
  SELECT journal_id INTO wrong
  FROM added
  GROUP BY journal_id
  HAVING sum(amount) <> 0 OR count(*) < 2 OR min(seq) <> 1 OR max(seq) <> count(*)
    OR min(created_at) <> max(created_at)
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % does not balance', wrong USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END
$$;

-- A moment, at most `p_to` and about now, in whole milliseconds, before which nothing will be booked on these accounts
-- any more: it has passed, and every writer who had locked one of them has committed. Accounts that are opened later are
-- booked on later.
CREATE FUNCTION ledger.statement_horizon(p_keys text[], p_to timestamptz) RETURNS timestamptz
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_to timestamptz := least(p_to, date_trunc('milliseconds', clock_timestamp()) + interval '1 millisecond');
BEGIN
  WHILE clock_timestamp() < v_to LOOP
    PERFORM pg_sleep(0.0005);
  END LOOP;
  PERFORM FROM account WHERE key = ANY (p_keys) ORDER BY id FOR SHARE;
  RETURN v_to;
END
$$;

-- Writes the settlements that settle_batch has weighed: holds, budgets, journals, entries, counters, usage.
CREATE OR REPLACE FUNCTION ledger.book_settlements(p_settlements ledger.settlement[], p_records json) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_debtors bigint[];
  v_debts bigint[];
  v_count integer;
  v_at timestamptz;
BEGIN
  v_debtors := ARRAY(SELECT DISTINCT s.payer FROM unnest(p_settlements) s WHERE s.shortfall > 0 ORDER BY 1);
  v_debts := ARRAY(SELECT open_receivable(d.payer) FROM unnest(v_debtors) WITH ORDINALITY d (payer, ord) ORDER BY d.ord);
  -- All accounts are locked by now.
  v_at := clock_timestamp();

  UPDATE hold h SET
    state = 'settled', concluded_at = now(), settled_amount = s.cost, seller_account = s.seller,
    seller_nanos = s.seller_nanos, shortfall = s.shortfall
  FROM unnest(p_settlements) s WHERE h.id = s.id;

  UPDATE budget b SET held = b.held - s.released, spent = b.spent + s.cost
  FROM (
    SELECT s.budget, sum(s.released)::bigint AS released, sum(s.cost)::bigint AS cost
    FROM unnest(p_settlements) s WHERE s.budget IS NOT NULL GROUP BY s.budget
  ) s
  WHERE b.id = s.budget;

  INSERT INTO journal (id, code, source, created_at)
  SELECT s.id, 'request_settled', 'request', v_at FROM unnest(p_settlements) s WHERE s.cost > 0;

  INSERT INTO entry (journal_id, seq, account_id, amount, created_at)
  SELECT s.id, row_number() OVER (PARTITION BY s.id ORDER BY leg.ord), leg.account, leg.amount, v_at
  FROM unnest(p_settlements) s
  LEFT JOIN unnest(v_debtors, v_debts) d (payer, account) ON d.payer = s.payer
  CROSS JOIN LATERAL (VALUES
    (1, s.payer, s.cash), (2, d.account, s.shortfall), (3, s.seller, -s.seller_nanos), (4, s.fee, -s.fee_nanos)
  ) leg (ord, account, amount)
  WHERE leg.amount <> 0;

  UPDATE account a SET debits = a.debits + m.debits, credits = a.credits + m.credits, held = a.held - m.released
  FROM (
    SELECT leg.account, sum(leg.debit)::bigint AS debits, sum(leg.credit)::bigint AS credits,
      sum(leg.released)::bigint AS released
    FROM unnest(p_settlements) s
    LEFT JOIN unnest(v_debtors, v_debts) d (payer, account) ON d.payer = s.payer
    CROSS JOIN LATERAL (VALUES
      (s.payer, s.cash, 0, s.released), (d.account, s.shortfall, 0, 0), (s.seller, 0, s.seller_nanos, 0),
      (s.fee, 0, s.fee_nanos, 0)
    ) leg (account, debit, credit, released)
    GROUP BY leg.account
  ) m
  WHERE a.id = m.account;

  INSERT INTO usage_record (
    id, organisation_id, key_id, listing_id, seller_organisation_id, model, provider, uncached_input, cache_read,
    cache_write_5m, cache_write_1h, audio_input, output, audio_output, reasoning, usage_source, price, stream,
    finish_reason, started_at, duration_ms, ttft_ms, held_nanos, cost_nanos, seller_nanos, fee_nanos, shortfall_nanos,
    key_fingerprint, request_hash, response_hash, billed, settled_at
  )
  SELECT s.id, r.organisation, r.key, r.listing, r.seller, r.model, r.provider, r.input, r.cache_read, r.write_5m,
    r.write_1h, r.audio_input, r.output, r.audio_output, r.reasoning, r.source, r.price, r.stream, r.finish, r.started,
    r.duration, r.ttft, s.held, s.cost, s.seller_nanos, s.fee_nanos, s.shortfall,
    r.fingerprint, decode(r.request_hash, 'hex'), decode(r.response_hash, 'hex'), coalesce(r.billed, 'whole'),
    v_at
  FROM ROWS FROM (json_to_recordset(p_records) AS (
    organisation uuid, key uuid, listing uuid, seller uuid, model text, provider text, input bigint, cache_read bigint,
    write_5m bigint, write_1h bigint, audio_input bigint, output bigint, audio_output bigint, reasoning bigint,
    source text, price jsonb, stream boolean, finish text, started timestamptz, duration double precision,
    ttft double precision, fingerprint text, request_hash text, response_hash text,
    billed text
  )) WITH ORDINALITY AS r (
    organisation, key, listing, seller, model, provider, input, cache_read, write_5m, write_1h, audio_input, output,
    audio_output, reasoning, source, price, stream, finish, started, duration, ttft, fingerprint, request_hash,
    response_hash, billed, ord
  )
  JOIN unnest(p_settlements) s ON s.ord = r.ord;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count <> cardinality(p_settlements) THEN
    RAISE EXCEPTION 'a settlement came without its usage record' USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;

-- Other journals -----------------------------------------------------------------------------------------------------

-- The account of what an owner owes, for the accounts whose credits may pay it.
CREATE FUNCTION ledger.debt_key(p_code text, p_owner text) RETURNS text
  LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE p_code WHEN 'buyer_cash' THEN 'receivable_buyer:' WHEN 'seller_available' THEN 'receivable_seller:' END || p_owner
$$;

-- Posts one journal, once per (source, source_id, code): a repetition returns the stored one, with other entries it is
-- refused (SQLSTATE BL001). With `p_recover_debt`, what is credited to a buyer's cash or to a seller's available earnings
-- pays what he owes first. A reversal must undo the whole journal, and is itself posted once: it has one code.
CREATE OR REPLACE FUNCTION ledger.post(
  p_id uuid, p_code text, p_source text, p_source_id text, p_accounts bigint[], p_amounts bigint[], p_memo text,
  p_reverses uuid, p_recover_debt boolean
) RETURNS TABLE (journal_id uuid, fresh boolean)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_payload text;
  v_stored journal_source;
BEGIN
  IF p_source = 'request' OR p_code = 'request_settled' OR (p_reverses IS NOT NULL) <> (p_source = 'reversal')
    OR (p_source = 'reversal') <> (p_code = 'reversal') OR p_source_id IS NULL OR p_reverses::text <> p_source_id THEN
    RAISE EXCEPTION 'journal % of source % cannot be posted', p_code, p_source
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT string_agg(e.account || ':' || e.amount, ',' ORDER BY e.account, e.amount) INTO v_payload
  FROM unnest(p_accounts, p_amounts) e (account, amount);

  PERFORM FROM account
  WHERE id = ANY (p_accounts || ARRAY(
    SELECT d.id FROM account c JOIN account d ON d.key = debt_key(c.code, c.owner)
    WHERE p_recover_debt AND c.id = ANY (p_accounts)
  ))
  ORDER BY id FOR UPDATE;

  INSERT INTO journal_source (source, source_id, code, journal_id, payload)
  VALUES (p_source, p_source_id, p_code, p_id, v_payload) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    SELECT * INTO v_stored FROM journal_source s
    WHERE s.source = p_source AND s.source_id = p_source_id AND s.code = p_code;
    IF v_stored.payload <> v_payload THEN
      RAISE EXCEPTION 'journal % of %:% was posted with other entries', p_code, p_source, p_source_id
        USING ERRCODE = 'BL001';
    END IF;
    RETURN QUERY SELECT v_stored.journal_id, false;
    RETURN;
  END IF;

  PERFORM require_reversal(p_reverses, p_accounts, p_amounts) WHERE p_reverses IS NOT NULL;
  INSERT INTO journal (id, code, source, source_id, reverses_id, memo)
  VALUES (p_id, p_code, p_source, p_source_id, p_reverses, p_memo);
  PERFORM book_entries(p_id, p_accounts, p_amounts, p_recover_debt);
  RETURN QUERY SELECT p_id, true;
END
$$;

-- Entries of a journal that was just written, at its time.
CREATE OR REPLACE FUNCTION ledger.book_entries(
  p_journal uuid, p_accounts bigint[], p_amounts bigint[], p_recover_debt boolean
) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_expected integer;
  v_count integer;
  v_at timestamptz := (SELECT created_at FROM journal WHERE id = p_journal);
BEGIN
  IF cardinality(p_accounts) <> cardinality(p_amounts) OR cardinality(p_accounts) > 100 OR 0 = ANY (p_amounts)
    OR (SELECT count(DISTINCT e.account) FROM unnest(p_accounts) e (account)) <> cardinality(p_accounts) THEN
    RAISE EXCEPTION 'a journal has at most 100 entries, none of them zero, each on its own account'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  WITH asked AS (
    SELECT e.account, e.amount, e.ord, d.id AS debt,
      CASE WHEN d.id IS NULL THEN 0 ELSE least(-e.amount, d.debits - d.credits) END AS recovered
    FROM unnest(p_accounts, p_amounts) WITH ORDINALITY e (account, amount, ord)
    LEFT JOIN account c ON c.id = e.account AND e.amount < 0 AND p_recover_debt
    LEFT JOIN account d ON d.key = debt_key(c.code, c.owner) AND d.debits > d.credits AND NOT d.id = ANY (p_accounts)
  ), legs AS (
    SELECT a.ord, 1 AS part, a.account, a.amount + a.recovered AS amount FROM asked a
    UNION ALL
    SELECT a.ord, 2, a.debt, -a.recovered FROM asked a
  ), booked AS (
    INSERT INTO entry (journal_id, seq, account_id, amount, created_at)
    SELECT p_journal, row_number() OVER (ORDER BY l.ord, l.part), l.account, l.amount, v_at
    FROM legs l WHERE l.amount <> 0
    RETURNING account_id, amount
  ), counted AS (
    UPDATE account a SET debits = a.debits + greatest(b.amount, 0), credits = a.credits + greatest(-b.amount, 0)
    FROM booked b WHERE a.id = b.account_id
    RETURNING a.id
  )
  SELECT (SELECT count(*) FROM booked), (SELECT count(*) FROM counted) INTO v_expected, v_count;
  IF v_count <> v_expected THEN
    RAISE EXCEPTION 'journal % names an account that does not exist', p_journal
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;

SELECT ledger.hand_over(ARRAY['statement_horizon']);
