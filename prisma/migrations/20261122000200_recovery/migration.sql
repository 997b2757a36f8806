-- What a crash leaves behind, and what a receipt needs.

-- Which key asked and what exactly was asked and answered, as SHA-256: a receipt can be held against the bytes.
-- Null where a request was booked before these were kept.
ALTER TABLE ledger.usage_record
  ADD COLUMN key_fingerprint text,
  ADD COLUMN request_hash bytea CHECK (octet_length(request_hash) = 32),
  ADD COLUMN response_hash bytea CHECK (octet_length(response_hash) = 32),
  -- What its cost covers: all that the upstream reported, what was delivered to a client that left or was cut off,
  -- or nothing, because the answer was empty.
  ADD COLUMN billed text NOT NULL DEFAULT 'whole' CHECK (billed IN ('whole', 'delivered', 'nothing'));

-- Writes the settlements that settle_batch has weighed: holds, budgets, journals, entries, counters, usage.
CREATE OR REPLACE FUNCTION ledger.book_settlements(p_settlements ledger.settlement[], p_records json) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_debtors bigint[];
  v_debts bigint[];
  v_count integer;
BEGIN
  v_debtors := ARRAY(SELECT DISTINCT s.payer FROM unnest(p_settlements) s WHERE s.shortfall > 0 ORDER BY 1);
  v_debts := ARRAY(SELECT open_receivable(d.payer) FROM unnest(v_debtors) WITH ORDINALITY d (payer, ord) ORDER BY d.ord);

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

  INSERT INTO journal (id, code, source)
  SELECT s.id, 'request_settled', 'request' FROM unnest(p_settlements) s WHERE s.cost > 0;

  INSERT INTO entry (journal_id, seq, account_id, amount)
  SELECT s.id, row_number() OVER (PARTITION BY s.id ORDER BY leg.ord), leg.account, leg.amount
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
    key_fingerprint, request_hash, response_hash, billed
  )
  SELECT s.id, r.organisation, r.key, r.listing, r.seller, r.model, r.provider, r.input, r.cache_read, r.write_5m,
    r.write_1h, r.audio_input, r.output, r.audio_output, r.reasoning, r.source, r.price, r.stream, r.finish, r.started,
    r.duration, r.ttft, s.held, s.cost, s.seller_nanos, s.fee_nanos, s.shortfall,
    r.fingerprint, decode(r.request_hash, 'hex'), decode(r.response_hash, 'hex'), coalesce(r.billed, 'whole')
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

-- What was served and is not billed, because we broke it: the buyer's hold is released and the seller gets his share
-- from us, once per request. One row per input: `written_off` (now or before), `voided` when there was nothing to pay,
-- or `settled` when the request was billed after all.
CREATE FUNCTION ledger.write_off_batch(
  p_ids uuid[], p_journals uuid[], p_sellers bigint[], p_nanos bigint[], p_memos text[], p_loss bigint
) RETURNS TABLE (outcome text)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
AS $$
BEGIN
  PERFORM FROM account
  WHERE id = ANY (ARRAY(SELECT payer FROM hold WHERE id = ANY (p_ids)) || p_sellers || p_loss) ORDER BY id FOR UPDATE;
  PERFORM release_holds(p_ids, array_fill('served, not billed'::text, ARRAY[cardinality(p_ids)]), 'voided');
  FOR i IN 1 .. cardinality(p_ids) LOOP
    outcome := write_off_one(p_ids[i], p_journals[i], p_sellers[i], p_nanos[i], p_memos[i], p_loss);
    RETURN NEXT;
  END LOOP;
END
$$;

-- One operation of write_off_batch, which has locked the accounts and released the hold.
CREATE FUNCTION ledger.write_off_one(
  p_id uuid, p_journal uuid, p_seller bigint, p_nanos bigint, p_memo text, p_loss bigint
) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
BEGIN
  IF p_nanos < 0 OR NOT EXISTS (SELECT FROM account WHERE id = p_seller AND code = 'seller_pending')
    OR NOT EXISTS (SELECT FROM account WHERE id = p_loss AND code = 'unbilled_usage_loss') THEN
    RAISE EXCEPTION 'request % cannot be written off', p_id USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF EXISTS (SELECT FROM hold WHERE id = p_id AND state = 'settled') THEN
    RETURN 'settled';
  END IF;
  IF p_nanos = 0 THEN
    RETURN 'voided';
  END IF;
  INSERT INTO journal_source (source, source_id, code, journal_id, payload)
  VALUES ('unbilled', p_id::text, 'unbilled_usage', p_journal, p_seller || ':' || p_nanos) ON CONFLICT DO NOTHING;
  IF FOUND THEN
    INSERT INTO journal (id, code, source, source_id, memo)
    VALUES (p_journal, 'unbilled_usage', 'unbilled', p_id::text, p_memo);
    PERFORM book_entries(p_journal, ARRAY[p_loss, p_seller], ARRAY[p_nanos, -p_nanos], false);
  END IF;
  RETURN 'written_off';
END
$$;

-- For migrations: gives what they made in this schema to the role that owns the ledger, and lets the gateway read the
-- tables and call the functions named. Without those roles the migrating user stays the owner.
CREATE FUNCTION ledger.hand_over(p_callable text[]) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_command text;
  v_owner oid := (SELECT oid FROM pg_roles WHERE rolname = 'ledger_owner');
  v_gateway boolean := EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway_app');
BEGIN
  IF (SELECT nspowner FROM pg_namespace WHERE nspname = 'ledger') = v_owner THEN
    FOR v_command IN
      SELECT format('ALTER TABLE %s OWNER TO ledger_owner', oid::regclass)
      FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p') AND relowner <> v_owner
      UNION ALL
      SELECT format('ALTER ROUTINE %s OWNER TO ledger_owner', oid::regprocedure)
      FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace AND proowner <> v_owner
    LOOP
      EXECUTE v_command;
    END LOOP;
  END IF;
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
  IF v_gateway THEN
    GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO gateway_app;
    FOR v_command IN
      SELECT format('GRANT EXECUTE ON FUNCTION %s TO gateway_app', oid::regprocedure)
      FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace AND proname = ANY (p_callable)
    LOOP
      EXECUTE v_command;
    END LOOP;
  END IF;
END
$$;

SELECT ledger.hand_over(ARRAY['write_off_batch']);
