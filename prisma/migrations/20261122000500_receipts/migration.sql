-- Receipts: what was booked for a request, signed, so that whoever holds one can prove it without us.

-- Every public key that ever signed here. A key that is no longer used stays: its receipts must still verify.
CREATE TABLE ledger.signing_key (
  -- The RFC 7638 thumbprint, so that nobody can register a key under another one's name.
  kid text PRIMARY KEY,
  x text NOT NULL CHECK (x ~ '^[A-Za-z0-9_-]{43}$'),
  first_seen timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT signing_key_kid CHECK (
    kid = rtrim(translate(encode(
      sha256(('{"crv":"Ed25519","kty":"OKP","x":"' || x || '"}')::bytea), 'base64'
    ), '+/', '-_'), '=')
  )
);

-- One for each usage record, under its id. `payload` is canonical JSON; the signature is that of the JWS made of it.
CREATE TABLE ledger.receipt (
  id uuid PRIMARY KEY,
  kid text NOT NULL,
  payload text NOT NULL,
  signature bytea NOT NULL CHECK (octet_length(signature) = 64),
  signed_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (id);

-- What each key has spent, by UTC day. Follows the receipts, which come once per usage record.
CREATE TABLE ledger.key_usage (
  key_id uuid NOT NULL,
  day date NOT NULL,
  requests bigint NOT NULL,
  cost_nanos bigint NOT NULL,
  PRIMARY KEY (key_id, day)
) WITH (fillfactor = 70);

-- How far the search for unsigned usage has come. What was settled before `began_at` is signed when it is asked for.
CREATE TABLE ledger.receipt_progress (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  began_at timestamptz NOT NULL,
  signed_through timestamptz NOT NULL
);

-- Usage in the order it was booked: a request that is settled late has an old id. All rows of a batch share a value,
-- which the index keeps once.
CREATE INDEX usage_record_settled_idx ON ledger.usage_record (settled_at);

INSERT INTO ledger.receipt_progress (began_at, signed_through) VALUES (now(), now());
INSERT INTO ledger.key_usage (key_id, day, requests, cost_nanos)
SELECT u.key_id, (u.settled_at AT TIME ZONE 'UTC')::date, count(*), sum(u.cost_nanos)
FROM ledger.usage_record u WHERE u.settled_at < now() GROUP BY 1, 2;

-- Nobody rewrites a receipt or a key ---------------------------------------------------------------------------------

CREATE TRIGGER receipt_no_change BEFORE UPDATE OR DELETE ON ledger.receipt
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER receipt_no_truncate BEFORE TRUNCATE ON ledger.receipt
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER signing_key_no_change BEFORE UPDATE OR DELETE ON ledger.signing_key
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER signing_key_no_truncate BEFORE TRUNCATE ON ledger.signing_key
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.receipt ENABLE ALWAYS TRIGGER receipt_no_change;
ALTER TABLE ledger.receipt ENABLE ALWAYS TRIGGER receipt_no_truncate;
ALTER TABLE ledger.signing_key ENABLE ALWAYS TRIGGER signing_key_no_change;
ALTER TABLE ledger.signing_key ENABLE ALWAYS TRIGGER signing_key_no_truncate;

-- Makes the months from the previous one to `p_months_ahead` from now where they are missing; returns how many.
CREATE OR REPLACE FUNCTION ledger.ensure_partitions(p_months_ahead integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_table text;
  v_month timestamptz;
  v_made integer := 0;
BEGIN
  IF p_months_ahead NOT BETWEEN 1 AND 24 THEN
    RAISE EXCEPTION 'between 1 and 24 months ahead, not %', p_months_ahead USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('ledger.ensure_partitions'));
  FOR i IN -1 .. p_months_ahead LOOP
    v_month := (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => i)) AT TIME ZONE 'UTC';
    FOREACH v_table IN ARRAY ARRAY['journal', 'entry', 'usage_record', 'receipt'] LOOP
      IF to_regclass('ledger.' || v_table || to_char(v_month AT TIME ZONE 'UTC', '"_"YYYY"_"MM')) IS NULL THEN
        PERFORM create_partition(v_table, v_month);
        v_made := v_made + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN v_made;
END
$$;

-- A receipt may be asked for long after its month: one for each month that has usage.
DO $$
DECLARE
  v_month text;
BEGIN
  FOR v_month IN
    SELECT right(relname, 7) FROM pg_class
    WHERE oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'ledger.usage_record'::regclass) ORDER BY 1
  LOOP
    PERFORM ledger.create_partition('receipt', to_timestamp(v_month || ' +00', 'YYYY_MM TZH'));
  END LOOP;
