import { createHash, randomBytes } from 'node:crypto'
import type { Mail, MailDraft } from '../mail/mail.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { deleteLinks, findLink, insertLink, type LinkKind, type LinkRow, takeLink } from './link-store.ts'
import { lockUser, type Transaction } from './store.ts'

const HOUR_MS = 3_600_000
const LIFE_MS: Record<LinkKind, number> = {
  invitation: 7 * 24 * HOUR_MS,
  reset: HOUR_MS,
  verification: 24 * HOUR_MS,
}
const PAGE: Record<LinkKind, string> = { invitation: 'join', reset: 'reset', verification: 'verify' }
const TOKEN_BYTES = 32

export interface IssuedLink {
  url: string
  expiresAt: Date
}

export interface Links {
  /** Makes a link, ends the user's older one of that kind, and puts the mail with it into the outbox. */
  issue(
    transaction: Transaction,
    link: { userId: string; kind: LinkKind; mail: Omit<MailDraft, 'link'> },
  ): Promise<IssuedLink>
  /** Whose link it is. Throws `not_found`, the same for one that was used, is over, or never was. */
  find(client: Transaction, kind: LinkKind, token: string): Promise<LinkRow>
  /** As `find`, and the link is used. */
  take(transaction: Transaction, kind: LinkKind, token: string): Promise<LinkRow>
  /** Ends a user's links, of one kind or all. */
  end(transaction: Transaction, userId: string, kind?: LinkKind): Promise<void>
}

/** Ways in that come by mail: 32 random bytes, stored as a hash, good once and for a while. `origin` is never a caller's. */
export function createLinks({
  mail,
  clock,
  origin,
}: {
  mail: Mail
  clock: Clock
  origin: () => string
}): Links {
  async function end(transaction: Transaction, userId: string, kind?: LinkKind): Promise<void> {
    for (const id of await deleteLinks(transaction, userId, kind)) await mail.forgetLink(id, transaction)
  }

  return {
    async issue(transaction, { userId, kind, mail: draft }) {
      // Two who ask at once wait in line; the second one's link is the one that counts.
      await lockUser(transaction, userId)
      await end(transaction, userId, kind)
      const token = randomBytes(TOKEN_BYTES).toString('base64url')
      const createdAt = new Date(clock.nowMs())
      const expiresAt = new Date(createdAt.getTime() + LIFE_MS[kind])
      const url = `${origin()}/console/${PAGE[kind]}?token=${token}`
      const mailId = await mail.send({ ...draft, link: { url, expiresAt } }, transaction)
      const tokenHash = hashOf(token)
      await insertLink(transaction, { userId, kind, tokenHash, mailId, createdAt, expiresAt })
      return { url, expiresAt }
    },
    async find(client, kind, token) {
      const link = await findLink(client, { kind, tokenHash: hashOf(token), nowMs: clock.nowMs() })
      return link ?? refused(kind)
    },
    async take(transaction, kind, token) {
      const link = await takeLink(transaction, { kind, tokenHash: hashOf(token), nowMs: clock.nowMs() })
      if (!link) return refused(kind)
      await mail.forgetLink(link.mailId, transaction)
      return link
    },
    end,
  }
}

const hashOf = (token: string) => Uint8Array.from(createHash('sha256').update(token).digest())

const AGAIN: Record<LinkKind, string> = {
  invitation: 'Ask an operator of this gateway for a new invitation.',
  reset: 'Ask for a new one on the sign-in page.',
  verification: 'Sign up again to get a new one.',
}

function refused(kind: LinkKind): never {
  throw new GatewayError(
    'not_found',
    `This link is not valid: it was used, was replaced by a newer one, or is too old. ${AGAIN[kind]}`,
    { param: 'token' },
  )
}
