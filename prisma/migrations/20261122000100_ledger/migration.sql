-- The ledger: double entry in nano-dollars. Debit is positive, credit negative; every journal sums to zero.
-- Nobody writes these tables but the functions below, which run as their owner and keep the invariants.
--
-- Locks, in this order in every writer: accounts by id, then budgets by id. The lock on a payer's account also covers
-- its holds: whoever changes a hold's state has locked the payer first, so holds need no order of their own.

CREATE SCHEMA ledger;

-- Tables ------------------------------------------------------------------------------------------------------------

CREATE TABLE ledger.account_code (
  code text PRIMARY KEY,
  number integer NOT NULL UNIQUE,
  class text NOT NULL CHECK (class IN ('asset', 'liability', 'equity', 'income', 'expense')),
  normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
  -- The balance less what is held never falls below zero.
  floored boolean NOT NULL,
  owned boolean NOT NULL
);

INSERT INTO ledger.account_code (number, code, class, normal_side, floored, owned) VALUES
  (1010, 'stripe_clearing', 'asset', 'debit', false, false),
  (1020, 'bank', 'asset', 'debit', false, false),
  (1030, 'payouts_in_transit', 'asset', 'debit', true, false),
  (1110, 'receivable_buyer', 'asset', 'debit', true, true),
  (1120, 'receivable_seller', 'asset', 'debit', true, true),
  (1130, 'dispute_suspense', 'asset', 'debit', false, true),
  (2010, 'buyer_cash', 'liability', 'credit', true, true),
  (2020, 'buyer_promo', 'liability', 'credit', true, true),
  (2030, 'group_pool', 'liability', 'credit', true, true),
  (2110, 'seller_pending', 'liability', 'credit', true, true),
  (2120, 'seller_available', 'liability', 'credit', true, true),
  (2130, 'seller_payout_inflight', 'liability', 'credit', true, true),
  (2140, 'seller_reserve', 'liability', 'credit', true, true),
  (2210, 'topup_unallocated', 'liability', 'credit', true, false),
  (2310, 'tax_payable', 'liability', 'credit', true, false),
  (3010, 'equity', 'equity', 'credit', false, false),
  (4010, 'platform_fee', 'income', 'credit', false, true),
  (4020, 'topup_fee_income', 'income', 'credit', false, false),
  (4030, 'breakage_income', 'income', 'credit', false, false),
  (5010, 'stripe_fees', 'expense', 'debit', false, false),
  (5020, 'dispute_fees', 'expense', 'debit', false, false),
  (5030, 'promo_expense', 'expense', 'debit', false, false),
  (5040, 'goodwill_expense', 'expense', 'debit', false, false),
  (5050, 'bad_debt', 'expense', 'debit', false, false),
  (5060, 'unbilled_usage_loss', 'expense', 'debit', false, false),
  (5070, 'payout_fees', 'expense', 'debit', false, false),
  (6010, 'fx_position', 'equity', 'credit', false, true),
  (6020, 'fx_gain_loss', 'income', 'credit', false, false),
  (6030, 'rounding', 'income', 'credit', false, false);

-- `debits` and `credits` only grow, so a lost or doubled update shows; no index on what changes, and room on the page.
CREATE TABLE ledger.account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key text NOT NULL UNIQUE,
  code text NOT NULL REFERENCES ledger.account_code,
  class text NOT NULL,
  normal_side text NOT NULL CHECK (normal_side IN ('debit', 'credit')),
  floored boolean NOT NULL,
  owner text,
  currency text NOT NULL DEFAULT 'USD' CHECK (currency = 'USD'),
  debits bigint NOT NULL DEFAULT 0 CHECK (debits >= 0),
  credits bigint NOT NULL DEFAULT 0 CHECK (credits >= 0),
  held bigint NOT NULL DEFAULT 0,
  opened_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT account_key CHECK (key = code || CASE WHEN owner IS NULL THEN '' ELSE ':' || owner END),
  CONSTRAINT account_held CHECK (held >= 0 AND (held = 0 OR (floored AND normal_side = 'credit'))),
  CONSTRAINT account_floor CHECK (
    NOT floored OR CASE normal_side WHEN 'credit' THEN credits - debits ELSE debits - credits END - held >= 0
  )
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX account_owner_idx ON ledger.account (owner, code) WHERE owner IS NOT NULL;

