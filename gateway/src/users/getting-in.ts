import type { Audit } from '../audit/audit.ts'
import type { Mail } from '../mail/mail.ts'
import type { Clock } from '../platform/clock.ts'
import { type Database, uniqueViolation } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Auth, Visitor } from './auth.ts'
import type { Invitations } from './invitations.ts'
import { findLinkOf, type LinkKind, type LinkRow } from './link-store.ts'
import type { Links } from './links.ts'
import { createLoginThrottle } from './login-throttle.ts'
import { knownAddressMail, passwordChangedMail, resetMail, verificationMail } from './mails.ts'
import type { PasswordQueue } from './password-queue.ts'
import { deleteSessions } from './session-store.ts'
import type { Grant, Sessions } from './sessions.ts'
import {
  findPasswordHash,
  findUser,
  insertUser,
  inTransaction,
  setPasswordHash,
  setVerified,
  type Transaction,
  type UserRecord,
  updateProfile,
} from './store.ts'

// Mails to one address in a quarter of an hour, whoever asks for them.
const MAILS_PER_ADDRESSEE = 5
// What strangers asked for and is still being done; each takes a few milliseconds.
const BEHIND_MAX = 64

interface WithToken {
  token: string
  password: string
}

/**
 * Ways in for people who have no session. What strangers ask for is done behind the answer, so that neither its words
 * nor its time tell whether an address is known.
 */
export interface GettingIn {
  /** Makes an unverified user and sends the link to confirm the address. Throws `forbidden` where sign-up is closed. */
  signUp(draft: { email: string; name: string; password: string }, visitor: Visitor): Promise<void>
  /** Confirms the address for who has both the link and the password, and signs in. */
  verify(proof: WithToken, visitor: Visitor): Promise<Grant>
  askReset(email: string, visitor: Visitor): Promise<void>
  /** Sets the password, ends all sessions, and leaves the second factor as it was. */
  reset(proof: WithToken): Promise<void>
  /** Who a link is for. Throws `not_found`. */
  look(kind: LinkKind, token: string): Promise<{ email: string; name: string; expiresAt: Date }>
  /** Takes an invitation up: sets the password and signs in. */
  join(proof: WithToken, visitor: Visitor): Promise<Grant>
  /** Until what was asked for so far is done. */
  idle(): Promise<void>
}

export interface GettingInDeps {
  database: Database
  auth: Auth
  audit: Audit
  clock: Clock
  logger: Logger
  mail: Mail
  links: Links
  invitations: Pick<Invitations, 'send'>
  passwordQueue: PasswordQueue
  sessions: Pick<Sessions, 'signIn' | 'forgetUser'>
  signUpOpen: boolean
  origin: () => string
}

export function createGettingIn(deps: GettingInDeps): GettingIn {
  const { database, auth, audit, clock, mail, links, passwordQueue, sessions, origin } = deps
  const requests = createLoginThrottle({ clock, accountMax: MAILS_PER_ADDRESSEE, what: 'requests for mail' })
  const proofs = createLoginThrottle({ clock })
  const behind = createBehind(deps.logger)
  const host = () => new URL(origin()).host
  const hashed = (password: string) => passwordQueue.run(() => auth.hashPassword(password))

  async function askedByStranger(email: string, { address }: Visitor): Promise<void> {
    requests.take({ account: email, address })
    behind.requireRoom()
    await mail.requireRoom()
  }

  async function setPassword(transaction: Transaction, link: LinkRow, passwordHash: string): Promise<void> {
    await setPasswordHash(transaction, link.userId, passwordHash)
    await setVerified(transaction, link.userId)
    await deleteSessions(transaction, link.userId)
    await links.end(transaction, link.userId)
  }

  return {
    async signUp(draft, visitor) {
      if (!deps.signUpOpen)
        throw new GatewayError('forbidden', 'Nobody can sign up here; ask an operator for an invitation.')
      await askedByStranger(draft.email, visitor)
      const passwordHash = await hashed(draft.password)
      behind.run(() =>
        inTransaction(database, (transaction) => signUp(transaction, deps, { ...draft, passwordHash })),
      )
    },
    async verify({ token, password }, visitor) {
      const link = await links.find(database.prisma, 'verification', token)
      const user = await userOf(database.prisma, link)
      const attempt = proofs.take({ account: link.userId, address: visitor.address })
      const hash = await findPasswordHash(database.prisma, link.userId)
      if (!hash || !(await passwordQueue.run(() => auth.verifyPassword({ hash, password })))) {
        throw new GatewayError(
          'invalid_credentials',
          'This is not the password of the sign-up. If you never signed up, close this page.',
          { param: 'password' },
        )
      }
      attempt.succeeded()
      await inTransaction(database, async (transaction) => {
        await links.take(transaction, 'verification', token)
        await setVerified(transaction, user.id)
        await record(transaction, audit, { user, action: 'user.verified' })
      })
      return sessions.signIn({ email: user.email, password }, visitor)
    },
    async askReset(email, visitor) {
      await askedByStranger(email, visitor)
      behind.run(() =>
        inTransaction(database, async (transaction) => {
          const user = await findUser(transaction, { email })
          if (user?.state !== 'active' && user?.state !== 'unverified') return
          const text = resetMail({ to: email, host: host() })
          await links.issue(transaction, { userId: user.id, kind: 'reset', mail: text })
        }),
      )
    },
    async reset({ token, password }) {
      await links.find(database.prisma, 'reset', token)
      const passwordHash = await hashed(password)
      const userId = await inTransaction(database, async (transaction) => {
        const link = await links.take(transaction, 'reset', token)
        const user = await userOf(transaction, link)
        await setPassword(transaction, link, passwordHash)
        await mail.send(passwordChangedMail({ to: user.email, host: host() }), transaction)
        await record(transaction, audit, { user, action: 'user.password_reset' })
        return user.id
      })
      sessions.forgetUser(userId)
    },
    async look(kind, token) {
      const link = await links.find(database.prisma, kind, token)
      const { email, name } = await userOf(database.prisma, link)
      return { email, name, expiresAt: link.expiresAt }
    },
    async join({ token, password }, visitor) {
      await links.find(database.prisma, 'invitation', token)
      const passwordHash = await hashed(password)
      const email = await inTransaction(database, async (transaction) => {
        const link = await links.take(transaction, 'invitation', token)
        const user = await userOf(transaction, link)
        await setPassword(transaction, link, passwordHash)
        await record(transaction, audit, { user, action: 'user.joined' })
        return user.email
      })
      return sessions.signIn({ email, password }, visitor)
    },
    idle: behind.idle,
  }
}

