import { randomBytes } from 'node:crypto'
import express, { type NextFunction, type Request, type Response } from 'express'
import { createAudit } from '../../src/audit/audit.ts'
import { createAuditRoutes } from '../../src/audit/routes.ts'
import type { MailSender } from '../../src/egress/send-mail.ts'
import { sendError } from '../../src/http/send.ts'
import { createKeys } from '../../src/keys/keys.ts'
import { createKeyRoutes } from '../../src/keys/routes.ts'
import { createKeyVerifier } from '../../src/keys/verify.ts'
import { createLedger } from '../../src/ledger/ledger.ts'
import { createMail } from '../../src/mail/mail.ts'
import { createMailRoutes } from '../../src/mail/routes.ts'
import type { Clock } from '../../src/platform/clock.ts'
import { toGatewayError } from '../../src/platform/errors.ts'
import { createJobBoard } from '../../src/platform/job-board.ts'
import { createLocalKms } from '../../src/platform/kms.ts'
import { createLogger } from '../../src/platform/logger.ts'
import { createSealer } from '../../src/platform/secrets.ts'
import { createAuthenticate } from '../../src/users/authenticate.ts'
import { createUserRoutes } from '../../src/users/routes.ts'
import { createUsers } from '../../src/users/users.ts'
import type { TestDatabase } from './database.ts'
import { requireAsDescribed } from './require-as-described.ts'

/** A clock that a test can move: wall and monotonic time go together. */
export interface TestClock extends Clock {
  advance(ms: number): void
}

export function createTestClock(): TestClock {
  let offsetMs = 0
  return {
    nowMs: () => Date.now() + offsetMs,
    monotonicMs: () => performance.now() + offsetMs,
    advance: (ms) => {
      offsetMs += ms
    },
  }
}

export const OPERATOR = { email: 'operator@example.test', password: 'correct horse battery staple' }
export const PASSWORD = 'a perfectly fine password'

/** The rooms of people and keys behind an Express app as the gateway mounts them. */
export async function createPeopleApp(
  { database, url }: TestDatabase,
  {
    playMode = true,
    clock = createTestClock(),
    sessionSecret = randomBytes(32).toString('base64'),
    publicUrl,
    signUpOpen = false,
    sender,
  }: {
    playMode?: boolean
    clock?: TestClock
    sessionSecret?: string
    publicUrl?: string
    signUpOpen?: boolean
    sender?: MailSender
  } = {},
) {
  const logger = createLogger({ level: 'silent' })
  const node = { nodeId: 'people-app', nodeEpoch: 1 }
  const ledger = createLedger({ pool: database.ledgerPool, logger, clock, ...node })
  const pepper = randomBytes(32)
  const audit = createAudit({ database, logger, clock })
  const mail = createMail({
    database,
    clock,
    logger,
    jobs: createJobBoard(clock),
    sender,
    playMode,
  })
  const sealer = createSealer(createLocalKms({ current: randomBytes(32) }))
  const users = createUsers({
    database,
    sessionSecret,
    ...(publicUrl === undefined ? {} : { publicUrl }),
    clock,
    logger,
    audit,
    mail,
    box: {
      seal: sealer.seal,
      rewrap: sealer.rewrap,
      open: async (sealed, aad) => (await sealer.open(sealed, aad)).reveal(),
    },
    ledger,
    playMode,
    signUpOpen,
  })
  const verifier = createKeyVerifier({ database, databaseUrl: url, pepper, clock, ledger })
  const keys = createKeys({ database, pepper, clock, audit, ledger })
  const authenticate = createAuthenticate({
    sessions: users.sessions,
    verifyKey: (token) => verifier.verify(token),
  })
  const door = { authenticate, onAnswer: requireAsDescribed }
  const app = express()
  app.use(express.json({ limit: '100kb' }))
  app.use('/api', createUserRoutes({ users, door, version: '0.0.0-test' }))
  app.use('/api', createKeyRoutes({ keys, door }))
  app.use('/api', createAuditRoutes({ audit, door }))
  app.use('/api', createMailRoutes({ mail, door, mode: playMode ? 'play' : 'live' }))
  app.use((thrown: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const error = toGatewayError(thrown)
    if (error.status >= 500) console.error(error.cause)
    sendError(response, error, 'gen-test')
  })
  await connect(() => users.accounts.ensureFirstOperator(OPERATOR))
  return {
    app,
    users,
    keys,
    verifier,
    audit,
    ledger,
    clock,
    sessionSecret,
    pepper,
    mail,
    async close() {
      await users.close()
      await mail.close()
      await verifier.close()
    },
  }
}

/** The first connections on a busy machine may take longer than a caller would wait; a test is no caller. */
async function connect(work: () => Promise<unknown>, attempts = 10): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (attempts === 0 || !/timeout/i.test(String(error))) throw error
    await connect(work, attempts - 1)
  }
}

export type PeopleApp = Awaited<ReturnType<typeof createPeopleApp>>
