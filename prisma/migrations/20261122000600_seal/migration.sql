-- The seal: a chain of hashes over what was booked, made after the fact, so that a change that got past every guard
-- still shows. A block holds the journals, and the free requests, of a range of transactions that have all ended:
-- by transaction and not by id, because a lower id may be committed after a higher one. Inside a block they go by id.
--
-- Whoever may append to the chain could append nonsense; the audit recomputes every block and names it. Whoever may
-- rewrite everything could make a chain anew; only a head that was written down elsewhere (the anchor) shows that.

-- Transaction numbers begin again in another cluster, as after a restore from a dump, so a row says by which cluster's
-- count it goes. The default is a constant that begin_epoch changes: it costs nothing per row.
ALTER TABLE ledger.journal ADD COLUMN epoch integer NOT NULL DEFAULT 1;
-- Requests that cost nothing have no journal to be sealed with. Rows from before get this transaction's number.
ALTER TABLE ledger.usage_record
  ADD COLUMN epoch integer NOT NULL DEFAULT 1,
  ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE INDEX journal_xid_idx ON ledger.journal (epoch, xid);
CREATE INDEX usage_record_xid_idx ON ledger.usage_record (epoch, xid);
CREATE INDEX dead_letter_open_idx ON ledger.dead_letter (id) WHERE resolved_at IS NULL;

-- Which cluster counted in which epoch. `chain` names these books for ever, so that the anchors of two are not confused.
CREATE TABLE ledger.seal_epoch (
  epoch integer PRIMARY KEY CHECK (epoch > 0),
  chain text NOT NULL,
  system_identifier text NOT NULL,
  begun_at timestamptz NOT NULL DEFAULT now()
);

-- The cluster's own number; `unknown` where a hosted server does not tell.
CREATE FUNCTION ledger.cluster_number() RETURNS text
  LANGUAGE plpgsql STABLE
  SET search_path = pg_catalog
AS $$
BEGIN
  RETURN (SELECT c.system_identifier::text FROM pg_control_system() c);
EXCEPTION
  WHEN insufficient_privilege THEN
    RETURN 'unknown';
END
$$;

INSERT INTO ledger.seal_epoch (epoch, chain, system_identifier)
VALUES (1, 'books-' || left(replace(gen_random_uuid()::text, '-', ''), 16), ledger.cluster_number());

CREATE TABLE ledger.seal (
  chain text NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  -- How the bytes under the hash are laid out.
  format smallint NOT NULL,
  -- What is in the block: of this epoch, from_xid < xid <= to_xid.
  epoch integer NOT NULL REFERENCES ledger.seal_epoch,
  from_xid xid8 NOT NULL,
  to_xid xid8 NOT NULL,
  journals bigint NOT NULL CHECK (journals >= 0),
  free_requests bigint NOT NULL CHECK (free_requests >= 0),
  -- In nano-dollars; a sum of many bigints needs more room than one.
  sum_debits numeric NOT NULL CHECK (sum_debits >= 0),
  sealed_at timestamptz NOT NULL,
  prev_hash bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  -- A short checksum per row, so that an audit can name the row and not only the block. It proves nothing by itself.
  locators bytea NOT NULL,
  PRIMARY KEY (chain, seq),
  CHECK (from_xid < to_xid)
);

CREATE TRIGGER seal_no_change BEFORE UPDATE OR DELETE ON ledger.seal
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER seal_no_truncate BEFORE TRUNCATE ON ledger.seal
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER seal_epoch_no_change BEFORE UPDATE OR DELETE ON ledger.seal_epoch
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER seal_epoch_no_truncate BEFORE TRUNCATE ON ledger.seal_epoch
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
ALTER TABLE ledger.seal ENABLE ALWAYS TRIGGER seal_no_change;
ALTER TABLE ledger.seal ENABLE ALWAYS TRIGGER seal_no_truncate;
ALTER TABLE ledger.seal_epoch ENABLE ALWAYS TRIGGER seal_epoch_no_change;
ALTER TABLE ledger.seal_epoch ENABLE ALWAYS TRIGGER seal_epoch_no_truncate;

