-- The same again is harmless; the same id with another body is refused, whatever of the body is another.

-- The places of settlements whose usage record or fee account is not what is booked under their id. Times are left out:
-- they say how long it took, not what it was.
CREATE FUNCTION ledger.contradictions(p_ids uuid[], p_fees bigint[], p_records json) RETURNS bigint[]
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  SELECT array_agg(a.ord)
  FROM unnest(p_ids, p_fees) WITH ORDINALITY AS a (id, fee, ord)
  JOIN usage_record u ON u.id = a.id
  JOIN ROWS FROM (json_to_recordset(p_records) AS (
    organisation uuid, key uuid, listing uuid, seller uuid, model text, provider text, input bigint, cache_read bigint,
    write_5m bigint, write_1h bigint, audio_input bigint, output bigint, audio_output bigint, reasoning bigint,
    source text, price jsonb, stream boolean, finish text, fingerprint text, request_hash text, response_hash text,
    billed text
  )) WITH ORDINALITY AS r (
    organisation, key, listing, seller, model, provider, input, cache_read, write_5m, write_1h, audio_input, output,
    audio_output, reasoning, source, price, stream, finish, fingerprint, request_hash, response_hash, billed, ord
  ) ON r.ord = a.ord
  WHERE (
      u.organisation_id, u.key_id, u.listing_id, u.seller_organisation_id, u.model, u.provider, u.uncached_input,
      u.cache_read, u.cache_write_5m, u.cache_write_1h, u.audio_input, u.output, u.audio_output, u.reasoning,
      u.usage_source, u.price, u.stream, u.finish_reason, u.key_fingerprint, u.request_hash, u.response_hash, u.billed
    ) IS DISTINCT FROM (
      r.organisation, r.key, r.listing, r.seller, r.model, r.provider, r.input, r.cache_read, r.write_5m, r.write_1h,
      r.audio_input, r.output, r.audio_output, r.reasoning, r.source, r.price, r.stream, r.finish, r.fingerprint,
      decode(r.request_hash, 'hex'), decode(r.response_hash, 'hex'), coalesce(r.billed, 'whole')
    )
    OR u.fee_nanos > 0 AND NOT EXISTS (SELECT FROM entry e WHERE e.journal_id = a.id AND e.account_id = a.fee)
$$;

-- One row per input, in input order. A known id gets its stored outcome, `mismatch` if it asks for something else.
-- Operations whose account and budget can pay for all of this batch are booked as sets; the others one by one in input
-- order, so that a poor request does not sink its neighbours. A rejection is stored as well: the same id never gets two answers.
CREATE OR REPLACE FUNCTION ledger.hold_batch(
  p_ids uuid[], p_payers bigint[], p_amounts bigint[], p_budgets uuid[], p_node_id text, p_node_epoch bigint
) RETURNS TABLE (
  outcome text, available bigint, held bigint, limit_nanos bigint, spent bigint, resets_at timestamptz
)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
  SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_expires_at timestamptz := now() + interval '90 seconds';
  v_oldest uuid := uuid_floor(now() - interval '1 day');
  v_newest uuid := uuid_floor(now() + interval '1 day');
  v_wrong uuid;
  v_ids uuid[];
  v_payers bigint[];
  v_amounts bigint[];
  v_budgets uuid[];
  v_fits boolean[];
