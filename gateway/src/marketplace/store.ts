/** The rows of listings. Private to this folder. */
import type { Prisma } from '../generated/prisma/client.ts'
import type { Database, DatabaseClient } from '../platform/database.ts'
import type { CapacityColumns, CapacityRow } from './listing-capacity.ts'
import { OFFER_PRICES, type StoredPrice } from './price-store.ts'

export type Transaction = Prisma.TransactionClient

/** Every change of a listing is told here; the payload is its id. */
const CHANNEL = 'gateway_listing'

/** A listing as people see it: everything but its credential. */
const shown = {
  id: true,
  organisationId: true,
  name: true,
  provider: true,
  baseUrl: true,
  credentialHint: true,
  ground: true,
  groundAttestedAt: true,
  groundAttestedBy: true,
  state: true,
  stateReason: true,
  stateBy: true,
  verifiedAt: true,
  reviewReason: true,
  requestsPerMinute: true,
  tokensPerMinute: true,
  concurrency: true,
  tokensPerDay: true,
  tokensPerMonth: true,
  nanosPerDay: true,
  nanosPerMonth: true,
  createdAt: true,
  updatedAt: true,
  models: {
    select: { model: true, upstreamModel: true, price: true, capacity: true },
    orderBy: { model: 'asc' },
  },
  verification: {
    select: { step: true, outcome: true, message: true, checkedAt: true, attempts: true, unlisted: true },
  },
} satisfies Prisma.ListingSelect

export type ListingRecord = Prisma.ListingGetPayload<{ select: typeof shown }>

export interface ModelRow {
  model: string
  upstreamModel: string
  price: Prisma.InputJsonValue
  capacity?: Prisma.InputJsonValue
}

export interface ListingFields extends Partial<CapacityColumns> {
  name: string
  baseUrl: string
  sealedCredential: Uint8Array<ArrayBuffer>
  credentialHint: string
  ground: string
  groundAttestedAt: Date
  groundAttestedBy: string
  state: string
  stateReason: string | null
  stateBy: string
  verifiedAt: Date | null
  keyFingerprint: Uint8Array<ArrayBuffer> | null
  reviewReason: string | null
}

export interface NewListing extends Omit<ListingFields, 'verifiedAt' | 'reviewReason'> {
  id: string
  organisationId: string
  provider: string
  models: readonly ModelRow[]
}

export function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return database.prisma.$transaction(work)
}

export async function insertListing(
  client: Transaction,
  { models, ...fields }: NewListing,
): Promise<ListingRecord> {
  const record = await client.listing.create({
    data: { ...fields, models: { createMany: { data: [...models] } } },
    select: shown,
  })
  await tell(client, fields.id)
  return record
}

/** Changes a listing that is not deleted; `models` replaces all of them. `undefined` when there is none. */
export async function updateListing(
  client: Transaction,
  id: string,
  { models, ...fields }: Partial<ListingFields> & { models?: readonly ModelRow[]; deletedAt?: Date },
): Promise<ListingRecord | undefined> {
  const { count } = await client.listing.updateMany({ where: { id, deletedAt: null }, data: fields })
  if (count === 0) return undefined
  if (models) {
    await client.listingModel.deleteMany({ where: { listingId: id } })
    await client.listingModel.createMany({ data: models.map((row) => ({ ...row, listingId: id })) })
  }
  await tell(client, id)
  return client.listing.findUniqueOrThrow({ where: { id }, select: shown })
}

/** Takes models by the provider's names for them off a listing. */
export async function removeModels(
  client: Transaction,
  listingId: string,
  upstreamModels: readonly string[],
): Promise<void> {
  if (upstreamModels.length === 0) return
  await client.listingModel.deleteMany({ where: { listingId, upstreamModel: { in: [...upstreamModels] } } })
}

/** The listing that has this key, if one has. */
export async function findByFingerprint(
  client: Transaction,
  keyFingerprint: Uint8Array<ArrayBuffer>,
): Promise<ListingRecord | undefined> {
  return (await client.listing.findUnique({ where: { keyFingerprint }, select: shown })) ?? undefined
}

/** Listings of a provider in these states, locked until the transaction ends. */
export async function lockListings(
  client: Transaction,
  { provider, states }: { provider: string; states: readonly string[] },
): Promise<ListingRecord[]> {
  await client.$executeRaw`
    SELECT 1 FROM listing WHERE provider = ${provider} AND state = ANY (${[...states]}) ORDER BY id FOR UPDATE`
  return client.listing.findMany({
    where: { provider, state: { in: [...states] }, deletedAt: null },
    select: shown,
  })
}

/** Whether this id belonged to a listing that was ended for good. */
export async function isDeleted(client: Transaction, id: string): Promise<boolean> {
  return (await client.listing.count({ where: { id, deletedAt: { not: null } } })) > 0
}

export async function findListing(
  client: Pick<Transaction, 'listing'>,
  id: string,
): Promise<ListingRecord | undefined> {
  return (await client.listing.findFirst({ where: { id, deletedAt: null }, select: shown })) ?? undefined
}

