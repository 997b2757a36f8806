import { type Transaction, type UserRecord, userRecord, withMemberships } from './store.ts'

const SESSIONS_PER_USER_MAX = 50

export interface SessionRecord {
  id: string
  userId: string
  createdAt: Date
  updatedAt: Date
  expiresAt: Date
  ipAddress: string | null
  userAgent: string | null
}

export async function findSession(
  client: Transaction,
  sessionId: string,
): Promise<(SessionRecord & { user: UserRecord }) | undefined> {
  const session = await client.session.findUnique({
    where: { id: sessionId },
    include: { user: { include: withMemberships } },
  })
  return session ? { ...session, user: userRecord(session.user) } : undefined
}

export async function listSessions(
  client: Transaction,
  userId: string,
  nowMs: number,
): Promise<SessionRecord[]> {
  return client.session.findMany({
    where: { userId, expiresAt: { gt: new Date(nowMs) } },
    orderBy: { id: 'desc' },
    take: SESSIONS_PER_USER_MAX,
    omit: { token: true },
  })
}

/** True when there was such a session of this user. */
export async function deleteSession(
  client: Transaction,
  session: { id: string; userId: string },
): Promise<boolean> {
  return (await client.session.deleteMany({ where: session })).count > 0
}

export async function deleteSessions(client: Transaction, userId: string, exceptId?: string): Promise<void> {
  await client.session.deleteMany({ where: { userId, ...(exceptId ? { id: { not: exceptId } } : {}) } })
}

/** Deletes what has run out, and the oldest beyond 50. */
export async function pruneSessions(client: Transaction, userId: string, nowMs: number): Promise<void> {
  await client.session.deleteMany({ where: { userId, expiresAt: { lte: new Date(nowMs) } } })
  const surplus = await client.session.findMany({
    where: { userId },
    orderBy: { id: 'desc' },
    skip: SESSIONS_PER_USER_MAX,
    select: { id: true },
  })
  if (surplus.length > 0)
    await client.session.deleteMany({ where: { id: { in: surplus.map(({ id }) => id) } } })
}
