-- What people look at: a row per request, sums per hour, and alerts on spending. Everything here is made again from
-- ledger.usage_record but the requests that were not billed; no money is ever decided by it.

-- CreateTable
CREATE TABLE "request_log" (
    "id" UUID NOT NULL,
    "organisationId" UUID NOT NULL,
    "keyId" UUID NOT NULL,
    "modelAsked" TEXT,
    "model" TEXT,
    "listingId" UUID,
    "sellerOrganisationId" UUID,
    "provider" TEXT,
    "outcome" TEXT NOT NULL,
    "status" SMALLINT,
    "error" TEXT,
    "finishReason" TEXT,
    "stream" BOOLEAN NOT NULL,
    "attempts" JSONB,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "overheadMs" REAL,
    "ttftMs" INTEGER,
    "durationMs" INTEGER,
    "settledAt" TIMESTAMPTZ(3),
    "billed" TEXT,
    "usageSource" TEXT,
    "uncachedInput" BIGINT,
    "cacheRead" BIGINT,
    "cacheWrite" BIGINT,
    "audioInput" BIGINT,
    "output" BIGINT,
    "audioOutput" BIGINT,
    "reasoning" BIGINT,
    "heldNanos" BIGINT,
    "costNanos" BIGINT,
    "sellerNanos" BIGINT,
    "feeNanos" BIGINT,
    "told" BOOLEAN NOT NULL,
    "uncounted" BOOLEAN NOT NULL,

    CONSTRAINT "request_log_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage_hour" (
    "organisationId" UUID NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "keyId" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "listingId" UUID NOT NULL,
    "sellerOrganisationId" UUID NOT NULL,
    "requests" BIGINT NOT NULL,
    "streams" BIGINT NOT NULL,
    "failed" BIGINT NOT NULL,
    "refused" BIGINT NOT NULL,
    "left" BIGINT NOT NULL,
    "uncachedInput" BIGINT NOT NULL,
    "cacheRead" BIGINT NOT NULL,
    "cacheWrite" BIGINT NOT NULL,
    "audioInput" BIGINT NOT NULL,
    "output" BIGINT NOT NULL,
    "audioOutput" BIGINT NOT NULL,
    "reasoning" BIGINT NOT NULL,
    "costNanos" BIGINT NOT NULL,
    "sellerNanos" BIGINT NOT NULL,
    "feeNanos" BIGINT NOT NULL,
    "ttftMs" BIGINT NOT NULL,
    "durationMs" BIGINT NOT NULL,

    CONSTRAINT "usage_hour_pkey" PRIMARY KEY ("organisationId","hour","keyId","model","listingId")
);

-- CreateTable
CREATE TABLE "usage_market" (
    "dimension" TEXT NOT NULL,
    "grain" TEXT NOT NULL,
    "bucket" TIMESTAMPTZ(3) NOT NULL,
    "value" TEXT NOT NULL,
    "requests" BIGINT NOT NULL,
    "streams" BIGINT NOT NULL,
    "failed" BIGINT NOT NULL,
    "refused" BIGINT NOT NULL,
    "left" BIGINT NOT NULL,
    "uncachedInput" BIGINT NOT NULL,
    "cacheRead" BIGINT NOT NULL,
    "cacheWrite" BIGINT NOT NULL,
    "audioInput" BIGINT NOT NULL,
    "output" BIGINT NOT NULL,
    "audioOutput" BIGINT NOT NULL,
    "reasoning" BIGINT NOT NULL,
    "costNanos" BIGINT NOT NULL,
    "sellerNanos" BIGINT NOT NULL,
    "feeNanos" BIGINT NOT NULL,
    "ttftMs" BIGINT NOT NULL,
    "durationMs" BIGINT NOT NULL,

    CONSTRAINT "usage_market_pkey" PRIMARY KEY ("dimension","grain","bucket","value")
);

-- CreateTable
CREATE TABLE "usage_progress" (
    "id" INTEGER NOT NULL,
    "epoch" INTEGER NOT NULL,
    "xid" TEXT NOT NULL,
    "asOf" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "usage_progress_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "spending_alert" (
    "id" UUID NOT NULL,
    "organisationId" UUID NOT NULL,
    "keyId" UUID,
    "kind" TEXT NOT NULL,
    "period" TEXT,
    "amountNanos" BIGINT NOT NULL,
    "createdByUserId" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "due" BOOLEAN NOT NULL,
    "firedWindow" TIMESTAMPTZ(3),
    "firedAt" TIMESTAMPTZ(3),
    "firedNanos" BIGINT,

    CONSTRAINT "spending_alert_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "request_log_organisationId_id_idx" ON "request_log"("organisationId", "id");

-- CreateIndex
CREATE INDEX "request_log_keyId_id_idx" ON "request_log"("keyId", "id");

-- CreateIndex
CREATE INDEX "request_log_organisationId_model_id_idx" ON "request_log"("organisationId", "model", "id");

-- CreateIndex
CREATE INDEX "request_log_organisationId_listingId_id_idx" ON "request_log"("organisationId", "listingId", "id");

-- CreateIndex
CREATE INDEX "request_log_organisationId_sellerOrganisationId_id_idx" ON "request_log"("organisationId", "sellerOrganisationId", "id");

-- CreateIndex
CREATE INDEX "request_log_sellerOrganisationId_id_idx" ON "request_log"("sellerOrganisationId", "id");

-- CreateIndex
CREATE INDEX "request_log_sellerOrganisationId_model_id_idx" ON "request_log"("sellerOrganisationId", "model", "id");

-- CreateIndex
CREATE INDEX "request_log_listingId_id_idx" ON "request_log"("listingId", "id");

-- CreateIndex
CREATE INDEX "request_log_model_id_idx" ON "request_log"("model", "id");

-- CreateIndex
CREATE INDEX "usage_hour_sellerOrganisationId_hour_idx" ON "usage_hour"("sellerOrganisationId", "hour");

-- CreateIndex
CREATE INDEX "usage_hour_hour_idx" ON "usage_hour"("hour");

-- CreateIndex
CREATE INDEX "spending_alert_organisationId_id_idx" ON "spending_alert"("organisationId", "id");


ALTER TABLE "request_log"
  ADD CHECK ("outcome" IN ('answered', 'free', 'left', 'failed', 'refused')),
  -- Rows are finished once, by the books; room for it on the same page keeps the indexes as they are.
  SET (fillfactor = 85, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02);
ALTER TABLE "usage_hour" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "usage_market"
  ADD CHECK ("dimension" IN ('model', 'seller', 'listing', 'organisation')),
  ADD CHECK ("grain" IN ('hour', 'day')),
  SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "spending_alert"
  ADD CHECK ("amountNanos" > 0),
  ADD CHECK (("kind" = 'spend') = ("period" IS NOT NULL)),
  ADD CHECK ("kind" IN ('spend', 'balance')),
  ADD CHECK ("kind" = 'spend' OR "keyId" IS NULL),
  ADD CHECK ("period" IN ('day', 'week', 'month'));

-- What went wrong is rare and often asked for.
CREATE INDEX "request_log_organisation_trouble_idx" ON "request_log" ("organisationId", "id") WHERE "outcome" <> 'answered';
CREATE INDEX "request_log_seller_trouble_idx" ON "request_log" ("sellerOrganisationId", "id") WHERE "outcome" <> 'answered';
CREATE INDEX "request_log_trouble_idx" ON "request_log" ("id") WHERE "outcome" <> 'answered';
CREATE INDEX "request_log_uncounted_idx" ON "request_log" ("id") WHERE "uncounted";
CREATE INDEX "spending_alert_due_idx" ON "spending_alert" ("id") WHERE "due";

INSERT INTO "usage_progress" ("id", "epoch", "xid", "asOf") VALUES (1, 1, '0', 'epoch');