END
$$;

-- The guards that are absent or could be switched off, on every table and each of its partitions.
CREATE OR REPLACE FUNCTION ledger.missing_triggers() RETURNS SETOF text
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  WITH RECURSIVE guards (guarded, guard) AS (
    VALUES ('journal', '_no_change'), ('journal', '_no_truncate'), ('entry', '_no_change'), ('entry', '_no_truncate'),
      ('entry', '_balanced'), ('usage_record', '_no_change'), ('usage_record', '_no_truncate'),
      ('journal_source', '_no_change'), ('journal_source', '_no_truncate'), ('account', '_no_delete'),
      ('account', '_no_truncate'), ('account', '_only_grows'), ('hold', '_moves_once'), ('receipt', '_no_change'),
      ('receipt', '_no_truncate'), ('signing_key', '_no_change'), ('signing_key', '_no_truncate')
  ), tables (guarded, id) AS (
    SELECT DISTINCT g.guarded, to_regclass('ledger.' || g.guarded)::oid FROM guards g
    UNION ALL
    SELECT t.guarded, i.inhrelid FROM tables t JOIN pg_inherits i ON i.inhparent = t.id
  )
  SELECT format('%s lacks %s%s', t.id::regclass, g.guarded, g.guard)
  FROM tables t JOIN guards g ON g.guarded = t.guarded
  WHERE NOT EXISTS (
    SELECT FROM pg_trigger r WHERE r.tgrelid = t.id AND r.tgname = g.guarded || g.guard AND r.tgenabled = 'A'
  )
$$;

-- What the gateway calls ---------------------------------------------------------------------------------------------

-- Looks at no more than `p_limit` usage records booked after the cursor and before `p_until`, and returns those without
-- a receipt, beside the last one it looked at: the cursor to go on from. No row: there is nothing after the cursor.
CREATE FUNCTION ledger.unsigned_usage(p_after timestamptz, p_after_id uuid, p_until timestamptz, p_limit integer)
  RETURNS TABLE (id uuid, settled_at timestamptz, signed boolean)
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  -- Along the index and no further than the limit, however old the statistics are: another plan reads and sorts the
  -- whole backlog for each step through it.
  SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET enable_hashjoin = off
AS $$
#variable_conflict use_column
BEGIN
  IF p_limit NOT BETWEEN 1 AND 10000 THEN
    RAISE EXCEPTION 'between 1 and 10000 records at a time, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
  END IF;
  RETURN QUERY
  WITH seen AS (
    SELECT u.id, u.settled_at FROM usage_record u
    WHERE u.settled_at >= p_after AND (u.settled_at, u.id) > (p_after, p_after_id) AND u.settled_at < p_until
    ORDER BY u.settled_at, u.id LIMIT p_limit
  ), told AS (
    SELECT s.id, s.settled_at, EXISTS (SELECT FROM receipt r WHERE r.id = s.id) AS signed,
      row_number() OVER (ORDER BY s.settled_at DESC, s.id DESC) = 1 AS last
    FROM seen s
  )
  SELECT t.id, t.settled_at, t.signed FROM told t WHERE t.last OR NOT t.signed ORDER BY t.settled_at, t.id;
END
$$;

-- Keeps receipts, the first for each usage record; returns how many were new. `p_payloads` are lines, in the order of
-- the ids, and `p_signatures` are 64 bytes each: a client builds both without quoting anything.
CREATE FUNCTION ledger.store_receipts(
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
  ), spent AS (
    INSERT INTO key_usage (key_id, day, requests, cost_nanos)
    SELECT u.key_id, (u.settled_at AT TIME ZONE 'UTC')::date AS day, count(*), sum(u.cost_nanos)
    FROM stored s JOIN usage_record u ON u.id = s.id
    WHERE u.settled_at >= (SELECT began_at FROM receipt_progress)
    GROUP BY u.key_id, day ORDER BY u.key_id, day
    ON CONFLICT (key_id, day) DO UPDATE SET
      requests = key_usage.requests + excluded.requests, cost_nanos = key_usage.cost_nanos + excluded.cost_nanos
  )
  SELECT count(*) INTO v_stored FROM stored;
  RETURN v_stored;
END
$$;

-- Remembers that whatever was settled before `p_through` has been looked at.
CREATE FUNCTION ledger.signed_through(p_through timestamptz) RETURNS void
  LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  UPDATE receipt_progress SET signed_through = p_through WHERE signed_through < p_through AND p_through <= now()
$$;

SELECT ledger.hand_over(ARRAY['unsigned_usage', 'store_receipts', 'signed_through']);
