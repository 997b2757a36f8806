import type { Prisma } from '../generated/prisma/client.ts'
import type { Role } from '../http/principal.ts'
import type { Database } from '../platform/database.ts'
import { uuidv7 } from '../platform/ids.ts'

export type Transaction = Prisma.TransactionClient

/** There is one platform organisation, so its id is known: two nodes that start at once cannot make two. */
const PLATFORM_ORGANISATION_ID = '00000000-0000-7000-8000-000000000001'
/** How often PostgreSQL tells all nodes that keys changed, see keys/verify.ts. The payload is a key's or an organisation's id. */
const KEY_CHANNEL = 'gateway_key'

/** What `userRecord` reads. */
export const withMemberships = {
  memberships: { include: { organisation: { select: { id: true, kind: true, closedAt: true } } } },
  secondFactor: { select: { enabledAt: true } },
} satisfies Prisma.UserInclude

type UserWithMemberships = Prisma.UserGetPayload<{ include: typeof withMemberships }>

export interface UserRecord {
  id: string
  email: string
  name: string
  /** The personal organisation. */
  organisationId: string
  roles: Role[]
  state: UserState
  twoFactor: boolean
  createdAt: Date
  invitedAt: Date | null
  closedAt: Date | null
}

/** `invited`: has not chosen a password yet. `unverified`: signed up and has not confirmed the address. */
export type UserState = 'active' | 'invited' | 'unverified' | 'closed'

export function inTransaction<Result>(
  database: Database,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  return database.prisma.$transaction(work)
}

export async function findUser(
  client: Transaction,
  by: { id: string } | { email: string },
): Promise<UserRecord | undefined> {
  const user = await client.user.findUnique({ where: by, include: withMemberships })
  return user ? userRecord(user) : undefined
}

export interface UserFilter {
  limit: number
  beforeId?: string
  search?: string
  state?: UserState
  role?: Role
}

/** As `stateOf` says of one user. */
const ofState: Record<UserState, Prisma.UserWhereInput> = {
  active: { closedAt: null, invitedAt: null, emailVerified: true },
  invited: { closedAt: null, invitedAt: { not: null } },
  unverified: { closedAt: null, invitedAt: null, emailVerified: false },
  closed: { closedAt: { not: null } },
}

/** The newest users first; `search` is part of a name or an address. */
export async function listUsers(
  client: Transaction,
  { limit, beforeId, search, state, role }: UserFilter,
): Promise<UserRecord[]> {
  const users = await client.user.findMany({
    where: {
      ...(beforeId ? { id: { lt: beforeId } } : {}),
      ...(state ? ofState[state] : {}),
      ...(role ? { memberships: { some: { roles: { has: role } } } } : {}),
      ...(search ? { OR: [{ email: like(search) }, { name: like(search) }] } : {}),
    },
    include: withMemberships,
    orderBy: { id: 'desc' },
    take: limit,
  })
  return users.map(userRecord)
}

