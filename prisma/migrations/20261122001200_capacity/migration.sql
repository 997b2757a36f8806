-- What a listing, and each of its models, may carry in a day and a month; and what it has carried, so that a restart
-- does not begin a spent day anew.

ALTER TABLE "listing" ADD COLUMN     "nanosPerDay" BIGINT,
ADD COLUMN     "nanosPerMonth" BIGINT,
ADD COLUMN     "tokensPerDay" BIGINT,
ADD COLUMN     "tokensPerMonth" BIGINT;

ALTER TABLE "listing_model" ADD COLUMN     "capacity" JSONB;

ALTER TABLE "listing" ADD CONSTRAINT listing_calendar_limits CHECK (
  "tokensPerDay" > 0 AND "tokensPerMonth" > 0 AND "nanosPerDay" > 0 AND "nanosPerMonth" > 0
);

-- What each model of each listing has served, by UTC day of the booking. Follows the receipts, which come once per usage
-- record; what is booked and has no receipt yet is added by whoever reads it.
CREATE TABLE ledger.listing_usage (
  listing_id uuid NOT NULL,
  model text NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  tokens bigint NOT NULL,
  cost_nanos bigint NOT NULL,
  PRIMARY KEY (listing_id, model, day)
) WITH (fillfactor = 70);

CREATE INDEX listing_usage_day_idx ON ledger.listing_usage (day);

-- As in 000500, and counts the listing's day beside the key's.
CREATE OR REPLACE FUNCTION ledger.store_receipts(
  p_kid text, p_x text, p_ids uuid[], p_payloads text, p_signatures bytea
) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
AS $$
DECLARE
  v_payloads text[] := string_to_array(p_payloads, E'\n');
  v_stored integer;
BEGIN
  IF cardinality(v_payloads) <> cardinality(p_ids) OR octet_length(p_signatures) <> 64 * cardinality(p_ids) THEN
    RAISE EXCEPTION '% ids come with % payloads and % bytes of signatures', cardinality(p_ids),
      cardinality(v_payloads), octet_length(p_signatures) USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO signing_key (kid, x)
  SELECT p_kid, p_x WHERE NOT EXISTS (SELECT FROM signing_key k WHERE k.kid = p_kid) ON CONFLICT DO NOTHING;

  WITH stored AS (
    INSERT INTO receipt (id, kid, payload, signature)
    SELECT u.id, p_kid, g.payload, substring(p_signatures FROM (g.ord * 64 - 63)::integer FOR 64)
    FROM unnest(p_ids, v_payloads) WITH ORDINALITY g (id, payload, ord)
    JOIN usage_record u ON u.id = g.id
    -- Sorted, here and below, so that two nodes with the same requests wait for each other in the same order.
    ORDER BY g.id
    ON CONFLICT DO NOTHING
    RETURNING id
  ), served AS (
    SELECT u.key_id, u.listing_id, u.model, (u.settled_at AT TIME ZONE 'UTC')::date AS day, u.cost_nanos,
      -- Prompt and completion, as a seller's account at the provider counts them.
      u.uncached_input + u.cache_read + u.cache_write_5m + u.cache_write_1h + u.audio_input + u.output + u.audio_output AS tokens
    FROM stored s JOIN usage_record u ON u.id = s.id
    WHERE u.settled_at >= (SELECT began_at FROM receipt_progress)
  ), spent AS (
    INSERT INTO key_usage (key_id, day, requests, cost_nanos)
    SELECT key_id, day, count(*), sum(cost_nanos) FROM served
    GROUP BY key_id, day ORDER BY key_id, day
    ON CONFLICT (key_id, day) DO UPDATE SET
      requests = key_usage.requests + excluded.requests, cost_nanos = key_usage.cost_nanos + excluded.cost_nanos
  ), carried AS (
    INSERT INTO listing_usage (listing_id, model, day, requests, tokens, cost_nanos)
    SELECT listing_id, model, day, count(*), sum(tokens), sum(cost_nanos) FROM served
    GROUP BY listing_id, model, day ORDER BY listing_id, model, day
    ON CONFLICT (listing_id, model, day) DO UPDATE SET
      requests = listing_usage.requests + excluded.requests, tokens = listing_usage.tokens + excluded.tokens,
      cost_nanos = listing_usage.cost_nanos + excluded.cost_nanos
  )
  SELECT count(*) INTO v_stored FROM stored;
  RETURN v_stored;
END
$$;

-- What the receipts have counted so far. A record that is not signed yet is counted when it is; one from before there were
-- receipts is counted here, because signing it later counts nothing.
LOCK TABLE ledger.receipt IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO ledger.listing_usage (listing_id, model, day, requests, tokens, cost_nanos)
SELECT u.listing_id, u.model, (u.settled_at AT TIME ZONE 'UTC')::date, count(*),
  sum(u.uncached_input + u.cache_read + u.cache_write_5m + u.cache_write_1h + u.audio_input + u.output + u.audio_output),
  sum(u.cost_nanos)
FROM ledger.usage_record u
WHERE u.settled_at < (SELECT began_at FROM ledger.receipt_progress) OR EXISTS (SELECT FROM ledger.receipt r WHERE r.id = u.id)
GROUP BY 1, 2, 3;

SELECT ledger.hand_over(ARRAY['store_receipts']);
