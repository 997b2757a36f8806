-- Why a request went where it went: the pools that decisions were made from, each kept once, and the decisions.

-- CreateTable
CREATE TABLE "route_pool" (
    "id" TEXT NOT NULL,
    "model" TEXT NOT NULL,
    "body" BYTEA NOT NULL,
    "usedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "route_pool_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "route_decision" (
    "requestId" UUID NOT NULL,
    "organisationId" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "decidedAt" TIMESTAMPTZ(3) NOT NULL,
    "body" JSONB NOT NULL,

    CONSTRAINT "route_decision_pkey" PRIMARY KEY ("requestId")
);

-- CreateIndex
CREATE INDEX "route_pool_usedAt_idx" ON "route_pool"("usedAt");

-- CreateIndex
CREATE INDEX "route_decision_decidedAt_idx" ON "route_decision"("decidedAt");