-- Money set aside for one request; the id is the request's. `open` is left once; `expired` may still be settled.
CREATE TABLE ledger.hold (
  id uuid PRIMARY KEY,
  payer bigint NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),
  state text NOT NULL CHECK (state IN ('open', 'settled', 'voided', 'expired', 'rejected')),
  budget_id uuid,
  node_id text NOT NULL,
  node_epoch bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  concluded_at timestamptz,
  reason text,
  -- Why it was rejected and what was true then: a repeated request gets the same answer.
  refusal text CHECK (refusal IN ('insufficient', 'budget_exceeded')),
  refused_available bigint,
  refused_held bigint,
  refused_limit bigint,
  refused_spent bigint,
  refused_resets_at timestamptz,
  settled_amount bigint CHECK (settled_amount >= 0),
  seller_account bigint,
  seller_nanos bigint,
  -- Part of `settled_amount` that the payer's balance did not cover.
  shortfall bigint,
  CONSTRAINT hold_settled CHECK (
    num_nonnulls(settled_amount, seller_account, seller_nanos, shortfall) = CASE state WHEN 'settled' THEN 4 ELSE 0 END
  ),
  CONSTRAINT hold_rejected CHECK ((state = 'rejected') = (refusal IS NOT NULL)),
  CONSTRAINT hold_concluded CHECK ((state = 'open') = (concluded_at IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE INDEX hold_open_idx ON ledger.hold (expires_at) WHERE state = 'open';

-- Partitioned by the time-ordered id, so that the primary key is unique over all months. No DEFAULT partition: a row
-- without a month is an error that somebody sees.
CREATE TABLE ledger.journal (
  id uuid PRIMARY KEY,
  code text NOT NULL,
  source text NOT NULL,
  source_id text,
  reverses_id uuid,
  memo text,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- For the seal: rows of transactions that were still running are left for the next block.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id()
) PARTITION BY RANGE (id);

-- No foreign keys here: they would lock accounts and journals on the hot path. The functions check, and so does
-- check_invariants.
CREATE TABLE ledger.entry (
  journal_id uuid NOT NULL,
  seq smallint NOT NULL,
  account_id bigint NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0),
  PRIMARY KEY (journal_id, seq)
) PARTITION BY RANGE (journal_id);

CREATE INDEX entry_account_idx ON ledger.entry (account_id, journal_id);

-- What was served, in the same transaction as its journal and under the same id; free requests have no journal.
CREATE TABLE ledger.usage_record (
  id uuid PRIMARY KEY,
  organisation_id uuid NOT NULL,
  key_id uuid NOT NULL,
  listing_id uuid NOT NULL,
  seller_organisation_id uuid NOT NULL,
  model text NOT NULL,
  provider text NOT NULL,
  uncached_input bigint NOT NULL CHECK (uncached_input >= 0),
  cache_read bigint NOT NULL CHECK (cache_read >= 0),
  cache_write_5m bigint NOT NULL CHECK (cache_write_5m >= 0),
  cache_write_1h bigint NOT NULL CHECK (cache_write_1h >= 0),
  audio_input bigint NOT NULL CHECK (audio_input >= 0),
  output bigint NOT NULL CHECK (output >= 0),
  audio_output bigint NOT NULL CHECK (audio_output >= 0),
  reasoning bigint NOT NULL CHECK (reasoning >= 0),
  usage_source text NOT NULL CHECK (usage_source IN ('reported', 'counted')),
  price jsonb NOT NULL,
  stream boolean NOT NULL,
  finish_reason text NOT NULL,
  started_at timestamptz NOT NULL,
  duration_ms double precision NOT NULL,
  ttft_ms double precision NOT NULL,
  held_nanos bigint NOT NULL,
  cost_nanos bigint NOT NULL CHECK (cost_nanos >= 0),
  seller_nanos bigint NOT NULL,
  fee_nanos bigint NOT NULL,
  -- What the payer's balance did not cover; it is owed.
  shortfall_nanos bigint NOT NULL,
  settled_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (id);

CREATE INDEX usage_record_organisation_idx ON ledger.usage_record (organisation_id, id);
CREATE INDEX usage_record_seller_idx ON ledger.usage_record (seller_organisation_id, id);

-- An outside event posts once, whatever month it is repeated in. Requests need no row: their journal has their id.
CREATE TABLE ledger.journal_source (
  source text NOT NULL,
  source_id text NOT NULL,
  code text NOT NULL,
  journal_id uuid NOT NULL,
  -- The entries as asked for, so that the same source with another amount is noticed.
  payload text NOT NULL,
  PRIMARY KEY (source, source_id, code)
);

-- A spending limit, usually of an API key. Without `limit_nanos` it only counts.
CREATE TABLE ledger.budget (
  id uuid PRIMARY KEY,
  limit_nanos bigint CHECK (limit_nanos >= 0),
  period text NOT NULL CHECK (period IN ('none', 'day', 'week', 'month')),
  spent bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
  held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
  window_start timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- Operations the database refused on their own account; somebody has to look at each.
CREATE TABLE ledger.dead_letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue text NOT NULL,
  operation_id text NOT NULL,
  -- Not jsonb, which refuses zero characters, and those may be what is wrong.
  payload json NOT NULL,
  sqlstate text,
  message text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  resolved_at timestamptz
);

-- What the database refuses ------------------------------------------------------------------------------------------

CREATE FUNCTION ledger.refuse_change() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog
AS $$
BEGIN
  RAISE EXCEPTION 'ledger.%: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

-- Once per statement, so it costs nothing per row. Numbers from 1 without a gap keep anybody from adding entries to a
-- journal later: its first entry is already there.
CREATE FUNCTION ledger.require_balance() RETURNS trigger
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
  LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'journal % does not balance', wrong USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER journal_no_change BEFORE UPDATE OR DELETE ON ledger.journal
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON ledger.journal
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER entry_no_change BEFORE UPDATE OR DELETE ON ledger.entry
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON ledger.entry
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER entry_balanced AFTER INSERT ON ledger.entry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ledger.require_balance();
CREATE TRIGGER usage_record_no_change BEFORE UPDATE OR DELETE ON ledger.usage_record
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER usage_record_no_truncate BEFORE TRUNCATE ON ledger.usage_record
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER journal_source_no_change BEFORE UPDATE OR DELETE ON ledger.journal_source
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER journal_source_no_truncate BEFORE TRUNCATE ON ledger.journal_source
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER account_no_delete BEFORE DELETE ON ledger.account
  FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER account_no_truncate BEFORE TRUNCATE ON ledger.account
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER account_only_grows BEFORE UPDATE ON ledger.account
  FOR EACH ROW
  WHEN (
    NEW.debits < OLD.debits OR NEW.credits < OLD.credits OR NEW.id <> OLD.id OR NEW.key <> OLD.key
    OR NEW.code <> OLD.code OR NEW.class <> OLD.class OR NEW.normal_side <> OLD.normal_side
    OR NEW.floored <> OLD.floored OR NEW.owner IS DISTINCT FROM OLD.owner OR NEW.currency <> OLD.currency
  )
  EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER hold_moves_once BEFORE UPDATE ON ledger.hold
  FOR EACH ROW
  WHEN (
    NEW.id <> OLD.id OR NEW.payer <> OLD.payer OR NEW.amount <> OLD.amount
    OR NEW.budget_id IS DISTINCT FROM OLD.budget_id
    OR NOT (
      OLD.state = 'open' AND NEW.state IN ('open', 'settled', 'voided', 'expired')
      OR OLD.state = 'expired' AND NEW.state = 'settled'
    )
  )
  EXECUTE FUNCTION ledger.refuse_change();

-- ALWAYS: session_replication_role = replica does not switch them off.
ALTER TABLE ledger.journal ENABLE ALWAYS TRIGGER journal_no_change;
ALTER TABLE ledger.journal ENABLE ALWAYS TRIGGER journal_no_truncate;
ALTER TABLE ledger.entry ENABLE ALWAYS TRIGGER entry_no_change;
ALTER TABLE ledger.entry ENABLE ALWAYS TRIGGER entry_no_truncate;
ALTER TABLE ledger.entry ENABLE ALWAYS TRIGGER entry_balanced;
ALTER TABLE ledger.usage_record ENABLE ALWAYS TRIGGER usage_record_no_change;
ALTER TABLE ledger.usage_record ENABLE ALWAYS TRIGGER usage_record_no_truncate;
ALTER TABLE ledger.journal_source ENABLE ALWAYS TRIGGER journal_source_no_change;
ALTER TABLE ledger.journal_source ENABLE ALWAYS TRIGGER journal_source_no_truncate;
ALTER TABLE ledger.account ENABLE ALWAYS TRIGGER account_no_delete;
ALTER TABLE ledger.account ENABLE ALWAYS TRIGGER account_no_truncate;
ALTER TABLE ledger.account ENABLE ALWAYS TRIGGER account_only_grows;
ALTER TABLE ledger.hold ENABLE ALWAYS TRIGGER hold_moves_once;

-- Partitions ---------------------------------------------------------------------------------------------------------

-- The lowest UUIDv7 of that millisecond.
CREATE FUNCTION ledger.uuid_floor(p_at timestamptz) RETURNS uuid
  LANGUAGE sql STABLE
  SET search_path = pg_catalog
AS $$
  SELECT rpad(lpad(to_hex((extract(epoch FROM p_at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

CREATE FUNCTION ledger.month_start(p_at timestamptz) RETURNS timestamptz
  LANGUAGE sql STABLE
  SET search_path = pg_catalog
AS $$
  SELECT date_trunc('month', p_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;

CREATE FUNCTION ledger.create_partition(p_table text, p_month timestamptz) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_name text := p_table || to_char(p_month AT TIME ZONE 'UTC', '"_"YYYY"_"MM');
BEGIN
  -- Made beside the table and attached: that lets writers of other months go on.
  EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.%I INCLUDING ALL)', v_name, p_table);
  EXECUTE format(
    'ALTER TABLE ledger.%I ATTACH PARTITION ledger.%I FOR VALUES FROM (%L) TO (%L)', p_table, v_name,
    uuid_floor(p_month), uuid_floor(month_start(p_month + interval '32 days'))
  );
  -- Row triggers are copied on attaching; statement triggers are not, and an insert straight into a partition
  -- fires only the partition's own.
  EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER %I', v_name, p_table || '_no_change');
  EXECUTE format(
    'CREATE TRIGGER %I BEFORE TRUNCATE ON ledger.%I FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change()',
    p_table || '_no_truncate', v_name
  );
  EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER %I', v_name, p_table || '_no_truncate');
  IF p_table = 'entry' THEN
    EXECUTE format(
      'CREATE TRIGGER entry_balanced AFTER INSERT ON ledger.%I REFERENCING NEW TABLE AS added '
      'FOR EACH STATEMENT EXECUTE FUNCTION ledger.require_balance()', v_name
    );
    EXECUTE format('ALTER TABLE ledger.%I ENABLE ALWAYS TRIGGER entry_balanced', v_name);
  END IF;
END
$$;

-- Makes the months from the previous one to `p_months_ahead` from now where they are missing; returns how many.
CREATE FUNCTION ledger.ensure_partitions(p_months_ahead integer) RETURNS integer
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
    FOREACH v_table IN ARRAY ARRAY['journal', 'entry', 'usage_record'] LOOP
      IF to_regclass('ledger.' || v_table || to_char(v_month AT TIME ZONE 'UTC', '"_"YYYY"_"MM')) IS NULL THEN
        PERFORM create_partition(v_table, v_month);
        v_made := v_made + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN v_made;
END
$$;

-- Accounts and budgets -----------------------------------------------------------------------------------------------

-- The id of an account, opened on first use. The chart says which codes have owners.
CREATE FUNCTION ledger.open_account(p_code text, p_owner text) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_chart account_code;
  v_key text := p_code || CASE WHEN p_owner IS NULL THEN '' ELSE ':' || p_owner END;
  v_id bigint;
BEGIN
  SELECT id INTO v_id FROM account WHERE key = v_key;
  IF FOUND THEN
    RETURN v_id;
  END IF;
  SELECT * INTO v_chart FROM account_code WHERE code = p_code;
  IF NOT FOUND OR v_chart.owned <> (p_owner IS NOT NULL) OR p_owner !~ '^[A-Za-z0-9_-]{1,64}$' THEN
    RAISE EXCEPTION 'no account can be opened as %', v_key USING ERRCODE = 'invalid_parameter_value';
  END IF;
  INSERT INTO account (key, code, class, normal_side, floored, owner)
  VALUES (v_key, p_code, v_chart.class, v_chart.normal_side, v_chart.floored, p_owner)
  ON CONFLICT (key) DO NOTHING
  RETURNING id INTO v_id;
  IF v_id IS NULL THEN
    SELECT id INTO v_id FROM account WHERE key = v_key;
  END IF;
  RETURN v_id;
END
$$;

CREATE FUNCTION ledger.window_start(p_period text, p_at timestamptz) RETURNS timestamptz
  LANGUAGE sql STABLE
  SET search_path = pg_catalog
AS $$
  SELECT CASE p_period WHEN 'none' THEN NULL ELSE date_trunc(p_period, p_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' END
$$;

CREATE FUNCTION ledger.window_end(p_period text, p_at timestamptz) RETURNS timestamptz
  LANGUAGE sql STABLE
  SET search_path = pg_catalog
AS $$
  SELECT CASE p_period WHEN 'none' THEN NULL
    ELSE (date_trunc(p_period, p_at AT TIME ZONE 'UTC') + ('1 ' || p_period)::interval) AT TIME ZONE 'UTC' END
$$;

-- Locks budgets by id and opens their new windows. What is held goes over into the new window.
CREATE FUNCTION ledger.lock_budgets(p_ids uuid[]) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
BEGIN
  PERFORM FROM budget WHERE id = ANY (p_ids) ORDER BY id FOR UPDATE;
  UPDATE budget SET spent = 0, window_start = window_start(period, now())
  WHERE id = ANY (p_ids) AND window_start < window_start(period, now());
END
$$;

-- Sets or, without a limit, lifts a budget. What it has counted stays, but for a window that is over.
CREATE FUNCTION ledger.set_budget(p_id uuid, p_limit bigint, p_period text) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
BEGIN
  PERFORM lock_budgets(ARRAY[p_id]);
  INSERT INTO budget AS b (id, limit_nanos, period, window_start)
  VALUES (p_id, p_limit, p_period, coalesce(window_start(p_period, now()), now()))
  ON CONFLICT (id) DO UPDATE
  SET limit_nanos = excluded.limit_nanos, period = excluded.period, window_start = excluded.window_start,
    spent = CASE WHEN excluded.period <> 'none' AND b.window_start < excluded.window_start THEN 0 ELSE b.spent END;
END
$$;

-- Holds --------------------------------------------------------------------------------------------------------------

-- One row per input, in input order. A known id gets its stored outcome, `mismatch` if it asks for something else.
-- Operations whose account and budget can pay for all of this batch are booked as sets; the others one by one in input
-- order, so that a poor request does not sink its neighbours. A rejection is stored as well: the same id never gets two answers.
CREATE FUNCTION ledger.hold_batch(
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
    CASE WHEN h.payer <> a.payer OR h.amount <> a.amount THEN 'mismatch' ELSE coalesce(h.refusal, 'held') END,
    CASE WHEN h.refusal IS NULL THEN c.credits - c.debits - c.held ELSE h.refused_available END,
    CASE WHEN h.refusal IS NULL THEN c.held ELSE h.refused_held END,
    h.refused_limit, h.refused_spent, h.refused_resets_at
  FROM unnest(p_ids, p_payers, p_amounts) WITH ORDINALITY AS a (id, payer, amount, ord)
  JOIN hold h ON h.id = a.id
  JOIN account c ON c.id = h.payer
  ORDER BY a.ord;
END
$$;

-- One operation of hold_batch, which has locked the account and the budget.
CREATE FUNCTION ledger.hold_one(
  p_id uuid, p_payer bigint, p_amount bigint, p_budget uuid, p_node_id text, p_node_epoch bigint,
  p_expires_at timestamptz
) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_account account;
  v_budget budget;
  v_refusal text;
BEGIN
  SELECT * INTO v_account FROM account WHERE id = p_payer;
  SELECT * INTO v_budget FROM budget WHERE id = p_budget;
  IF p_amount > v_account.credits - v_account.debits - v_account.held THEN
    INSERT INTO hold (
      id, payer, amount, state, budget_id, node_id, node_epoch, expires_at, concluded_at,
      refusal, refused_available, refused_held
    ) VALUES (
      p_id, p_payer, p_amount, 'rejected', p_budget, p_node_id, p_node_epoch, p_expires_at, now(),
      'insufficient', v_account.credits - v_account.debits - v_account.held, v_account.held
    );
  ELSIF p_amount > v_budget.limit_nanos - v_budget.spent - v_budget.held THEN
    INSERT INTO hold (
      id, payer, amount, state, budget_id, node_id, node_epoch, expires_at, concluded_at,
      refusal, refused_limit, refused_spent, refused_held, refused_resets_at
    ) VALUES (
      p_id, p_payer, p_amount, 'rejected', p_budget, p_node_id, p_node_epoch, p_expires_at, now(),
      'budget_exceeded', v_budget.limit_nanos, v_budget.spent, v_budget.held, window_end(v_budget.period, now())
    );
  ELSE
    UPDATE account SET held = held + p_amount WHERE id = p_payer;
    UPDATE budget SET held = held + p_amount WHERE id = p_budget;
    INSERT INTO hold (id, payer, amount, state, budget_id, node_id, node_epoch, expires_at)
    VALUES (p_id, p_payer, p_amount, 'open', p_budget, p_node_id, p_node_epoch, p_expires_at);
  END IF;
END
$$;

-- Gives back what open holds of accounts that are already locked had set aside; returns how many there were.
CREATE FUNCTION ledger.release_holds(p_ids uuid[], p_reasons text[], p_state text) RETURNS integer
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_count integer;
BEGIN
  PERFORM lock_budgets(array_agg(budget_id)) FROM hold
  WHERE id = ANY (p_ids) AND state = 'open' AND budget_id IS NOT NULL HAVING count(*) > 0;
  WITH moved AS (
    UPDATE hold h SET state = p_state, reason = r.reason, concluded_at = now()
    FROM (
      SELECT DISTINCT ON (a.id) a.id, a.reason
      FROM unnest(p_ids, p_reasons) WITH ORDINALITY AS a (id, reason, ord) ORDER BY a.id, a.ord
    ) r
    WHERE h.id = r.id AND h.state = 'open'
    RETURNING h.payer, h.amount, h.budget_id
  ), accounts AS (
    UPDATE account a SET held = a.held - m.amount
    FROM (SELECT payer, sum(amount)::bigint AS amount FROM moved GROUP BY payer) m
    WHERE a.id = m.payer
  ), budgets AS (
    UPDATE budget b SET held = b.held - m.amount
    FROM (SELECT budget_id, sum(amount)::bigint AS amount FROM moved GROUP BY budget_id) m
    WHERE b.id = m.budget_id
  )
  SELECT count(*) INTO v_count FROM moved;
  RETURN v_count;
END
$$;

-- One row per input: the state the hold is in afterwards, or `unknown`.
CREATE FUNCTION ledger.void_batch(p_ids uuid[], p_reasons text[]) RETURNS TABLE (outcome text, available bigint)
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
  SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  PERFORM FROM account WHERE id = ANY (ARRAY(SELECT payer FROM hold WHERE id = ANY (p_ids))) ORDER BY id FOR UPDATE;
  PERFORM release_holds(p_ids, p_reasons, 'voided');
  RETURN QUERY
  SELECT coalesce(h.state, 'unknown'), c.credits - c.debits - c.held
  FROM unnest(p_ids) WITH ORDINALITY AS a (id, ord)
  LEFT JOIN hold h ON h.id = a.id
  LEFT JOIN account c ON c.id = h.payer
  ORDER BY a.ord;
END
$$;

-- Another 90 seconds for the holds of live requests. Waits for nobody: what is locked is being concluded.
CREATE FUNCTION ledger.renew_batch(p_ids uuid[]) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
  SET enable_seqscan = off
AS $$
DECLARE
  v_count integer;
BEGIN
  UPDATE hold SET expires_at = now() + interval '90 seconds'
  WHERE id = ANY (ARRAY(
    SELECT id FROM hold WHERE id = ANY (p_ids) AND state = 'open' FOR UPDATE SKIP LOCKED
  ));
  GET DIAGNOSTICS v_count = ROW_COUNT;
  RETURN v_count;
END
$$;

-- Releases open holds that nobody renewed; a busy payer is left for the next time. What was served is still owed:
-- an expired hold can be settled.
CREATE FUNCTION ledger.expire_holds(p_limit integer) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_ids uuid[];
  v_accounts bigint[];
BEGIN
  v_ids := ARRAY(
    SELECT id FROM hold WHERE state = 'open' AND expires_at < now() ORDER BY expires_at LIMIT p_limit
  );
  v_accounts := ARRAY(
    SELECT id FROM account WHERE id = ANY (ARRAY(SELECT payer FROM hold WHERE id = ANY (v_ids)))
    ORDER BY id FOR UPDATE SKIP LOCKED
  );
  -- Asked again under the lock: it may have been renewed.
  v_ids := ARRAY(
    SELECT id FROM hold
    WHERE id = ANY (v_ids) AND payer = ANY (v_accounts) AND state = 'open' AND expires_at < now()
    FOR UPDATE SKIP LOCKED
  );
  RETURN release_holds(v_ids, array_fill('not renewed'::text, ARRAY[cardinality(v_ids)]), 'expired');
END
$$;

-- Releases what earlier lives of a node left open. The caller knows that they ended.
CREATE FUNCTION ledger.release_dead(p_node_id text, p_before_epoch bigint) RETURNS integer
  LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_ids uuid[];
BEGIN
  v_ids := ARRAY(
    SELECT id FROM hold WHERE state = 'open' AND node_id = p_node_id AND node_epoch < p_before_epoch
  );
  PERFORM FROM account WHERE id = ANY (ARRAY(SELECT payer FROM hold WHERE id = ANY (v_ids))) ORDER BY id FOR UPDATE;
  RETURN release_holds(v_ids, array_fill('its node ended'::text, ARRAY[cardinality(v_ids)]), 'expired');
END
$$;

-- Settling -----------------------------------------------------------------------------------------------------------

CREATE TYPE ledger.settlement AS (
  ord bigint, id uuid, payer bigint, budget uuid, held bigint, released bigint, cost bigint, cash bigint,
  shortfall bigint, seller bigint, seller_nanos bigint, fee bigint, fee_nanos bigint
);

-- A debt account is opened after its payer's, so whoever locks both in order locks the payer first.
CREATE FUNCTION ledger.open_receivable(p_payer bigint) RETURNS bigint
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_id bigint;
BEGIN
  SELECT open_account('receivable_buyer', owner) INTO v_id FROM account WHERE id = p_payer;
  PERFORM FROM account WHERE id = v_id FOR UPDATE;
  RETURN v_id;
END
$$;

-- One row per input, in input order: `settled` (now or before, with the same figures), `mismatch` (before, with
-- others), `voided`, `rejected`, `unknown` (no such hold) or `invalid`.
-- A cost within its hold is always covered. Then, in input order, costs above it and those of expired holds take what
-- is free, and the rest becomes the payer's debt: what was served is never forgiven and no balance goes below zero.
CREATE FUNCTION ledger.settle_batch(
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

  RETURN QUERY
  SELECT
    CASE
      WHEN h.id IS NULL THEN 'unknown'
      WHEN h.state IN ('open', 'expired') THEN 'invalid'
      WHEN h.state <> 'settled' THEN h.state
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

-- Writes the settlements that settle_batch has weighed: holds, budgets, journals, entries, counters, usage.
CREATE FUNCTION ledger.book_settlements(p_settlements ledger.settlement[], p_records json) RETURNS void
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
    finish_reason, started_at, duration_ms, ttft_ms, held_nanos, cost_nanos, seller_nanos, fee_nanos, shortfall_nanos
  )
  SELECT s.id, r.organisation, r.key, r.listing, r.seller, r.model, r.provider, r.input, r.cache_read, r.write_5m,
    r.write_1h, r.audio_input, r.output, r.audio_output, r.reasoning, r.source, r.price, r.stream, r.finish, r.started,
    r.duration, r.ttft, s.held, s.cost, s.seller_nanos, s.fee_nanos, s.shortfall
  FROM ROWS FROM (json_to_recordset(p_records) AS (
    organisation uuid, key uuid, listing uuid, seller uuid, model text, provider text, input bigint, cache_read bigint,
    write_5m bigint, write_1h bigint, audio_input bigint, output bigint, audio_output bigint, reasoning bigint,
    source text, price jsonb, stream boolean, finish text, started timestamptz, duration double precision,
    ttft double precision
  )) WITH ORDINALITY AS r (
    organisation, key, listing, seller, model, provider, input, cache_read, write_5m, write_1h, audio_input, output,
    audio_output, reasoning, source, price, stream, finish, started, duration, ttft, ord
  )
  JOIN unnest(p_settlements) s ON s.ord = r.ord;
  GET DIAGNOSTICS v_count = ROW_COUNT;
  IF v_count <> cardinality(p_settlements) THEN
    RAISE EXCEPTION 'a settlement came without its usage record' USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;

-- Other journals -----------------------------------------------------------------------------------------------------

-- Posts one journal, once per (source, source_id, code): a repetition returns the stored one, with other entries it is
-- refused (SQLSTATE BL001). With `p_recover_debt`, what is credited to a buyer's cash pays his debt first. A reversal
-- must undo the whole journal, and is itself posted once.
CREATE FUNCTION ledger.post(
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
    OR p_source_id IS NULL OR p_reverses::text <> p_source_id THEN
    RAISE EXCEPTION 'journal % of source % cannot be posted', p_code, p_source
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  SELECT string_agg(e.account || ':' || e.amount, ',' ORDER BY e.account, e.amount) INTO v_payload
  FROM unnest(p_accounts, p_amounts) e (account, amount);

  PERFORM FROM account
  WHERE id = ANY (p_accounts || ARRAY(
    SELECT d.id FROM account c JOIN account d ON d.key = 'receivable_buyer:' || c.owner
    WHERE p_recover_debt AND c.id = ANY (p_accounts) AND c.code = 'buyer_cash'
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

-- Refuses entries that are not exactly the journal's, with the signs turned.
CREATE FUNCTION ledger.require_reversal(p_reverses uuid, p_accounts bigint[], p_amounts bigint[]) RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_booked text;
  v_undone text;
BEGIN
  SELECT string_agg(e.account_id || ':' || e.amount, ',' ORDER BY e.account_id, e.amount) INTO v_booked
  FROM entry e WHERE e.journal_id = p_reverses;
  SELECT string_agg(e.account || ':' || -e.amount, ',' ORDER BY e.account, -e.amount) INTO v_undone
  FROM unnest(p_accounts, p_amounts) e (account, amount);
  IF v_booked IS DISTINCT FROM v_undone THEN
    RAISE EXCEPTION 'this does not undo journal %', p_reverses USING ERRCODE = 'invalid_parameter_value';
  END IF;
END
$$;

CREATE FUNCTION ledger.book_entries(p_journal uuid, p_accounts bigint[], p_amounts bigint[], p_recover_debt boolean)
  RETURNS void
  LANGUAGE plpgsql
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
DECLARE
  v_expected integer;
  v_count integer;
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
    LEFT JOIN account c ON c.id = e.account AND c.code = 'buyer_cash' AND e.amount < 0 AND p_recover_debt
    LEFT JOIN account d ON d.key = 'receivable_buyer:' || c.owner AND d.debits > d.credits
      AND NOT d.id = ANY (p_accounts)
  ), legs AS (
    SELECT a.ord, 1 AS part, a.account, a.amount + a.recovered AS amount FROM asked a
    UNION ALL
    SELECT a.ord, 2, a.debt, -a.recovered FROM asked a
  ), booked AS (
    INSERT INTO entry (journal_id, seq, account_id, amount)
    SELECT p_journal, row_number() OVER (ORDER BY l.ord, l.part), l.account, l.amount
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

CREATE FUNCTION ledger.park(p_queue text, p_operation_id text, p_payload json, p_sqlstate text, p_message text)
  RETURNS void
  LANGUAGE sql SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  INSERT INTO dead_letter (queue, operation_id, payload, sqlstate, message)
  VALUES (p_queue, p_operation_id, p_payload, p_sqlstate, p_message)
$$;

-- Checks ---------------------------------------------------------------------------------------------------------------

-- What is wrong with the books, one row per fault; nothing when all is well. STABLE: every check sees the same snapshot.
CREATE FUNCTION ledger.check_invariants() RETURNS TABLE (invariant text, detail text)
  LANGUAGE plpgsql STABLE SECURITY DEFINER
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
BEGIN
  RETURN QUERY
  SELECT 'I1 every journal balances', format('journal %s has %s entries, sum %s', j.id, count(e.amount), sum(e.amount))
  FROM journal j LEFT JOIN entry e ON e.journal_id = j.id
  GROUP BY j.id HAVING count(e.amount) < 2 OR sum(e.amount) <> 0
  UNION ALL
  SELECT 'I1 every journal balances', format('entry %s/%s has no journal', e.journal_id, e.seq)
  FROM entry e WHERE NOT EXISTS (SELECT FROM journal j WHERE j.id = e.journal_id);

  RETURN QUERY
  SELECT 'I2 all accounts sum to zero', format('%s is off by %s', a.currency, sum(a.debits) - sum(a.credits))
  FROM account a GROUP BY a.currency HAVING sum(a.debits) <> sum(a.credits);

  RETURN QUERY
  SELECT 'I3 counters are the sums of entries',
    format('account %s has %s/%s, its entries %s/%s', coalesce(a.key, e.account_id::text), a.debits, a.credits, e.debits, e.credits)
  FROM account a
  FULL JOIN (
    SELECT account_id, sum(greatest(amount, 0)) AS debits, sum(greatest(-amount, 0)) AS credits
    FROM entry GROUP BY account_id
  ) e ON e.account_id = a.id
  WHERE (a.debits, a.credits) IS DISTINCT FROM (coalesce(e.debits, 0)::bigint, coalesce(e.credits, 0)::bigint);

  RETURN QUERY
  SELECT 'I4 held is the sum of open holds', format('account %s has %s held, open holds %s', a.key, a.held, h.amount)
  FROM account a LEFT JOIN (SELECT payer, sum(amount) AS amount FROM hold WHERE state = 'open' GROUP BY payer) h ON h.payer = a.id
  WHERE a.held <> coalesce(h.amount, 0)
  UNION ALL
  SELECT 'I4 held is the sum of open holds', format('budget %s has %s held, open holds %s', b.id, b.held, h.amount)
  FROM budget b LEFT JOIN (SELECT budget_id, sum(amount) AS amount FROM hold WHERE state = 'open' GROUP BY budget_id) h
    ON h.budget_id = b.id
  WHERE b.held <> coalesce(h.amount, 0)
  UNION ALL
  SELECT 'I4 held is the sum of open holds', format('hold %s has no account', h.id)
  FROM hold h WHERE NOT EXISTS (SELECT FROM account a WHERE a.id = h.payer);

  RETURN QUERY
  SELECT 'I5 no balance falls below its floor', format('account %s: debits %s, credits %s, held %s', a.key, a.debits, a.credits, a.held)
  FROM account a JOIN account_code c ON c.code = a.code
  WHERE a.floored <> c.floored OR a.normal_side <> c.normal_side OR a.class <> c.class OR c.floored
    AND CASE c.normal_side WHEN 'credit' THEN a.credits - a.debits ELSE a.debits - a.credits END - a.held < 0;

  RETURN QUERY
  SELECT 'I6 a hold is settled once', format('hold %s is %s, its journal %s, its usage record %s', coalesce(h.id, u.id), h.state, j.id, u.cost_nanos)
  FROM hold h
  FULL JOIN usage_record u ON u.id = h.id
  LEFT JOIN journal j ON j.id = h.id
  WHERE (h.state = 'settled') IS DISTINCT FROM (u.id IS NOT NULL)
    OR h.state = 'settled' AND (h.settled_amount, h.seller_nanos, h.shortfall, h.amount)
      IS DISTINCT FROM (u.cost_nanos, u.seller_nanos, u.shortfall_nanos, u.held_nanos)
    OR (j.id IS NOT NULL) <> (h.state = 'settled' AND h.settled_amount > 0);

  RETURN QUERY
  SELECT 'I7 the buyer pays what seller and platform get', format('request %s', j.id)
  FROM journal j
  LEFT JOIN usage_record u ON u.id = j.id
  LEFT JOIN (
    SELECT e.journal_id,
      coalesce(sum(e.amount) FILTER (WHERE e.account_id = h.payer), 0) AS paid,
      coalesce(sum(e.amount) FILTER (WHERE a.code = 'receivable_buyer'), 0) AS owed,
      coalesce(-sum(e.amount) FILTER (WHERE e.account_id = h.seller_account), 0) AS earned,
      coalesce(-sum(e.amount) FILTER (WHERE a.code = 'platform_fee'), 0) AS fee
    FROM entry e JOIN account a ON a.id = e.account_id JOIN hold h ON h.id = e.journal_id
    GROUP BY e.journal_id
  ) e ON e.journal_id = j.id
  WHERE j.code = 'request_settled' AND (
    u.id IS NULL OR u.cost_nanos <> u.seller_nanos + u.fee_nanos
    OR (e.paid + e.owed, e.owed, e.earned, e.fee) IS DISTINCT FROM
      (u.cost_nanos::numeric, u.shortfall_nanos::numeric, u.seller_nanos::numeric, u.fee_nanos::numeric)
  );

  RETURN QUERY
  SELECT 'I8 a source posts once', format('journal %s of %s:%s', coalesce(j.id, s.journal_id), coalesce(j.source, s.source), coalesce(j.source_id, s.source_id))
  FROM (SELECT * FROM journal WHERE source <> 'request') j
  FULL JOIN journal_source s ON s.journal_id = j.id AND (s.source, s.source_id, s.code) = (j.source, j.source_id, j.code)
  WHERE s.journal_id IS NULL OR j.id IS NULL
  UNION ALL
  SELECT 'I8 a source posts once', format('journal %s is of a request and of code %s', j.id, j.code)
  FROM journal j WHERE (j.source = 'request') <> (j.code = 'request_settled');

  RETURN QUERY SELECT 'I9 nothing is rewritten', t.fault FROM missing_triggers() t (fault) WHERE t.fault NOT LIKE 'account%';
  RETURN QUERY SELECT 'I15 counters never decrease', t.fault FROM missing_triggers() t (fault) WHERE t.fault LIKE 'account%';
END
$$;

-- The guards that are absent or could be switched off, on every table and each of its partitions.
CREATE FUNCTION ledger.missing_triggers() RETURNS SETOF text
  LANGUAGE sql STABLE
  SET search_path = pg_catalog, ledger, pg_temp
AS $$
  WITH RECURSIVE guards (guarded, guard) AS (
    VALUES ('journal', '_no_change'), ('journal', '_no_truncate'), ('entry', '_no_change'), ('entry', '_no_truncate'),
      ('entry', '_balanced'), ('usage_record', '_no_change'), ('usage_record', '_no_truncate'),
      ('journal_source', '_no_change'), ('journal_source', '_no_truncate'), ('account', '_no_delete'),
      ('account', '_no_truncate'), ('account', '_only_grows'), ('hold', '_moves_once')
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

-- Who may do what ------------------------------------------------------------------------------------------------------

SELECT ledger.ensure_partitions(3);

-- A role without login owns all of it, so that a gateway, and whoever takes it over, can only call the functions. Where
-- we may not make the role, the migrating user stays the owner: keep it apart from the one that serves.
DO $$
DECLARE
  item record;
BEGIN
  BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledger_owner') THEN
      CREATE ROLE ledger_owner NOLOGIN;
    END IF;
  EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
      NULL; -- made by a migration of another database in the same moment
    WHEN insufficient_privilege THEN
      RAISE NOTICE 'ledger_owner was not created (no right to create roles); the migrating user owns the ledger';
      RETURN;
  END;
  BEGIN
    IF NOT pg_has_role(current_user, 'ledger_owner', 'MEMBER') THEN
      EXECUTE format('GRANT ledger_owner TO %I', current_user);
    END IF;
    ALTER SCHEMA ledger OWNER TO ledger_owner;
    FOR item IN
      SELECT format('ALTER TABLE %s OWNER TO ledger_owner', oid::regclass) AS command
      FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p')
      UNION ALL
      SELECT format('ALTER ROUTINE %s OWNER TO ledger_owner', oid::regprocedure)
      FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace
      UNION ALL
      SELECT 'ALTER TYPE ledger.settlement OWNER TO ledger_owner'
    LOOP
      EXECUTE item.command;
    END LOOP;
  EXCEPTION
    WHEN insufficient_privilege THEN
      RAISE NOTICE 'ledger_owner belongs to somebody else (%); the migrating user owns the ledger', SQLERRM;
  END;
END
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway_app') THEN
    RETURN;
  END IF;
  GRANT USAGE ON SCHEMA ledger TO gateway_app;
  GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO gateway_app;
  GRANT EXECUTE ON FUNCTION
    ledger.ensure_partitions, ledger.open_account, ledger.set_budget, ledger.hold_batch, ledger.void_batch,
    ledger.renew_batch, ledger.expire_holds, ledger.release_dead, ledger.settle_batch, ledger.post, ledger.park,
    ledger.check_invariants, ledger.window_start, ledger.window_end
  TO gateway_app;
END
$$;
