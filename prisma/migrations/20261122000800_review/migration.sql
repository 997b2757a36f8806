-- What a review of the crash path found.

-- One operation of write_off_batch, which has locked the accounts and released the hold. Only a hold that a write-off
-- released is paid for: one that was voided for another reason is nobody's loss, and one that does not exist is not a
-- request of these books.
CREATE OR REPLACE FUNCTION ledger.write_off_one(
  p_id uuid, p_journal uuid, p_seller bigint, p_nanos bigint, p_memo text, p_loss bigint
) RETURNS text
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_state text;
  v_reason text;
BEGIN
  IF p_nanos < 0 OR NOT EXISTS (SELECT FROM account WHERE id = p_seller AND code = 'seller_pending')
    OR NOT EXISTS (SELECT FROM account WHERE id = p_loss AND code = 'unbilled_usage_loss') THEN
    RAISE EXCEPTION 'request % cannot be written off', p_id USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT state, reason INTO v_state, v_reason FROM hold WHERE id = p_id;
  IF v_state = 'settled' THEN
    RETURN 'settled';
  END IF;
  IF v_reason IS DISTINCT FROM 'served, not billed' OR p_nanos = 0 THEN
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

-- The ids of several accounts, opened on first use; one row per input, in input order.
CREATE FUNCTION ledger.open_accounts(p_codes text[], p_owners text[]) RETURNS TABLE (id bigint)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  -- In one order everywhere, so that two gateways that open the same accounts do not wait for each other.
  PERFORM open_account(a.code, a.owner)
  FROM (SELECT DISTINCT u.code, u.owner FROM unnest(p_codes, p_owners) u (code, owner)) a
  WHERE NOT EXISTS (
    SELECT FROM account c WHERE c.key = a.code || CASE WHEN a.owner IS NULL THEN '' ELSE ':' || a.owner END
  )
  ORDER BY a.code, a.owner;
  RETURN QUERY
  SELECT open_account(u.code, u.owner) FROM unnest(p_codes, p_owners) WITH ORDINALITY u (code, owner, ord) ORDER BY u.ord;
END
$$;

SELECT ledger.hand_over(ARRAY['open_accounts']);
