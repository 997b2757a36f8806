import type { Audit } from '../audit/audit.ts'
import { createStatements, type Statements } from '../ledger/statements.ts'
import type { Mail } from '../mail/mail.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { createAuth } from './auth.ts'
import { createGettingIn, type GettingIn } from './getting-in.ts'
import { startHousekeeping } from './housekeeping.ts'
import { createInvitations, type Invitations } from './invitations.ts'
import { createLinks, type Links } from './links.ts'
import { passwordChangedMail, twoFactorMail } from './mails.ts'
import { createPasswordQueue } from './password-queue.ts'
import { hostOf } from './same-origin.ts'
import { createSecondFactor, type SecondFactor, type SecretBox } from './second-factor.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { findUser, type UserRecord } from './store.ts'
import { createWallets, type WalletLedger, type Wallets } from './wallets.ts'

export interface Users {
  accounts: Accounts
  sessions: Sessions
  gettingIn: GettingIn
  invitations: Invitations
  secondFactor: SecondFactor
  wallets: Wallets
  statements: Statements
  mode: 'play' | 'live'
  signUp: 'open' | 'closed'
  /** How mails leave this gateway; see mail/mail.ts. */
  mailWay: Mail['way']
  /** The host that browsers know, where it was configured. */
  publicHost: string | undefined
  /** Tells a user that two-factor sign-in was turned on or off. */
  tellTwoFactor(user: UserRecord, on: boolean): Promise<void>
  /** Where the gateway turned out to listen: the origin of links in mails, unless a public one is configured. */
  listensAt(origin: string): void
  /** Forgets what is over: old links, and sign-ups that nobody confirmed. Happens every hour. */
  tidy(): Promise<void>
  close(): Promise<void>
}

export interface UsersDeps {
  database: Database
  /** Signs the session cookie; the key of the tokens is derived from it. */
  sessionSecret: string
  /** Where browsers reach the gateway. With `https:` the cookie is `Secure`. */
  publicUrl?: string
  clock: Clock
  logger: Logger
  audit: Audit
  mail: Mail
  box: SecretBox
  ledger: WalletLedger
  playMode: boolean
  signUpOpen: boolean
}

/** People: their accounts, how they get in, their sessions, and what is and was in their wallets. */
export function createUsers(deps: UsersDeps): Users {
  const { database, sessionSecret, publicUrl, clock, logger, audit, mail, ledger, playMode } = deps
  let origin = publicUrl ?? 'http://localhost:4000'
  const host = () => new URL(origin).host
  const secondFactor = createSecondFactor(deps)
  const auth = createAuth({
    database,
    sessionSecret,
    publicUrl: origin,
    logger,
    async mayEnter(id, code) {
      const user = await findUser(database.prisma, { id })
      if (!user || user.state === 'closed') return false
      if (user.state === 'unverified') throw unverified()
      await secondFactor.admit(id, code)
      return true
    },
  })
  const passwordQueue = createPasswordQueue()
  const links = createLinks({ mail, clock, origin: () => origin })
  const onPasswordChanged = tellPasswordChanged(links, mail, host)
  const sessions = createSessions({
    database,
    auth,
    audit,
    clock,
    sessionSecret,
    passwordQueue,
    onPasswordChanged,
  })
  const wallets = createWallets({ database, ledger, audit, playMode })
  const invitations = createInvitations({ database, audit, links, host })
  const shared = { database, auth, audit, clock, passwordQueue, sessions, links, invitations }
  const accounts = createAccounts({ ...shared, wallets })
  const { signUpOpen } = deps
  const gettingIn = createGettingIn({ ...shared, logger, mail, signUpOpen, origin: () => origin })
  const housekeeping = startHousekeeping({ database, accounts, clock, logger })
  return {
    accounts,
    sessions,
    gettingIn,
    invitations,
    secondFactor,
    wallets,
    statements: createStatements({ pool: database.pool, logger }),
    mode: playMode ? 'play' : 'live',
    signUp: signUpOpen ? 'open' : 'closed',
    mailWay: mail.way,
    publicHost: publicUrl === undefined ? undefined : hostOf(publicUrl),
    async tellTwoFactor({ email }, on) {
      await mail.send(twoFactorMail({ to: email, host: host(), on }))
    },
    listensAt(actual) {
      if (publicUrl === undefined) origin = actual
    },
    tidy: housekeeping.round,
    async close() {
      housekeeping.stop()
      await gettingIn.idle()
    },
  }
}

/** A person who has just chosen a password needs no link to choose another, and is told that it was changed. */
function tellPasswordChanged(links: Links, mail: Mail, host: () => string) {
  return async (...[transaction, userId]: Parameters<NonNullable<PasswordChanged>>): Promise<void> => {
    await links.end(transaction, userId, 'reset')
    const user = await findUser(transaction, { id: userId })
    if (user) await mail.send(passwordChangedMail({ to: user.email, host: host() }), transaction)
  }
}

type PasswordChanged = Parameters<typeof createSessions>[0]['onPasswordChanged']

function unverified(): GatewayError {
  return new GatewayError(
    'email_unverified',
    'Confirm your address first: open the link in the mail we sent you. Sign up again to get a new one.',
  )
}
