/** The rows of verifications: who is at it, how far it came, how it ended. Private to this folder. */
import type { Database } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'
import type { Transaction } from './store.ts'

/** Begins a new verification; an answer to an older one counts for nothing. */
export async function startVerification(client: Transaction, listingId: string): Promise<void> {
  const fresh = {
    round: uuidv7(),
    step: 'listing_models',
    outcome: null,
    message: null,
    checkedAt: null,
    attempts: 0,
    leaseOwner: null,
    leaseUntil: null,
    unlisted: [],
  }
  await client.listingVerification.upsert({
    where: { listingId },
    create: { listingId, ...fresh },
    update: fresh,
  })
  // By the database's clock, which all nodes share.
  await client.$executeRaw`UPDATE listing_verification SET "dueAt" = now() WHERE "listingId" = ${listingId}::uuid`
}

/** A listing to verify, and what is needed for it. */
export interface VerificationTask {
  listingId: string
  round: string
  organisationId: string
  provider: string
  baseUrl: string
  sealedCredential: Buffer
  models: { model: string; upstreamModel: string }[]
}

/** Takes the listing that has waited longest and nobody is at; `undefined` when there is none. */
export async function claimVerification(
  database: Database,
  { owner, leaseMs, except }: { owner: string; leaseMs: number; except: readonly string[] },
): Promise<VerificationTask | undefined> {
  const { rows } = await database.pool.query<VerificationTask>({
    name: 'marketplace_claim_verification',
    text: `
      WITH due AS (
        SELECT v."listingId" FROM listing_verification v JOIN listing l ON l.id = v."listingId"
         WHERE l.state = 'verifying' AND l."deletedAt" IS NULL AND v."dueAt" <= now()
           AND (v."leaseUntil" IS NULL OR v."leaseUntil" < now()) AND l.id <> ALL ($3::uuid[])
         ORDER BY v."dueAt" LIMIT 1 FOR UPDATE OF v SKIP LOCKED
      ), taken AS (
        UPDATE listing_verification v SET "leaseOwner" = $1, "leaseUntil" = now() + $2 * interval '1 millisecond'
          FROM due WHERE v."listingId" = due."listingId" RETURNING v."listingId", v.round
      )
      SELECT taken."listingId", taken.round, l."organisationId", l.provider, l."baseUrl", l."sealedCredential",
             (SELECT json_agg(json_build_object('model', m.model, 'upstreamModel', m."upstreamModel") ORDER BY m.model)
                FROM listing_model m WHERE m."listingId" = l.id) AS models
        FROM taken JOIN listing l ON l.id = taken."listingId"`,
    values: [owner, leaseMs, except],
  })
  return rows[0]
}

export async function writeStep(
  database: Database,
  { listingId, round, step }: { listingId: string; round: string; step: string },
): Promise<void> {
  await database.prisma.listingVerification.updateMany({ where: { listingId, round }, data: { step } })
}

/** Writes how an attempt ended; `false` when the round is over, because a newer one has begun. */
export async function writeOutcome(
  client: Transaction,
  {
    listingId,
    round,
    ...outcome
  }: {
    listingId: string
    round: string
    outcome: string
    message: string | null
    checkedAt: Date
    unlisted: string[]
  },
): Promise<boolean> {
  const { count } = await client.listingVerification.updateMany({
    where: { listingId, round },
    data: { ...outcome, attempts: { increment: 1 }, leaseOwner: null, leaseUntil: null },
  })
  return count > 0
}

/** Puts the next attempt off. */
export async function postpone(client: Transaction, listingId: string, delayMs: number): Promise<void> {
  await client.$executeRaw`
    UPDATE listing_verification SET step = 'listing_models', "dueAt" = now() + ${delayMs} * interval '1 millisecond'
     WHERE "listingId" = ${listingId}::uuid`
}

/** What a node had taken and left: at its end, and at its start, when it died in between. */
export async function releaseLeases(database: Database, owner: string): Promise<void> {
  await database.prisma.listingVerification.updateMany({
    where: { leaseOwner: owner },
    data: { leaseOwner: null, leaseUntil: null },
  })
}