/** `%` and `_` of a search are the characters themselves, not wildcards that scan everything. */
function like(search: string) {
  return { contains: search.replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' as const }
}

export interface NewUser {
  email: string
  name: string
  /** `null` until an invited person chooses a password. */
  passwordHash: string | null
  /** Whether somebody vouches for the address: an operator, or the person who got a mail there. */
  emailVerified: boolean
  roles: readonly Role[]
  nowMs: number
}

/** A user, the credential better-auth signs in with, the personal organisation and the membership in it. */
export async function insertUser(client: Transaction, user: NewUser): Promise<string> {
  const id = uuidv7(user.nowMs)
  const createdAt = new Date(user.nowMs)
  await client.user.create({
    data: {
      id,
      email: user.email,
      name: user.name,
      emailVerified: user.emailVerified,
      invitedAt: user.passwordHash === null ? createdAt : null,
      createdAt,
      accounts: {
        create: {
          id: uuidv7(user.nowMs),
          accountId: id,
          providerId: 'credential',
          password: user.passwordHash,
        },
      },
      memberships: {
        create: {
          roles: ['owner', ...user.roles],
          organisation: { create: { id: uuidv7(user.nowMs), name: user.name, kind: 'personal', createdAt } },
        },
      },
    },
  })
  return id
}

/** Makes sure that the platform organisation exists, and holds its row until the transaction ends. */
export async function lockPlatform(client: Transaction): Promise<void> {
  await client.$executeRaw`
    INSERT INTO organisation (id, name, kind) VALUES (${PLATFORM_ORGANISATION_ID}::uuid, 'Platform', 'platform')
    ON CONFLICT (id) DO NOTHING`
  await lockOrganisation(client, PLATFORM_ORGANISATION_ID)
}

/** Holds the organisation's row until the transaction ends; false when there is none. */
export async function lockOrganisation(client: Transaction, organisationId: string): Promise<boolean> {
  const rows = await client.$queryRaw<unknown[]>`
    SELECT id FROM organisation WHERE id = ${organisationId}::uuid FOR UPDATE`
  return rows.length > 0
}

/** Holds the user's row until the transaction ends. */
export async function lockUser(client: Transaction, userId: string): Promise<void> {
  await client.$executeRaw`SELECT 1 FROM "user" WHERE id = ${userId}::uuid FOR UPDATE`
}

export async function setOperator(client: Transaction, userId: string, operator: boolean): Promise<void> {
  const key = { organisationId: PLATFORM_ORGANISATION_ID, userId }
  if (operator) {
    await client.membership.upsert({
      where: { organisationId_userId: key },
      create: { ...key, roles: ['operator'] },
      update: { roles: ['operator'] },
    })
  } else await client.membership.deleteMany({ where: key })
}

/** The oldest operators that can still sign in. */
export async function openOperators(client: Transaction, limit = 2): Promise<string[]> {
  const memberships = await client.membership.findMany({
    where: { organisationId: PLATFORM_ORGANISATION_ID, roles: { has: 'operator' }, user: ofState.active },
    orderBy: [{ createdAt: 'asc' }, { userId: 'asc' }],
    take: limit,
    select: { userId: true },
  })
  return memberships.map(({ userId }) => userId)
}

export async function setRoles(
  client: Transaction,
  { userId, organisationId, roles }: { userId: string; organisationId: string; roles: readonly Role[] },
): Promise<void> {
  await client.membership.update({
    where: { organisationId_userId: { organisationId, userId } },
    data: { roles: ['owner', ...roles] },
  })
  await tellKeys(client, organisationId)
}

export async function updateProfile(
  client: Transaction,
  userId: string,
  profile: { email?: string; name?: string },
): Promise<void> {
  await client.user.update({ where: { id: userId }, data: profile })
}

export async function findPasswordHash(client: Transaction, userId: string): Promise<string | undefined> {
  const account = await client.account.findUnique({
    where: { providerId_accountId: { providerId: 'credential', accountId: userId } },
    select: { password: true },
  })
  return account?.password ?? undefined
}

export async function setPasswordHash(
  client: Transaction,
  userId: string,
  passwordHash: string,
): Promise<void> {
  await client.account.update({
    where: { providerId_accountId: { providerId: 'credential', accountId: userId } },
    data: { password: passwordHash },
  })
  await client.user.updateMany({ where: { id: userId, invitedAt: { not: null } }, data: { invitedAt: null } })
}

/** The person has shown that mail to this address arrives. */
export async function setVerified(client: Transaction, userId: string): Promise<void> {
  await client.user.update({ where: { id: userId }, data: { emailVerified: true } })
}

/** Who signed up before `before` and never confirmed the address. */
export async function listUnverified(client: Transaction, before: Date, limit: number): Promise<string[]> {
  const users = await client.user.findMany({
    where: { ...ofState.unverified, createdAt: { lt: before } },
    orderBy: { id: 'asc' },
    take: limit,
    select: { id: true },
  })
  return users.map(({ id }) => id)
}

/** Takes away every way in: sessions, the password, and the organisation's keys. */
export async function closeUser(client: Transaction, user: UserRecord, nowMs: number): Promise<void> {
  const closedAt = new Date(nowMs)
  await client.user.update({ where: { id: user.id }, data: { closedAt } })
  await client.organisation.update({ where: { id: user.organisationId }, data: { closedAt } })
  await client.session.deleteMany({ where: { userId: user.id } })
  await client.account.deleteMany({ where: { userId: user.id } })
  await client.secondFactor.deleteMany({ where: { userId: user.id } })
  await client.apiKey.updateMany({
    where: { organisationId: user.organisationId, revokedAt: null },
    data: { revokedAt: closedAt },
  })
  await setOperator(client, user.id, false)
  await tellKeys(client, user.organisationId)
}

/** Removes a user that never did anything. */
export async function deleteUser(client: Transaction, user: UserRecord): Promise<void> {
  await client.apiKey.deleteMany({ where: { organisationId: user.organisationId } })
  await client.membership.deleteMany({
    where: { OR: [{ userId: user.id }, { organisationId: user.organisationId }] },
  })
  await client.user.delete({ where: { id: user.id } })
  await client.organisation.delete({ where: { id: user.organisationId } })
  await tellKeys(client, user.organisationId)
}

export async function hasListings(client: Transaction, organisationId: string): Promise<boolean> {
  return (await client.listing.findFirst({ where: { organisationId }, select: { id: true } })) !== null
}

/** Whether a top-up was asked for, also one that a crash left out of the books. */
export async function hasTopups(client: Transaction, organisationId: string): Promise<boolean> {
  return (await client.topup.findFirst({ where: { organisationId }, select: { id: true } })) !== null
}

export async function isOpenOrganisation(client: Transaction, organisationId: string): Promise<boolean> {
  const found = await client.organisation.findUnique({
    where: { id: organisationId },
    select: { closedAt: true },
  })
  return found?.closedAt === null
}

async function tellKeys(client: Transaction, organisationId: string): Promise<void> {
  await client.$executeRaw`SELECT pg_notify(${KEY_CHANNEL}, ${organisationId})`
}

export function userRecord(user: UserWithMemberships): UserRecord {
  const personal = user.memberships.find(({ organisation }) => organisation.kind === 'personal')
  if (!personal) throw new Error(`user ${user.id} has no personal organisation`)
  const isOperator = user.memberships.some(
    ({ organisationId, roles }) => organisationId === PLATFORM_ORGANISATION_ID && roles.includes('operator'),
  )
  const { id, email, name, createdAt, invitedAt, closedAt } = user
  // `operator` counts only where it was granted: in the platform organisation.
  const own = personal.roles.filter(
    (role): role is Role => role === 'owner' || role === 'buyer' || role === 'seller',
  )
  const roles: Role[] = isOperator ? [...own, 'operator'] : own
  return {
    id,
    email,
    name,
    organisationId: personal.organisationId,
    roles,
    state: stateOf(user),
    twoFactor: Boolean(user.secondFactor?.enabledAt),
    createdAt,
    invitedAt,
    closedAt,
  }
}

function stateOf({ closedAt, invitedAt, emailVerified }: UserWithMemberships): UserState {
  if (closedAt) return 'closed'
  if (invitedAt) return 'invited'
  return emailVerified ? 'active' : 'unverified'
}
