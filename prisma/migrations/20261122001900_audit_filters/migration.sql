-- Every filter of the audit log walks an index in the order of the list: the newest ids first.

-- DropIndex
DROP INDEX "audit_event_subject_at_idx";

-- CreateIndex
CREATE INDEX "audit_event_subject_id_idx" ON "audit_event"("subject", "id");

-- CreateIndex
CREATE INDEX "audit_event_actorId_id_idx" ON "audit_event"("actorId", "id");

-- CreateIndex
CREATE INDEX "audit_event_action_id_idx" ON "audit_event"("action", "id");

-- The thing before the point of an action: `key` of `key.revoked`.
CREATE INDEX "audit_event_thing_idx" ON "audit_event" (split_part("action", '.', 1), "id");

-- The system page says which migrations a database has.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'gateway_app') AND to_regclass('_prisma_migrations') IS NOT NULL THEN
    GRANT SELECT ON _prisma_migrations TO gateway_app;
  END IF;
END
$$;
