import type { Prisma } from '../generated/prisma/client.ts'
import type { Database, DatabaseClient } from '../platform/database.ts'

export type Transaction = Prisma.TransactionClient

/** Every change of a key, and of the organisation behind it (users/store.ts), is told here: the payload is the id of either. */
const KEY_CHANNEL = 'gateway_key'

/** What a key proves and allows, in one read: its own row, its owner's state, and whether it has a budget. */
export interface KeyLookup {
  id: string
  organisationId: string
  name: string
  /** The hash that the presented id belongs to: the current secret's, or the one before a rotation. */
  secretHash: Buffer
  /** When the presented secret ends although the key goes on. */
  previousUntil: Date | null
  scopes: string[]
  models: string[]
  expiresAt: Date | null
  revokedAt: Date | null
  closedAt: Date | null
  /** Whether anyone in the organisation still has the role that inference needs. */
  mayBuy: boolean
  requestsPerMinute: number | null
  tokensPerMinute: number | null
  defaultMaxOutputTokens: number | null
  policy: unknown
}

const LOOKUP = {
  name: 'key_by_lookup_id',
  text: `
    SELECT k.id, k."organisationId", k.name, k.scopes, coalesce(k.models, '{}') AS models, k."expiresAt", k."revokedAt", o."closedAt",
           k."requestsPerMinute", k."tokensPerMinute", k."defaultMaxOutputTokens", k.policy,
           CASE WHEN k."lookupId" = $1 THEN k."secretHash" ELSE k."previousSecretHash" END AS "secretHash",
           CASE WHEN k."lookupId" = $1 THEN NULL ELSE k."previousUntil" END AS "previousUntil",
           EXISTS (SELECT 1 FROM membership m
                    WHERE m."organisationId" = k."organisationId" AND 'buyer' = ANY (m.roles)) AS "mayBuy"
      FROM api_key k
      JOIN organisation o ON o.id = k."organisationId"
     WHERE k."lookupId" = $1 OR k."previousLookupId" = $1`,
}

export async function lookUpKey(database: Database, lookupId: string): Promise<KeyLookup | undefined> {
  const { rows } = await database.pool.query<KeyLookup>({ ...LOOKUP, values: [lookupId] })
  return rows[0]
}

/** Never moves a time back, so batches of several nodes may come in any order. */
export async function touchKeys(database: Database, uses: ReadonlyMap<string, number>): Promise<void> {
  await database.pool.query({
    text: `
      UPDATE api_key k SET "lastUsedAt" = u.at
        FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)
       WHERE k.id = u.id AND (k."lastUsedAt" IS NULL OR k."lastUsedAt" < u.at)`,
    values: [[...uses.keys()], [...uses.values()].map((atMs) => new Date(atMs))],
  })
}

/** Calls `onChange` with the id of each changed key or organisation, until `client` ends. */
export async function listenForKeys(client: DatabaseClient, onChange: (id: string) => void): Promise<void> {
  client.on('notification', ({ payload }) => {
    if (payload) onChange(payload)
  })
  await client.query('LISTEN gateway_key')
}

export function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return database.prisma.$transaction(work)
}

async function tell(client: Transaction, id: string): Promise<void> {
  await client.$executeRaw`SELECT pg_notify(${KEY_CHANNEL}, ${id})`
}

const shown = {
  id: true,
  organisationId: true,
  createdByUserId: true,
  name: true,
  lookupId: true,
  hint: true,
  scopes: true,
  models: true,
  expiresAt: true,
  requestsPerMinute: true,
  tokensPerMinute: true,
  defaultMaxOutputTokens: true,
  policy: true,
  createdAt: true,
  lastUsedAt: true,
  revokedAt: true,
  previousUntil: true,
} satisfies Prisma.ApiKeySelect

export type KeyRecord = Prisma.ApiKeyGetPayload<{ select: typeof shown }>

export async function insertKey(
  client: Transaction,
  data: Prisma.ApiKeyUncheckedCreateInput,
): Promise<KeyRecord> {
  return client.apiKey.create({ data, select: shown })
}

export async function findKey(client: Transaction, id: string): Promise<KeyRecord | undefined> {
  return (await client.apiKey.findUnique({ where: { id }, select: shown })) ?? undefined
}

/** The newest keys first; of one organisation unless an operator asks for all. */
export async function listKeys(
  client: Transaction,
  { limit, beforeId, organisationId }: { limit: number; beforeId?: string; organisationId?: string },
): Promise<KeyRecord[]> {
  return client.apiKey.findMany({
    where: {
      ...(organisationId ? { organisationId } : {}),
      ...(beforeId ? { id: { lt: beforeId } } : {}),
    },
    orderBy: { id: 'desc' },
    take: limit,
    select: shown,
  })
}

export async function countOpenKeys(client: Transaction, organisationId: string): Promise<number> {
  return client.apiKey.count({ where: { organisationId, revokedAt: null } })
}

export async function changeKey(
  client: Transaction,
  id: string,
  data: Prisma.ApiKeyUncheckedUpdateInput,
): Promise<KeyRecord> {
  const record = await client.apiKey.update({ where: { id }, data, select: shown })
  await tell(client, id)
  return record
}

/** Puts a new secret in the key's place; the old one goes on until `graceUntil`, or ends now. */
export async function replaceSecret(
  client: Transaction,
  id: string,
  next: { lookupId: string; secretHash: Uint8Array<ArrayBuffer>; hint: string; graceUntil: Date | undefined },
): Promise<KeyRecord> {
  const { lookupId, secretHash, hint, graceUntil } = next
  // In one statement: what was current becomes previous without a moment in which both or neither hold.
  await client.$executeRaw`
    UPDATE api_key
       SET "previousLookupId" = CASE WHEN ${graceUntil ?? null}::timestamptz IS NULL THEN NULL ELSE "lookupId" END,
           "previousSecretHash" = CASE WHEN ${graceUntil ?? null}::timestamptz IS NULL THEN NULL ELSE "secretHash" END,
           "previousUntil" = ${graceUntil ?? null}::timestamptz,
           "lookupId" = ${lookupId}, "secretHash" = ${secretHash}, hint = ${hint}
     WHERE id = ${id}::uuid`
  await tell(client, id)
  return client.apiKey.findUniqueOrThrow({ where: { id }, select: shown })
}

/** Holds the organisation's row until the transaction ends. */
export async function lockOrganisation(client: Transaction, organisationId: string): Promise<void> {
  await client.$queryRaw`SELECT id FROM organisation WHERE id = ${organisationId}::uuid FOR UPDATE`
}

/** The organisation's state and who may buy in it; `undefined` when there is none. */
export async function findOrganisation(
  client: Transaction,
  organisationId: string,
): Promise<{ closedAt: Date | null; roles: string[] } | undefined> {
  const found = await client.organisation.findUnique({
    where: { id: organisationId },
    select: { closedAt: true, memberships: { select: { roles: true } } },
  })
  return found
    ? { closedAt: found.closedAt, roles: found.memberships.flatMap(({ roles }) => roles) }
    : undefined
}
