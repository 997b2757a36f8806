import type { Transaction } from './store.ts'

export type LinkKind = 'invitation' | 'reset' | 'verification'

export interface LinkRow {
  userId: string
  mailId: string
  createdAt: Date
  expiresAt: Date
}

const linkFields = { userId: true, mailId: true, createdAt: true, expiresAt: true } as const

interface LinkToken {
  kind: LinkKind
  tokenHash: Uint8Array<ArrayBuffer>
  nowMs: number
}

/** The link with this token, unless it is over. */
export async function findLink(
  client: Transaction,
  { kind, tokenHash, nowMs }: LinkToken,
): Promise<LinkRow | undefined> {
  const row = await client.userLink.findFirst({
    where: { tokenHash, kind, expiresAt: { gt: new Date(nowMs) } },
    select: linkFields,
  })
  return row ?? undefined
}

/** As `findLink`, and takes it away: of two who come with the same token one gets it. */
export async function takeLink(
  client: Transaction,
  { kind, tokenHash, nowMs }: LinkToken,
): Promise<LinkRow | undefined> {
  const rows = await client.$queryRaw<LinkRow[]>`
    DELETE FROM user_link WHERE "tokenHash" = ${tokenHash} AND "kind" = ${kind} AND "expiresAt" > ${new Date(nowMs)}
    RETURNING "userId", "mailId", "createdAt", "expiresAt"`
  return rows[0]
}

export async function findLinkOf(
  client: Transaction,
  userId: string,
  kind: LinkKind,
): Promise<LinkRow | undefined> {
  const row = await client.userLink.findUnique({
    where: { userId_kind: { userId, kind } },
    select: linkFields,
  })
  return row ?? undefined
}

/** Takes away the links of a user, all kinds or one, and answers in which mails they were. */
export async function deleteLinks(client: Transaction, userId: string, kind?: LinkKind): Promise<string[]> {
  const where = { userId, ...(kind ? { kind } : {}) }
  const rows = await client.userLink.findMany({ where, select: { mailId: true } })
  if (rows.length > 0) await client.userLink.deleteMany({ where })
  return rows.map(({ mailId }) => mailId)
}

export async function insertLink(
  client: Transaction,
  link: LinkRow & { kind: LinkKind; tokenHash: Uint8Array<ArrayBuffer> },
): Promise<void> {
  await client.userLink.create({ data: link })
}

export async function deleteExpiredLinks(client: Transaction, nowMs: number): Promise<void> {
  await client.userLink.deleteMany({ where: { expiresAt: { lte: new Date(nowMs) } } })
}