-- Begins a new epoch when this is not the cluster that the last one was counted in; returns the epoch. To be called
-- at every start, before anything is booked. Where clusters do not tell their numbers, transactions from the future do.
CREATE FUNCTION ledger.begin_epoch() RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_here text := cluster_number();
  v_last seal_epoch;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('ledger.begin_epoch'));
  SELECT * INTO v_last FROM seal_epoch ORDER BY epoch DESC LIMIT 1;
  IF (v_last.system_identifier = v_here OR 'unknown' IN (v_last.system_identifier, v_here)) AND NOT EXISTS (
    SELECT FROM journal WHERE epoch = v_last.epoch AND xid >= pg_snapshot_xmax(pg_current_snapshot())
  ) THEN
    RETURN v_last.epoch;
  END IF;
  INSERT INTO seal_epoch (epoch, chain, system_identifier) VALUES (v_last.epoch + 1, v_last.chain, v_here);
  EXECUTE format('ALTER TABLE ledger.journal ALTER COLUMN epoch SET DEFAULT %s', v_last.epoch + 1);
  EXECUTE format('ALTER TABLE ledger.usage_record ALTER COLUMN epoch SET DEFAULT %s', v_last.epoch + 1);
  RETURN v_last.epoch + 1;
END
$$;

-- Below this every transaction of the epoch has ended, and what it booked can be seen. Those of an earlier cluster
-- ended with it.
CREATE FUNCTION ledger.seal_horizon(p_epoch integer) RETURNS xid8
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  SELECT CASE
    WHEN p_epoch = (SELECT max(epoch) FROM seal_epoch) THEN pg_snapshot_xmin(pg_current_snapshot())
    ELSE '18446744073709551615'::xid8
  END
$$;

-- The last transaction of a block of about `p_limit` journals and at most as many usage records; null when there are none.
-- What one transaction booked stays together, however much it is.
CREATE FUNCTION ledger.block_end(p_epoch integer, p_from xid8, p_limit integer) RETURNS xid8
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
AS $$
DECLARE
  v_horizon xid8 := seal_horizon(p_epoch);
BEGIN
  RETURN coalesce(
    least(
      (SELECT xid FROM journal WHERE epoch = p_epoch AND xid > p_from AND xid < v_horizon ORDER BY xid OFFSET p_limit - 1 LIMIT 1),
      (SELECT xid FROM usage_record WHERE epoch = p_epoch AND xid > p_from AND xid < v_horizon ORDER BY xid OFFSET p_limit - 1 LIMIT 1)
    ),
    greatest(
      (SELECT xid FROM journal WHERE epoch = p_epoch AND xid > p_from AND xid < v_horizon ORDER BY xid DESC LIMIT 1),
      (SELECT xid FROM usage_record WHERE epoch = p_epoch AND xid > p_from AND xid < v_horizon ORDER BY xid DESC LIMIT 1)
    )
  );
END
$$;

-- What to seal next: nothing, or the range of one block, right after the head.
CREATE FUNCTION ledger.next_block(p_limit integer) RETURNS TABLE (
  chain text, seq bigint, prev_hash bytea, epoch integer, from_xid xid8, to_xid xid8, sealed_at timestamptz
)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  v_head seal;
  v_last seal_epoch;
  v_epoch integer;
  v_from xid8;
  v_to xid8;
