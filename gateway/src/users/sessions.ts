import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import type { Auth, Credentials, SignedIn, Visitor } from './auth.ts'
import { createFreshCache } from './fresh-cache.ts'
import { createLoginThrottle, type LoginAttempt } from './login-throttle.ts'
import type { PasswordQueue } from './password-queue.ts'
import {
  deleteSession,
  deleteSessions,
  findSession,
  listSessions,
  pruneSessions,
  type SessionRecord,
} from './session-store.ts'
import {
  findPasswordHash,
  findUser,
  inTransaction,
  setPasswordHash,
  type Transaction,
  type UserRecord,
} from './store.ts'
import { createTokens, TOKEN_LIFE_S } from './tokens.ts'

export type UserPrincipal = Extract<Principal, { kind: 'user' }>

/** However often it is used, a session ends a week after the password was typed. */
const SESSION_MAX_MS = 7 * 86_400_000
/** Signed-in people on one node; beyond it the one quiet longest costs a read again. */
const SESSIONS_MAX = 10_000

export interface Grant {
  token: string
  expiresInS: number
  user: UserRecord
  /** Ready `Set-Cookie` values. */
  cookies: string[]
}

export interface Sessions {
  /**
   * Throws `invalid_credentials`, the same for every reason, or `rate_limit_exceeded`; and for who knows the password
   * `two_factor_required` or `email_unverified`.
   */
  signIn(credentials: Credentials, visitor: Visitor): Promise<Grant>
  /** A fresh token for the session of a `Cookie` header. Throws `not_signed_in`. */
  renew(cookie: string | undefined, visitor: Visitor): Promise<Grant>
  /** The user behind a token, as the database knew him at most 4 s ago. Throws `not_signed_in`, or `unavailable`. */
  principalOf(token: string): Promise<UserPrincipal>
  /** The same for who was named by something else that proves it. Throws as `principalOf`. */
  principalBehind(subject: { userId: string; sessionId: string }): Promise<UserPrincipal>
  /** Ends the session; returns the `Set-Cookie` value that removes its cookie. */
  signOut(principal: UserPrincipal): Promise<string>
  /** Ends all other sessions of the user. Throws `invalid_credentials` when `currentPassword` is wrong. */
  changePassword(
    principal: UserPrincipal,
    passwords: { currentPassword: string; newPassword: string },
    visitor: Visitor,
  ): Promise<void>
  /** Throws `invalid_credentials` when it is not the user's password. */
  requirePassword(principal: UserPrincipal, password: string, visitor: Visitor): Promise<void>
  list(userId: string): Promise<SessionRecord[]>
  /** Throws `not_found` when the user has no such session. */
  end(principal: UserPrincipal, sessionId: string): Promise<void>
  /** Ends all sessions of the user but the one that asks. */
  endOthers(principal: UserPrincipal): Promise<void>
  /** To be called when a user's roles, password or state changed, so that this node knows at once. */
  forgetUser(userId: string): void
}

type Liveness = { principal: UserPrincipal; endsAtMs: number } | { principal?: undefined }

export interface SessionsDeps {
  database: Database
  auth: Auth
  audit: Audit
  clock: Clock
  sessionSecret: string
  passwordQueue: PasswordQueue
  /** What else happens in the transaction in which a person changes the own password. */
  onPasswordChanged: (transaction: Transaction, userId: string) => Promise<void>
}