BEGIN
  PERFORM FROM account WHERE id = ANY (p_payers) ORDER BY id FOR UPDATE;
  PERFORM lock_budgets(p_budgets) WHERE array_remove(p_budgets, NULL) <> '{}';

  -- A new statement, so it sees what was committed while the locks were waited for.
  WITH asked AS (
    SELECT DISTINCT ON (a.id) a.ord, a.id, a.payer, a.amount, b.id AS budget,
      b.limit_nanos - b.spent - b.held AS budget_left
    FROM unnest(p_ids, p_payers, p_amounts, p_budgets) WITH ORDINALITY AS a (id, payer, amount, budget, ord)
    LEFT JOIN budget b ON b.id = a.budget
    WHERE NOT EXISTS (SELECT FROM hold h WHERE h.id = a.id)
    ORDER BY a.id, a.ord
  ), judged AS (
    SELECT a.*,
      sum(a.amount) OVER (PARTITION BY a.payer) <= c.credits - c.debits - c.held
        AND coalesce(sum(a.amount) OVER (PARTITION BY a.budget) <= a.budget_left, true) AS fits,
      -- An id from another time could be held but not settled: its month may have no partition.
      a.amount >= 0 AND c.floored AND c.normal_side = 'credit'
        AND a.id >= v_oldest AND a.id < v_newest AS valid
    FROM asked a LEFT JOIN account c ON c.id = a.payer
  )
  SELECT array_agg(id ORDER BY ord), array_agg(payer ORDER BY ord), array_agg(amount ORDER BY ord),
    array_agg(budget ORDER BY ord), array_agg(fits ORDER BY ord),
    (array_agg(id) FILTER (WHERE valid IS NOT TRUE))[1]
  INTO v_ids, v_payers, v_amounts, v_budgets, v_fits, v_wrong
  FROM judged;
  IF v_wrong IS NOT NULL THEN
    RAISE EXCEPTION 'hold % has a negative amount, no account to hold on, or an id from another time', v_wrong
      USING ERRCODE = 'invalid_parameter_value';
  END IF;

  IF true = ANY (v_fits) THEN
    UPDATE account a SET held = a.held + f.amount
    FROM (
      SELECT f.payer, sum(f.amount)::bigint AS amount
      FROM unnest(v_payers, v_amounts, v_fits) AS f (payer, amount, fits) WHERE f.fits GROUP BY f.payer
    ) f
    WHERE a.id = f.payer;
    UPDATE budget b SET held = b.held + f.amount
    FROM (
      SELECT f.budget, sum(f.amount)::bigint AS amount
      FROM unnest(v_budgets, v_amounts, v_fits) AS f (budget, amount, fits)
      WHERE f.fits AND f.budget IS NOT NULL GROUP BY f.budget
    ) f
    WHERE b.id = f.budget;
    INSERT INTO hold (id, payer, amount, state, budget_id, node_id, node_epoch, expires_at)
    SELECT f.id, f.payer, f.amount, 'open', f.budget, p_node_id, p_node_epoch, v_expires_at
    FROM unnest(v_ids, v_payers, v_amounts, v_budgets, v_fits) AS f (id, payer, amount, budget, fits)
    WHERE f.fits;
  END IF;

  IF false = ANY (v_fits) THEN
    FOR i IN 1 .. cardinality(v_ids) LOOP
      CONTINUE WHEN v_fits[i];
      PERFORM hold_one(v_ids[i], v_payers[i], v_amounts[i], v_budgets[i], p_node_id, p_node_epoch, v_expires_at);
    END LOOP;
  END IF;

  RETURN QUERY
  SELECT
    CASE
      -- Without a budget it may have been held before that budget was made.
      WHEN h.payer <> a.payer OR h.amount <> a.amount OR h.budget_id IS DISTINCT FROM a.budget AND h.budget_id IS NOT NULL
        THEN 'mismatch'
      ELSE coalesce(h.refusal, 'held')
    END,
    CASE WHEN h.refusal IS NULL THEN c.credits - c.debits - c.held ELSE h.refused_available END,
    CASE WHEN h.refusal IS NULL THEN c.held ELSE h.refused_held END,
    h.refused_limit, h.refused_spent, h.refused_resets_at
  FROM unnest(p_ids, p_payers, p_amounts, p_budgets) WITH ORDINALITY AS a (id, payer, amount, budget, ord)
  JOIN hold h ON h.id = a.id
  JOIN account c ON c.id = h.payer
  ORDER BY a.ord;
END
$$;

-- One row per input, in input order: `settled` (now or before, as the same), `mismatch` (before, as something else),
-- `voided`, `rejected`, `unknown` (no such hold) or `invalid`.
-- A cost within its hold is always covered. Then, in input order, costs above it and those of expired holds take what
-- is free, and the rest becomes the payer's debt: what was served is never forgiven and no balance goes below zero.
CREATE OR REPLACE FUNCTION ledger.settle_batch(
  p_ids uuid[], p_costs bigint[], p_sellers bigint[], p_seller_nanos bigint[], p_fees bigint[], p_fee_nanos bigint[],
  p_records json
) RETURNS TABLE (outcome text, available bigint, shortfall bigint)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
  SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  v_settlements settlement[];
  v_budgets uuid[];
  v_contradictions bigint[];
