-- How sellers get their money, and how buyers of a play gateway get theirs.

-- What of a seller's earnings has matured: written down before it is booked, so that a crash between books the same
-- again. Without a hold a day has parts, as the money comes; with one it has one.
CREATE TABLE earning_maturity (
  "organisationId" uuid NOT NULL,
  "day" date NOT NULL,
  "part" integer NOT NULL CHECK ("part" > 0),
  "amountNanos" bigint NOT NULL CHECK ("amountNanos" >= 0),
  -- `nothing`: looked at, and all that is pending was too young.
  "state" text NOT NULL CHECK ("state" IN ('planned', 'booked', 'nothing')),
  "createdAt" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT earning_maturity_pkey PRIMARY KEY ("organisationId", "day", "part"),
  CHECK (("amountNanos" = 0) = ("state" = 'nothing'))
);
CREATE INDEX earning_maturity_planned_idx ON earning_maturity ("organisationId") WHERE "state" = 'planned';

CREATE TABLE payout (
  "id" uuid NOT NULL,
  "organisationId" uuid NOT NULL,
  -- Whole cents.
  "amountNanos" bigint NOT NULL CHECK ("amountNanos" > 0 AND "amountNanos" % 10000000 = 0),
  "state" text NOT NULL CHECK ("state" IN ('requested', 'approved', 'paid', 'refused', 'cancelled', 'failed')),
  -- What the state calls for in the ledger and is not known to be booked yet.
  "unbooked" text CHECK ("unbooked" IN ('set_aside', 'give_back', 'pay')),
  "attempt" integer NOT NULL DEFAULT 1 CHECK ("attempt" > 0),
  "requestedAt" timestamptz(3) NOT NULL,
  "requestedByUserId" uuid NOT NULL,
  "approvedAt" timestamptz(3),
  "approvedByUserId" uuid,
  "concludedAt" timestamptz(3),
  -- Empty when the gateway itself concluded it.
  "concludedByUserId" uuid,
  "bankReference" text,
  "note" text,
  CONSTRAINT payout_pkey PRIMARY KEY ("id"),
  CONSTRAINT "payout_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES organisation ("id") ON DELETE RESTRICT ON UPDATE CASCADE,
  CHECK (("state" IN ('requested', 'approved')) = ("concludedAt" IS NULL)),
  CHECK ("state" NOT IN ('approved', 'paid') OR "approvedAt" IS NOT NULL),
  CHECK (("state" = 'paid') = ("bankReference" IS NOT NULL)),
  CHECK (CASE "unbooked"
    WHEN 'set_aside' THEN "state" = 'requested'
    WHEN 'give_back' THEN "state" IN ('refused', 'cancelled', 'failed')
    WHEN 'pay' THEN "state" = 'paid'
    ELSE true END)
);
-- A seller has one payout on its way at a time.
CREATE UNIQUE INDEX payout_open_idx ON payout ("organisationId") WHERE "state" IN ('requested', 'approved');
-- One transfer of the bank pays one payout, however the reference was typed.
CREATE UNIQUE INDEX payout_bank_reference_idx ON payout (upper("bankReference")) WHERE "bankReference" IS NOT NULL;
CREATE INDEX "payout_organisationId_id_idx" ON payout ("organisationId", "id");
CREATE INDEX "payout_state_id_idx" ON payout ("state", "id");
CREATE INDEX payout_unbooked_idx ON payout ("id") WHERE "unbooked" IS NOT NULL;

-- Play money that a person gave their own organisation.
CREATE TABLE topup (
  "id" uuid NOT NULL,
  "organisationId" uuid NOT NULL,
  "userId" uuid NOT NULL,
  "amountNanos" bigint NOT NULL CHECK ("amountNanos" > 0),
  "idempotencyKey" text NOT NULL,
  "createdAt" timestamptz(3) NOT NULL,
  CONSTRAINT topup_pkey PRIMARY KEY ("id"),
  CONSTRAINT "topup_organisationId_fkey" FOREIGN KEY ("organisationId") REFERENCES organisation ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "topup_organisationId_idempotencyKey_key" ON topup ("organisationId", "idempotencyKey");
CREATE INDEX "topup_organisationId_createdAt_idx" ON topup ("organisationId", "createdAt");

-- To look through the books: accounts in the order of the chart, and journals that are not requests, which are few.
CREATE INDEX account_code_idx ON ledger.account (code, key);
CREATE INDEX journal_code_idx ON ledger.journal (code, created_at, id) WHERE code <> 'request_settled';
