-- Indexes for what the console asks of a market with a million requests.

-- The newest requests that ended in one way, also where that is rare among what went wrong.
CREATE INDEX "request_log_organisation_outcome_idx" ON "request_log" ("organisationId", "outcome", "id") WHERE "outcome" <> 'answered';
CREATE INDEX "request_log_seller_outcome_idx" ON "request_log" ("sellerOrganisationId", "outcome", "id") WHERE "outcome" <> 'answered';
CREATE INDEX "request_log_outcome_idx" ON "request_log" ("outcome", "id") WHERE "outcome" <> 'answered';

-- One listing's or one key's hours, in a chart of the whole market or of its seller.
CREATE INDEX "usage_hour_listingId_hour_idx" ON "usage_hour" ("listingId", "hour");
CREATE INDEX "usage_hour_keyId_hour_idx" ON "usage_hour" ("keyId", "hour");

-- What a listing has earned, without reading all that its seller has earned.
CREATE INDEX usage_record_listing_idx ON ledger.usage_record (listing_id, id) INCLUDE (seller_organisation_id, seller_nanos);
