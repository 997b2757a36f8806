-- Listings go live only after their key has been seen to work; grounds are the operator's to accept; one key, one listing.

ALTER TABLE "listing" ADD COLUMN     "groundAttestedBy" TEXT,
ADD COLUMN     "keyFingerprint" BYTEA,
ADD COLUMN     "reviewReason" TEXT,
ADD COLUMN     "stateBy" TEXT NOT NULL DEFAULT 'system',
ADD COLUMN     "verifiedAt" TIMESTAMPTZ(3);

-- What is on offer stays on offer: an operator vouched for it. A key that was refused must show itself again.
UPDATE "listing" SET
  "stateBy" = CASE
    WHEN "stateReason" IN ('paused_by_seller', 'resumed_by_seller') THEN 'seller'
    WHEN "stateReason" IN ('paused_by_operator', 'operator_attested') THEN 'operator'
    ELSE 'system'
  END,
  "verifiedAt" = CASE WHEN "state" IN ('active', 'paused') THEN "updatedAt" END;

-- CreateIndex
CREATE UNIQUE INDEX "listing_keyFingerprint_key" ON "listing"("keyFingerprint");

-- CreateTable
CREATE TABLE "listing_verification" (
    "listingId" UUID NOT NULL,
    "round" UUID NOT NULL,
    "step" TEXT NOT NULL,
    "outcome" TEXT,
    "message" TEXT,
    "checkedAt" TIMESTAMPTZ(3),
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "dueAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "leaseOwner" TEXT,
    "leaseUntil" TIMESTAMPTZ(3),
    "unlisted" TEXT[] DEFAULT ARRAY[]::TEXT[],

    CONSTRAINT "listing_verification_pkey" PRIMARY KEY ("listingId")
);

-- CreateTable
CREATE TABLE "accepted_ground" (
    "provider" TEXT NOT NULL,
    "ground" TEXT NOT NULL,
    "accepted" BOOLEAN NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "accepted_ground_pkey" PRIMARY KEY ("provider","ground")
);

-- CreateIndex
CREATE INDEX "listing_verification_dueAt_idx" ON "listing_verification"("dueAt");

-- AddForeignKey
ALTER TABLE "listing_verification" ADD CONSTRAINT "listing_verification_listingId_fkey" FOREIGN KEY ("listingId") REFERENCES "listing"("id") ON DELETE CASCADE ON UPDATE CASCADE;
