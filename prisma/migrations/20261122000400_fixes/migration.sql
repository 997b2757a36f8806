-- What the model of the ledger found.

-- A request that was written off is never billed after all: the seller would be paid twice, by us and by the buyer.
-- A restart releases the holds of its earlier life before it writes anything off, so an expired hold may be voided too.
DROP TRIGGER hold_moves_once ON ledger.hold;
CREATE TRIGGER hold_moves_once BEFORE UPDATE ON ledger.hold
  FOR EACH ROW
  WHEN (
    NEW.id <> OLD.id OR NEW.payer <> OLD.payer OR NEW.amount <> OLD.amount
    OR NEW.budget_id IS DISTINCT FROM OLD.budget_id
    OR NOT (
      OLD.state = 'open' AND NEW.state IN ('open', 'settled', 'voided', 'expired')
      OR OLD.state = 'expired' AND NEW.state IN ('settled', 'voided')
    )
  )
  EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.hold ENABLE ALWAYS TRIGGER hold_moves_once;

-- What was served and is not billed, because we broke it: the buyer's hold is released and the seller gets his share
-- from us, once per request. One row per input: `written_off` (now or before), `voided` when there was nothing to pay,
-- or `settled` when the request was billed after all. A settlement that comes later is answered `voided`.
CREATE OR REPLACE FUNCTION ledger.write_off_batch(
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
  UPDATE hold SET state = 'voided', reason = 'served, not billed' WHERE id = ANY (p_ids) AND state = 'expired';
  FOR i IN 1 .. cardinality(p_ids) LOOP
    outcome := write_off_one(p_ids[i], p_journals[i], p_sellers[i], p_nanos[i], p_memos[i], p_loss);
    RETURN NEXT;
  END LOOP;
END
$$;

-- Sets or, without a limit, lifts a budget. What it has counted stays, but for a window that is over: a month's limit that
-- becomes a day's still knows what was spent today. How long a lifted one was lifted tells whether its window is over.
CREATE OR REPLACE FUNCTION ledger.set_budget(p_id uuid, p_limit bigint, p_period text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
BEGIN
  PERFORM lock_budgets(ARRAY[p_id]);
  INSERT INTO budget AS b (id, limit_nanos, period, window_start)
  VALUES (p_id, p_limit, p_period, coalesce(window_start(p_period, now()), now()))
  ON CONFLICT (id) DO UPDATE
  SET limit_nanos = excluded.limit_nanos, period = excluded.period, window_start = excluded.window_start,
    spent = CASE WHEN b.period = 'none' AND excluded.period <> 'none' AND b.window_start < excluded.window_start
      THEN 0 ELSE b.spent END;
END
$$;

SELECT ledger.hand_over(ARRAY['write_off_batch', 'set_budget']);
