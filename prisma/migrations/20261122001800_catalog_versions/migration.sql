-- Which catalogues were loaded and what each changed, so that an operator sees what an update did to prices.

-- CreateTable
CREATE TABLE "catalog_version" (
    "id" UUID NOT NULL,
    "hash" TEXT NOT NULL,
    "loadedAt" TIMESTAMPTZ(3) NOT NULL,
    "cause" TEXT NOT NULL,
    "models" INTEGER NOT NULL,
    "added" INTEGER NOT NULL,
    "removed" INTEGER NOT NULL,
    "dearer" INTEGER NOT NULL,
    "cheaper" INTEGER NOT NULL,
    "changes" JSONB NOT NULL,
    "isCut" BOOLEAN NOT NULL,

    CONSTRAINT "catalog_version_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "catalog_version_cause_check" CHECK ("cause" IN ('start', 'calendar'))
);

-- CreateIndex
CREATE INDEX "catalog_version_cause_id_idx" ON "catalog_version"("cause", "id");

-- CreateTable
CREATE TABLE "catalog_content" (
    "one" BOOLEAN NOT NULL DEFAULT true,
    "hash" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "since" JSONB NOT NULL,

    CONSTRAINT "catalog_content_pkey" PRIMARY KEY ("one"),
    CONSTRAINT "catalog_content_one_check" CHECK ("one")
);