BEGIN
  PERFORM FROM account
  WHERE id = ANY (ARRAY(SELECT payer FROM hold WHERE id = ANY (p_ids)) || p_sellers || p_fees) ORDER BY id FOR UPDATE;

  WITH asked AS (
    SELECT DISTINCT ON (a.id) a.*, h.payer, h.budget_id, h.amount, h.state
    FROM unnest(p_ids, p_costs, p_sellers, p_seller_nanos, p_fees, p_fee_nanos) WITH ORDINALITY
      AS a (id, cost, seller, seller_nanos, fee, fee_nanos, ord)
    JOIN hold h ON h.id = a.id AND h.state IN ('open', 'expired')
    JOIN account s ON s.id = a.seller AND s.code = 'seller_pending'
    JOIN account f ON f.id = a.fee AND f.code = 'platform_fee'
    WHERE a.seller_nanos >= 0 AND a.fee_nanos >= 0 AND a.cost = a.seller_nanos + a.fee_nanos
    ORDER BY a.id, a.ord
  ), weighed AS (
    SELECT a.*, CASE a.state WHEN 'open' THEN a.amount ELSE 0 END AS released,
      a.state = 'open' AND a.cost <= a.amount AS covered
    FROM asked a
  ), funded AS (
    SELECT w.*,
      c.credits - c.debits - c.held + sum(w.released) OVER of_payer
        - coalesce(sum(w.cost) FILTER (WHERE w.covered) OVER of_payer, 0)
        - coalesce(sum(w.cost) FILTER (WHERE NOT w.covered) OVER (
            PARTITION BY w.payer ORDER BY w.ord ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS free
    FROM weighed w JOIN account c ON c.id = w.payer
    WINDOW of_payer AS (PARTITION BY w.payer)
  ), paid AS (
    SELECT f.*, CASE WHEN f.covered THEN f.cost ELSE greatest(0, least(f.cost, f.free)) END::bigint AS cash FROM funded f
  )
  SELECT
    array_agg(ROW(
      p.ord, p.id, p.payer, p.budget_id, p.amount, p.released, p.cost, p.cash, p.cost - p.cash, p.seller,
      p.seller_nanos, p.fee, p.fee_nanos
    )::settlement ORDER BY p.ord),
    array_agg(p.budget_id) FILTER (WHERE p.budget_id IS NOT NULL)
  INTO v_settlements, v_budgets
  FROM paid p;

  IF v_settlements IS NOT NULL THEN
    PERFORM lock_budgets(v_budgets) WHERE v_budgets IS NOT NULL;
    PERFORM book_settlements(v_settlements, p_records);
  END IF;

  -- Some of them are not booked now: were they booked before, and as the same?
  IF cardinality(p_ids) > coalesce(cardinality(v_settlements), 0) THEN
    v_contradictions := contradictions(p_ids, p_fees, p_records);
  END IF;

  RETURN QUERY
  SELECT
    CASE
      WHEN h.id IS NULL THEN 'unknown'
      WHEN h.state IN ('open', 'expired') THEN 'invalid'
      WHEN h.state <> 'settled' THEN h.state
      WHEN a.ord = ANY (v_contradictions) THEN 'mismatch'
      WHEN (h.settled_amount, h.seller_account, h.seller_nanos, h.settled_amount - h.seller_nanos)
        = (a.cost, a.seller, a.seller_nanos, a.fee_nanos) THEN 'settled'
      ELSE 'mismatch'
    END,
    c.credits - c.debits - c.held,
    h.shortfall
  FROM unnest(p_ids, p_costs, p_sellers, p_seller_nanos, p_fee_nanos) WITH ORDINALITY
    AS a (id, cost, seller, seller_nanos, fee_nanos, ord)
  LEFT JOIN hold h ON h.id = a.id
  LEFT JOIN account c ON c.id = h.payer
  ORDER BY a.ord;
END
$$;

SELECT ledger.hand_over(ARRAY['hold_batch', 'settle_batch']);