/** The listing, locked until the transaction ends: what is decided from its fields still holds when they are written. */
export async function lockListing(client: Transaction, id: string): Promise<ListingRecord | undefined> {
  await client.$executeRaw`SELECT 1 FROM listing WHERE id = ${id}::uuid FOR UPDATE`
  return findListing(client, id)
}

/** What the public sees: active listings of open sellers that this gateway uses. */
export interface OnOffer {
  except: readonly string[]
  /** Whether demo listings are on offer too. */
  demo: boolean
}

export interface ListingFilter {
  limit: number
  beforeId?: string
  organisationId?: string
  provider?: string
  model?: string
  state?: string
  search?: string
  /** With a reason why an operator should look at it. */
  inReview?: boolean
  /** One's own and what is on offer; left out: all. */
  visible?: { organisationId: string; onOffer: OnOffer }
}

/** Newest first. */
export function listListings(database: Database, filter: ListingFilter): Promise<ListingRecord[]> {
  const { limit, beforeId, organisationId, provider, model, state, search, inReview, visible } = filter
  return database.prisma.listing.findMany({
    where: {
      deletedAt: null,
      ...(beforeId ? { id: { lt: beforeId } } : {}),
      ...(organisationId ? { organisationId } : {}),
      ...(provider ? { provider } : {}),
      ...(state ? { state } : {}),
      ...(inReview ? { reviewReason: { not: null } } : {}),
      ...(model ? { models: { some: { model } } } : {}),
      ...(search ? { name: { contains: likeText(search), mode: 'insensitive' } } : {}),
      ...(visible ? { OR: [{ organisationId: visible.organisationId }, whereOnOffer(visible.onOffer)] } : {}),
    },
    orderBy: { id: 'desc' },
    take: limit,
    select: shown,
  })
}

export async function isOnOffer(database: Database, id: string, onOffer: OnOffer): Promise<boolean> {
  return (await database.prisma.listing.count({ where: { id, AND: [whereOnOffer(onOffer)] } })) > 0
}

function whereOnOffer({ except, demo }: OnOffer) {
  return {
    state: 'active',
    deletedAt: null,
    organisation: { closedAt: null },
    id: { notIn: [...except] },
    ...(demo ? {} : { ground: { not: 'demo' } }),
  } satisfies Prisma.ListingWhereInput
}

/** Text in a LIKE that means itself: Prisma leaves wildcards as they are. */
function likeText(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&')
}

export async function findOrganisation(
  client: Pick<Transaction, 'organisation'>,
  id: string,
): Promise<{ closedAt: Date | null } | undefined> {
  return (await client.organisation.findUnique({ where: { id }, select: { closedAt: true } })) ?? undefined
}

export async function findPlatformOrganisation(database: Database): Promise<string | undefined> {
  const found = await database.prisma.organisation.findFirst({
    where: { kind: 'platform' },
    select: { id: true },
  })
  return found?.id
}

/** One row per offer of an active listing whose seller is open. */
export interface OfferRow extends CapacityRow {
  listingId: string
  organisationId: string
  provider: string
  name: string
  baseUrl: string
  sealedCredential: Buffer
  ground: string
  updatedAt: Date
  models: { model: string; upstreamModel: string; prices: StoredPrice[]; capacity?: unknown }[]
}

export async function loadOffers(database: Database): Promise<OfferRow[]> {
  const { rows } = await database.pool.query<OfferRow>({
    name: 'marketplace_offers',
    text: `
      SELECT l.id AS "listingId", l."organisationId", l.provider, l.name, l."baseUrl", l."sealedCredential", l.ground,
             l."requestsPerMinute", l."tokensPerMinute", l.concurrency, l."tokensPerDay", l."tokensPerMonth",
             l."nanosPerDay", l."nanosPerMonth", l."updatedAt",
             json_agg(json_build_object('model', m.model, 'upstreamModel', m."upstreamModel", 'prices', ${OFFER_PRICES},
                                        'capacity', m.capacity) ORDER BY m.model) AS models
        FROM listing l
        JOIN organisation o ON o.id = l."organisationId"
        JOIN listing_model m ON m."listingId" = l.id
       WHERE l.state = 'active' AND l."deletedAt" IS NULL AND o."closedAt" IS NULL
       GROUP BY l.id
       ORDER BY l.id`,
  })
  return rows
}

/** Changes whenever a listing does, whoever's clock wrote `updatedAt`: one scan of a small table. */
export async function marketVersion(database: Database): Promise<string> {
  const { rows } = await database.pool.query<{ version: string }>({
    name: 'marketplace_version',
    text: `
      SELECT concat_ws('/', count(*), max(l."updatedAt"), sum(extract(epoch FROM l."updatedAt")),
                       count(*) FILTER (WHERE l.state = 'active' AND o."closedAt" IS NULL)) AS version
        FROM listing l JOIN organisation o ON o.id = l."organisationId"`,
  })
  return rows[0]?.version ?? ''
}

/** Calls `onChange` for every change of a listing, until `client` ends. */
export async function listenForListings(client: DatabaseClient, onChange: () => void): Promise<void> {
  client.on('notification', onChange)
  await client.query(`LISTEN ${CHANNEL}`)
}

async function tell(client: Transaction, id: string): Promise<void> {
  await client.$executeRaw`SELECT pg_notify(${CHANNEL}, ${id})`
}