/** What a sign-up does for each kind of address; all of them end with a mail, or look as if. */
async function signUp(
  transaction: Transaction,
  { audit, clock, mail, links, invitations, origin }: GettingInDeps,
  { email, name, passwordHash }: { email: string; name: string; passwordHash: string },
): Promise<void> {
  const host = new URL(origin()).host
  const known = await findUser(transaction, { email })
  if (known?.state === 'active') {
    await mail.send(knownAddressMail({ to: email, host, origin: origin() }), transaction)
    return
  }
  if (known?.state === 'closed') return
  if (known?.state === 'invited') {
    // An operator who has withdrawn the invitation has decided.
    if (await findLinkOf(transaction, known.id, 'invitation'))
      await invitations.send(transaction, known, 'system')
    return
  }
  const nowMs = clock.nowMs()
  const userId =
    known?.id ??
    (await insertUser(transaction, {
      email,
      name,
      passwordHash,
      emailVerified: false,
      roles: ['buyer'],
      nowMs,
    }))
  // Whoever signs up last chose the password; only who reads the mail as well gets in.
  if (known) {
    await updateProfile(transaction, userId, { name })
    await setPasswordHash(transaction, userId, passwordHash)
  }
  const text = verificationMail({ to: email, host })
  await links.issue(transaction, { userId, kind: 'verification', mail: text })
  const user = await findUser(transaction, { id: userId })
  if (user && !known) await record(transaction, audit, { user, action: 'user.signed_up' })
}

async function userOf(client: Transaction, { userId }: LinkRow): Promise<UserRecord> {
  const user = await findUser(client, { id: userId })
  if (user && user.state !== 'closed') return user
  throw new GatewayError('not_found', 'This account has been closed. Ask an operator of this gateway.')
}

async function record(
  transaction: Transaction,
  audit: Audit,
  { user, action }: { user: UserRecord; action: string },
): Promise<void> {
  const actor = {
    kind: 'user',
    userId: user.id,
    sessionId: '',
    organisationId: user.organisationId,
    roles: user.roles,
  } as const
  await audit.record({ actor, action, subject: formatId('usr-', user.id) }, transaction)
}

/** Work behind an answer, with an end to the line. */
function createBehind(logger: Logger) {
  const running = new Set<Promise<void>>()
  return {
    requireRoom(): void {
      if (running.size < BEHIND_MAX) return
      throw new GatewayError('overloaded', 'Too many people ask for mail at once. Try again in a minute.', {
        retryAfterMs: 60_000,
      })
    },
    run(work: () => Promise<void>): void {
      const done = work()
        .catch((error) => {
          // Two who sign up with one address at once: the other one's mail is on its way.
          if (uniqueViolation(error)) return
          logger.error({ err: error }, 'what a visitor asked for could not be done')
        })
        .finally(() => running.delete(done))
      running.add(done)
    },
    async idle(): Promise<void> {
      await Promise.all(running)
    },
  }
}
