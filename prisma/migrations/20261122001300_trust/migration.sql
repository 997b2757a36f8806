-- What is known of sellers, and what is held against them.

-- The report of a seller's own server, of which only a part was believed.
ALTER TABLE ledger.usage_record
  DROP CONSTRAINT usage_record_usage_source_check,
  ADD CONSTRAINT usage_record_usage_source_check CHECK (usage_source IN ('reported', 'counted', 'clamped'));

CREATE TABLE trust_case (
  "id" uuid NOT NULL,
  "listingId" uuid NOT NULL,
  "organisationId" uuid NOT NULL,
  "model" text NOT NULL,
  "kind" text NOT NULL CHECK ("kind" IN ('usage_inflated', 'integrity')),
  "state" text NOT NULL CHECK ("state" IN ('open', 'disputed', 'cleared', 'upheld')),
  "quarantined" boolean NOT NULL,
  "evidence" jsonb NOT NULL,
  "openedAt" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "disputedAt" timestamptz(3),
  "dispute" text,
  "resolvedAt" timestamptz(3),
  "resolvedByUserId" uuid,
  "note" text,
  CONSTRAINT trust_case_pkey PRIMARY KEY ("id"),
  CHECK (("state" IN ('cleared', 'upheld')) = ("resolvedAt" IS NOT NULL))
);
CREATE INDEX "trust_case_organisationId_id_idx" ON trust_case ("organisationId", "id");
CREATE INDEX "trust_case_state_idx" ON trust_case ("state");
-- A listing is accused of a thing once at a time.
CREATE UNIQUE INDEX trust_case_open_idx ON trust_case ("listingId", "kind") WHERE "state" IN ('open', 'disputed');

-- Earnings set aside for a case: written down before they are booked, so that a crash between books the same again.
CREATE TABLE trust_reserve (
  "caseId" uuid NOT NULL,
  "part" integer NOT NULL CHECK ("part" > 0),
  "amountNanos" bigint NOT NULL CHECK ("amountNanos" > 0),
  "state" text NOT NULL CHECK ("state" IN ('planned', 'held', 'released')),
  "createdAt" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT trust_reserve_pkey PRIMARY KEY ("caseId", "part"),
  CONSTRAINT "trust_reserve_caseId_fkey" FOREIGN KEY ("caseId") REFERENCES trust_case ("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

-- The running test and the signals of a listing's model, as they were last written down.
CREATE TABLE trust_record (
  "listingId" uuid NOT NULL,
  "model" text NOT NULL,
  "nth" integer NOT NULL,
  "record" jsonb NOT NULL,
  "updatedAt" timestamptz(3) NOT NULL,
  CONSTRAINT trust_record_pkey PRIMARY KEY ("listingId", "model")
);
CREATE INDEX "trust_record_updatedAt_idx" ON trust_record ("updatedAt");

CREATE TABLE reputation (
  "listingId" uuid NOT NULL,
  "model" text NOT NULL,
  "successes" double precision NOT NULL,
  "failures" double precision NOT NULL,
  "completed" integer NOT NULL,
  "ttftMs" double precision,
  "tokensPerS" double precision,
  "since" timestamptz(3) NOT NULL,
  "updatedAt" timestamptz(3) NOT NULL,
  CONSTRAINT reputation_pkey PRIMARY KEY ("listingId", "model")
);
CREATE INDEX "reputation_updatedAt_idx" ON reputation ("updatedAt");
