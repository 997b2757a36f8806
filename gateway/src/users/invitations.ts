import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import { findLinkOf, type LinkRow } from './link-store.ts'
import type { IssuedLink, Links } from './links.ts'
import { invitationMail } from './mails.ts'
import { findUser, inTransaction, type Transaction, type UserRecord } from './store.ts'

type Actor = Principal | 'system'

export interface Invitations {
  /** Sends an invited user a link to choose a password with; an older link ends. */
  send(transaction: Transaction, user: UserRecord, actor: Actor): Promise<IssuedLink>
  /** As `send`. Throws `not_found`, or `conflict` for a user who has a password or was closed. */
  sendAgain(userId: string, actor: Actor): Promise<{ user: UserRecord; invitation: IssuedLink }>
  /** Ends the link; the user stays, and may be invited again or removed. Throws as `sendAgain`. */
  withdraw(userId: string, actor: Actor): Promise<void>
  /** The link that is out, if there is one. */
  current(userId: string): Promise<LinkRow | undefined>
}

export function createInvitations({
  database,
  audit,
  links,
  host,
}: {
  database: Database
  audit: Audit
  links: Links
  host: () => string
}): Invitations {
  async function send(transaction: Transaction, user: UserRecord, actor: Actor): Promise<IssuedLink> {
    const { id, email, name } = user
    const mail = invitationMail({ to: email, name, host: host() })
    const invitation = await links.issue(transaction, { userId: id, kind: 'invitation', mail })
    const detail = { email, expiresAt: invitation.expiresAt.toISOString() }
    await audit.record({ actor, action: 'user.invited', subject: formatId('usr-', id), detail }, transaction)
    return invitation
  }

  return {
    send,
    sendAgain: (userId, actor) =>
      inTransaction(database, async (transaction) => {
        const user = await invitedUser(transaction, userId)
        return { user, invitation: await send(transaction, user, actor) }
      }),
    withdraw: (userId, actor) =>
      inTransaction(database, async (transaction) => {
        await invitedUser(transaction, userId)
        await links.end(transaction, userId, 'invitation')
        const subject = formatId('usr-', userId)
        await audit.record({ actor, action: 'user.invitation_withdrawn', subject }, transaction)
      }),
    current: (userId) => findLinkOf(database.prisma, userId, 'invitation'),
  }
}

async function invitedUser(transaction: Transaction, userId: string): Promise<UserRecord> {
  const user = await findUser(transaction, { id: userId })
  if (!user) throw new GatewayError('not_found', 'There is no such user. GET /api/users lists them.')
  if (user.state === 'invited') return user
  throw new GatewayError(
    'conflict',
    user.state === 'closed'
      ? 'This user has been closed and cannot be invited.'
      : 'This user has a password already and needs no invitation.',
  )
}
