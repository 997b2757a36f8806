-- Prices in versions: what a seller asked for a model, from when, and what it came after.

-- CreateTable
CREATE TABLE "listing_price" (
    "id" UUID NOT NULL,
    "listingId" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "follows" INTEGER,
    "rule" JSONB NOT NULL,
    "effectiveFrom" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "createdBy" UUID,

    CONSTRAINT "listing_price_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "listing_price_listingId_id_idx" ON "listing_price"("listingId", "id");

-- CreateIndex
CREATE INDEX "listing_price_listingId_createdAt_idx" ON "listing_price"("listingId", "createdAt");

-- CreateIndex
CREATE UNIQUE INDEX "listing_price_listingId_model_version_key" ON "listing_price"("listingId", "model", "version");

-- What Prisma cannot say ------------------------------------------------------------------------------------------

-- A version follows the one that is in force when it is made. One that was announced and replaced before its time is
-- followed by nobody: that is how a cancelled one is told, and nothing ever needs to be changed.
ALTER TABLE "listing_price"
  ADD CONSTRAINT listing_price_version CHECK ("version" >= 1),
  ADD CONSTRAINT listing_price_follows CHECK (
    ("version" = 1) = ("follows" IS NULL) AND ("follows" IS NULL OR "follows" BETWEEN 1 AND "version" - 1)
  ),
  ADD CONSTRAINT listing_price_not_back_in_time CHECK ("effectiveFrom" >= "createdAt"),
  ADD CONSTRAINT listing_price_rule CHECK (jsonb_typeof("rule") = 'object' AND "rule" ? 'kind');

-- The prices that exist have been in force since their listings were made. Their ids are UUIDs of version 7 at that time.
INSERT INTO "listing_price" ("id", "listingId", "model", "version", "rule", "effectiveFrom", "createdAt")
SELECT overlay(gen_random_uuid()::text PLACING
         left(t.hex, 8) || '-' || right(t.hex, 4) || '-7' FROM 1 FOR 15)::uuid,
       l."id", m."model", 1, m."price", l."createdAt", l."createdAt"
FROM "listing_model" m
JOIN "listing" l ON l."id" = m."listingId"
CROSS JOIN LATERAL (
  SELECT lpad(to_hex((extract(epoch FROM l."createdAt") * 1000)::bigint), 12, '0') AS hex
) t;

-- What was asked is never rewritten: a bill refers to it. ALWAYS, so that replication mode does not switch it off.
CREATE FUNCTION listing_price_refuse_change() RETURNS trigger
  LANGUAGE plpgsql
  SET search_path = pg_catalog
AS $$
BEGIN
  RAISE EXCEPTION 'listing_price is append-only: % is refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER listing_price_no_change BEFORE UPDATE OR DELETE ON "listing_price"
  FOR EACH ROW EXECUTE FUNCTION listing_price_refuse_change();
CREATE TRIGGER listing_price_no_truncate BEFORE TRUNCATE ON "listing_price"
  FOR EACH STATEMENT EXECUTE FUNCTION listing_price_refuse_change();
ALTER TABLE "listing_price" ENABLE ALWAYS TRIGGER listing_price_no_change;
ALTER TABLE "listing_price" ENABLE ALWAYS TRIGGER listing_price_no_truncate;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway_app') THEN
    REVOKE UPDATE, DELETE, TRUNCATE ON public.listing_price FROM gateway_app;
  END IF;
END
$$;