BEGIN
  IF p_limit NOT BETWEEN 1 AND 100000 THEN
    RAISE EXCEPTION 'a block has between 1 and 100000 journals, not %', p_limit USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT * INTO v_last FROM seal_epoch ORDER BY epoch DESC LIMIT 1;
  SELECT * INTO v_head FROM seal s WHERE s.chain = v_last.chain ORDER BY s.seq DESC LIMIT 1;
  v_epoch := coalesce(v_head.epoch, 1);
  v_from := coalesce(v_head.to_xid, '0');
  LOOP
    v_to := block_end(v_epoch, v_from, p_limit);
    EXIT WHEN v_to IS NOT NULL OR v_epoch >= v_last.epoch;
    v_epoch := v_epoch + 1;
    v_from := '0';
  END LOOP;
  RETURN QUERY
  SELECT v_last.chain, coalesce(v_head.seq, 0) + 1, coalesce(v_head.hash, decode(repeat('00', 32), 'hex')), v_epoch,
    v_from, v_to, clock_timestamp()
  WHERE v_to IS NOT NULL;
END
$$;

-- Appends a block; false when another node has sealed in the meantime. Refuses (SQLSTATE BL002) what does not continue
-- the chain, reaches past the horizon, or does not count what is in the books.
CREATE FUNCTION ledger.append_seal(p_block json) RETURNS boolean
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
AS $$
DECLARE
  v_new seal := json_populate_record(NULL::seal, p_block);
  v_last seal_epoch;
  v_head seal;
  v_journals bigint;
  v_debits numeric;
  v_free bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('ledger.seal'));
  SELECT * INTO v_last FROM seal_epoch ORDER BY epoch DESC LIMIT 1;
  SELECT * INTO v_head FROM seal s WHERE s.chain = v_last.chain ORDER BY s.seq DESC LIMIT 1;
  IF v_new.seq <= v_head.seq THEN
    RETURN false;
  END IF;
  SELECT count(*), sum((SELECT sum(e.amount) FROM entry e WHERE e.journal_id = j.id AND e.amount > 0))
  INTO v_journals, v_debits
  FROM journal j WHERE j.epoch = v_new.epoch AND j.xid > v_new.from_xid AND j.xid <= v_new.to_xid;
  SELECT count(*) INTO v_free
  FROM usage_record u WHERE u.epoch = v_new.epoch AND u.xid > v_new.from_xid AND u.xid <= v_new.to_xid
    AND (SELECT count(*) FROM journal j WHERE j.id = u.id) = 0;
  IF (v_new.chain, v_new.seq, v_new.prev_hash)
      IS DISTINCT FROM (v_last.chain, coalesce(v_head.seq, 0) + 1, coalesce(v_head.hash, decode(repeat('00', 32), 'hex')))
    OR (v_new.epoch, v_new.from_xid) IS DISTINCT FROM (coalesce(v_head.epoch, 1), coalesce(v_head.to_xid, '0'))
      AND NOT (
        v_new.from_xid = '0' AND v_new.epoch > coalesce(v_head.epoch, 1) AND v_new.epoch <= v_last.epoch
        AND NOT EXISTS (
          SELECT FROM generate_series(coalesce(v_head.epoch, 1), v_new.epoch - 1) e (epoch)
          WHERE block_end(e.epoch, CASE e.epoch WHEN v_head.epoch THEN v_head.to_xid ELSE '0' END, 1) IS NOT NULL
        )
      )
    OR v_new.to_xid >= seal_horizon(v_new.epoch)
    OR (v_new.journals, v_new.free_requests, v_new.sum_debits) IS DISTINCT FROM (v_journals, v_free, coalesce(v_debits, 0)) THEN
    RAISE EXCEPTION 'block % does not continue the chain: % journals, % free requests, % debits are in the books',
      v_new.seq, v_journals, v_free, v_debits USING ERRCODE = 'BL002';
  END IF;
  INSERT INTO seal SELECT v_new.*;
  RETURN true;
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
      ('receipt', '_no_truncate'), ('signing_key', '_no_change'), ('signing_key', '_no_truncate'),
      ('seal', '_no_change'), ('seal', '_no_truncate'), ('seal_epoch', '_no_change'), ('seal_epoch', '_no_truncate')
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

SELECT ledger.hand_over(ARRAY['begin_epoch', 'next_block', 'append_seal']);
