-- Getting in by oneself: invitations, links that come by mail, a second factor, and the mails themselves.

ALTER TABLE "user"
  -- Set while an invited person has not chosen a password yet.
  ADD COLUMN "invitedAt" timestamptz(3);
-- The states by which operators look for people; whoever is in none of them is active.
CREATE INDEX user_invited_idx ON "user" ("id") WHERE "invitedAt" IS NOT NULL AND "closedAt" IS NULL;
CREATE INDEX user_unverified_idx ON "user" ("id") WHERE NOT "emailVerified" AND "closedAt" IS NULL;
CREATE INDEX user_closed_idx ON "user" ("id") WHERE "closedAt" IS NOT NULL;

-- A way in that came by mail: one of each kind a user at a time, so that a new one ends the old.
CREATE TABLE user_link (
  "userId" uuid NOT NULL,
  "kind" text NOT NULL CHECK ("kind" IN ('invitation', 'reset', 'verification')),
  -- SHA-256 of 32 random bytes; the bytes themselves are in the mail and nowhere else.
  "tokenHash" bytea NOT NULL,
  "mailId" uuid NOT NULL,
  "createdAt" timestamptz(3) NOT NULL,
  "expiresAt" timestamptz(3) NOT NULL,
  CONSTRAINT user_link_pkey PRIMARY KEY ("userId", "kind"),
  CONSTRAINT "user_link_userId_fkey" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "user_link_tokenHash_key" ON user_link ("tokenHash");
CREATE INDEX "user_link_expiresAt_idx" ON user_link ("expiresAt");

CREATE TABLE second_factor (
  "userId" uuid NOT NULL,
  -- The shared secret of the authenticator app, sealed.
  "sealedSecret" bytea NOT NULL,
  -- NULL until a first code has shown that the app has the secret.
  "enabledAt" timestamptz(3),
  -- The period of the last code that was taken: none is taken twice.
  "lastPeriod" bigint NOT NULL DEFAULT 0,
  "backupHashes" bytea[],
  "failures" integer NOT NULL DEFAULT 0,
  "lockedUntil" timestamptz(3),
  "createdAt" timestamptz(3) NOT NULL,
  CONSTRAINT second_factor_pkey PRIMARY KEY ("userId"),
  CONSTRAINT "second_factor_userId_fkey" FOREIGN KEY ("userId") REFERENCES "user" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- Mails on their way. `text` says LINK where the link goes; the link stands apart and is wiped when it is sent, used or
-- over, so that neither a copy of this table nor a reader of it gets in by an old mail.
CREATE TABLE mail (
  "id" uuid NOT NULL,
  "kind" text NOT NULL,
  "recipient" text NOT NULL,
  "subject" text NOT NULL,
  "text" text NOT NULL,
  "link" text,
  "linkExpiresAt" timestamptz(3),
  "state" text NOT NULL CHECK ("state" IN ('queued', 'sent', 'failed', 'kept')),
  "attempts" integer NOT NULL DEFAULT 0,
  "lastError" text,
  "createdAt" timestamptz(3) NOT NULL,
  "sentAt" timestamptz(3),
  "nextAttemptAt" timestamptz(3) NOT NULL,
  CONSTRAINT mail_pkey PRIMARY KEY ("id")
);
CREATE INDEX mail_due_idx ON mail ("nextAttemptAt") WHERE "state" = 'queued';
CREATE INDEX mail_link_idx ON mail ("linkExpiresAt") WHERE "link" IS NOT NULL;
CREATE INDEX "mail_state_id_idx" ON mail ("state", "id");
CREATE INDEX "mail_recipient_id_idx" ON mail ("recipient", "id");