/** Signing in and out. The cookie opens only the way to a token; the token opens `/api`, as long as its session lives. */
export function createSessions({
  database,
  auth,
  audit,
  clock,
  sessionSecret,
  passwordQueue,
  onPasswordChanged,
}: SessionsDeps): Sessions {
  const tokens = createTokens({ sessionSecret, clock })
  const throttle = createLoginThrottle({ clock })
  const lives = createFreshCache<Liveness>({
    max: SESSIONS_MAX,
    isMiss: ({ principal }) => !principal,
    clock,
  })
  const forget = (matches: (principal: UserPrincipal) => boolean) =>
    lives.forget(({ principal }) => !principal || matches(principal))

  const forgetOthers = ({ userId, sessionId }: UserPrincipal) =>
    forget((other) => other.userId === userId && other.sessionId !== sessionId)

  async function requirePassword(
    { userId, password, param }: { userId: string; password: string; param: string },
    { address }: Visitor,
  ): Promise<void> {
    await decide(throttle.take({ account: userId, address }), async () => {
      const hash = await findPasswordHash(database.prisma, userId)
      const check = () => auth.verifyPassword({ hash: hash ?? '', password })
      if (hash && (await passwordQueue.run(check))) return
      throw new GatewayError('invalid_credentials', 'The current password is wrong.', { param })
    })
  }

  async function grant({ userId, sessionId, cookies }: SignedIn): Promise<Grant> {
    const user = await findUser(database.prisma, { id: userId })
    if (!user || user.closedAt) throw signedOut()
    return { token: tokens.sign({ userId, sessionId }), expiresInS: TOKEN_LIFE_S, user, cookies }
  }

  async function principalBehind({ userId, sessionId }: { userId: string; sessionId: string }) {
    const live = await lives.get(sessionId, () => readLiveness(database, sessionId))
    if (!live.principal || live.principal.userId !== userId || live.endsAtMs <= clock.nowMs())
      throw signedOut()
    return live.principal
  }

  return {
    async signIn(credentials, visitor) {
      const attempt = throttle.take({ account: credentials.email, address: visitor.address })
      const signedIn = await decide(attempt, () => passwordQueue.run(() => auth.signIn(credentials, visitor)))
      await pruneSessions(database.prisma, signedIn.userId, clock.nowMs())
      return grant(signedIn)
    },
    async renew(cookie, visitor) {
      const session = cookie ? await auth.sessionOf(cookie, visitor) : undefined
      if (!session || hasAged(session.createdAt, clock.nowMs())) throw signedOut()
      return grant(session)
    },
    principalOf: async (token) => principalBehind(tokens.verify(token)),
    principalBehind,
    async signOut(principal) {
      await deleteSession(database.prisma, { id: principal.sessionId, userId: principal.userId })
      forget(({ sessionId }) => sessionId === principal.sessionId)
      return auth.signOutCookie()
    },
    async changePassword(principal, { currentPassword, newPassword }, visitor) {
      const { userId, sessionId } = principal
      await requirePassword({ userId, password: currentPassword, param: 'currentPassword' }, visitor)
      const newHash = await passwordQueue.run(() => auth.hashPassword(newPassword))
      await inTransaction(database, async (transaction) => {
        await setPasswordHash(transaction, userId, newHash)
        await deleteSessions(transaction, userId, sessionId)
        await onPasswordChanged(transaction, userId)
        await audit.record(
          { actor: principal, action: 'user.password_changed', subject: formatId('usr-', userId) },
          transaction,
        )
      })
      forgetOthers(principal)
    },
    requirePassword: ({ userId }, password, visitor) =>
      requirePassword({ userId, password, param: 'password' }, visitor),
    list: (userId) => listSessions(database.prisma, userId, clock.nowMs()),
    async end({ userId }, sessionId) {
      const ended = await deleteSession(database.prisma, { id: sessionId, userId })
      if (!ended)
        throw new GatewayError('not_found', 'You have no such session. GET /api/sessions lists yours.')
      forget((other) => other.sessionId === sessionId)
    },
    async endOthers(principal) {
      await deleteSessions(database.prisma, principal.userId, principal.sessionId)
      forgetOthers(principal)
    },
    forgetUser: (userId) => forget((other) => other.userId === userId),
  }
}

/** Runs `check` and tells the throttle how it ended. */
async function decide<Result>(attempt: LoginAttempt, check: () => Promise<Result>): Promise<Result> {
  try {
    const result = await check()
    attempt.succeeded()
    return result
  } catch (error) {
    if (!(error instanceof GatewayError && error.code === 'invalid_credentials')) attempt.undecided()
    throw error
  }
}

async function readLiveness(database: Database, sessionId: string): Promise<Liveness> {
  try {
    const session = await findSession(database.prisma, sessionId)
    if (!session || session.user.closedAt) return {}
    const { id, organisationId, roles } = session.user
    return {
      principal: { kind: 'user', userId: id, sessionId, organisationId, roles },
      endsAtMs: Math.min(session.expiresAt.getTime(), session.createdAt.getTime() + SESSION_MAX_MS),
    }
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      'Your session cannot be checked at the moment. Retry in a few seconds.',
      { cause, retryAfterMs: 1_000 },
    )
  }
}

function hasAged(createdAt: Date, nowMs: number): boolean {
  return createdAt.getTime() + SESSION_MAX_MS <= nowMs
}

function signedOut(): GatewayError {
  return new GatewayError('not_signed_in', 'This session has ended. Sign in with POST /api/login.')
}
