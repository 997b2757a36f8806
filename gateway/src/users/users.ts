import type { Audit } from '../audit/audit.ts'
import { createStatements, type Statements } from '../ledger/statements.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import type { Logger } from '../platform/logger.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { createAuth } from './auth.ts'
import { createPasswordQueue } from './password-queue.ts'
import { hostOf } from './same-origin.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { findUser } from './store.ts'
import { createWallets, type WalletLedger, type Wallets } from './wallets.ts'

export interface Users {
  accounts: Accounts
  sessions: Sessions
  wallets: Wallets
  statements: Statements
  mode: 'play' | 'live'
  /** The host that browsers know, where it was configured. */
  publicHost: string | undefined
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
  ledger: WalletLedger
  playMode: boolean
}

/** People: their accounts, their sessions, and what is and was in their wallets. */
export function createUsers(deps: UsersDeps): Users {
  const { database, sessionSecret, publicUrl, clock, logger, audit, ledger, playMode } = deps
  const mayEnter = async (id: string) => (await findUser(database.prisma, { id }))?.closedAt === null
  const auth = createAuth({
    database,
    sessionSecret,
    publicUrl: publicUrl ?? 'http://localhost:4000',
    logger,
    mayEnter,
  })
  const passwordQueue = createPasswordQueue()
  const sessions = createSessions({ database, auth, audit, clock, sessionSecret, passwordQueue })
  const wallets = createWallets({ database, ledger, audit, playMode })
  const accounts = createAccounts({ database, auth, audit, clock, passwordQueue, wallets, sessions })
  return {
    accounts,
    sessions,
    wallets,
    statements: createStatements({ pool: database.pool, logger }),
    mode: playMode ? 'play' : 'live',
    publicHost: publicUrl === undefined ? undefined : hostOf(publicUrl),
  }
}
