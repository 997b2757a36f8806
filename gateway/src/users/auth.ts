import { prismaAdapter } from 'better-auth/adapters/prisma'
import { betterAuth } from 'better-auth/minimal'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import { plainCode } from './backup-codes.ts'
import { PASSWORD_MAX_CHARACTERS, PASSWORD_MIN_CHARACTERS } from './schema.ts'
import { createStorageGuard } from './without-async-hooks.ts'

/** A session ends when nobody used it for 12 hours … */
const SESSION_IDLE_S = 12 * 3600
/** … and a use moves its end once an hour at most. */
const SESSION_RENEW_S = 3600
const ADDRESS_HEADER = 'x-client-address'
const CODE_HEADER = 'x-second-factor'
const USER_AGENT_MAX_CHARACTERS = 300

export interface Visitor {
  address: string
  userAgent?: string | undefined
}

export interface Credentials {
  email: string
  password: string
  /** Of the second factor. */
  code?: string | undefined
}

export interface SignedIn {
  userId: string
  sessionId: string
  createdAt: Date
  /** Ready `Set-Cookie` values. */
  cookies: string[]
}

export interface Auth {
  /** Throws `invalid_credentials` with one message for every reason, or what `mayEnter` throws. */
  signIn(credentials: Credentials, visitor: Visitor): Promise<SignedIn>
  /** The live session of a `Cookie` header, its end moved when due. */
  sessionOf(cookie: string, visitor: Visitor): Promise<SignedIn | undefined>
  hashPassword(password: string): Promise<string>
  verifyPassword(attempt: { hash: string; password: string }): Promise<boolean>
  /** The `Set-Cookie` value that removes the session cookie. */
  signOutCookie(): Promise<string>
}

/** better-auth behind our own routes: it owns passwords, sessions and their cookie; its HTTP handler is not mounted. */
export function createAuth({
  database,
  sessionSecret,
  publicUrl,
  logger,
  mayEnter,
}: {
  database: Database
  sessionSecret: string
  publicUrl: string
  logger: Logger
  /** Asked before a session is made, when the password was right. What it throws is for the caller. */
  mayEnter: (userId: string, code: string | undefined) => Promise<boolean>
}): Auth {
  const auth = betterAuth({
    ...fixedOptions,
    appName: 'Bourse',
    baseURL: publicUrl,
    secret: sessionSecret,
    database: prismaAdapter(database.prisma, { provider: 'postgresql' }),
    databaseHooks: {
      session: {
        create: {
          async before({ userId }, call) {
            const code = call?.headers?.get(CODE_HEADER) ?? undefined
            return (await mayEnter(userId, code)) ? undefined : false
          },
        },
      },
    },
    // Its arguments may carry what a log must not hold; its words are enough.
    logger: { log: (level, message) => logger.debug({ level }, `better-auth: ${message}`) },
  })

  const guarded = createStorageGuard()

  async function signedIn(token: string, cookies: string[]): Promise<SignedIn> {
    const found = await (await auth.$context).internalAdapter.findSession(token)
    if (!found) throw refused()
    const { userId, id, createdAt } = found.session
    return { userId, sessionId: id, createdAt, cookies }
  }

  return {
    async signIn({ email, password, code }, visitor) {
      try {
        const headers = headersOf(visitor)
        // A header takes no letter of any other alphabet.
        if (code !== undefined) headers.set(CODE_HEADER, plainCode(code))
        return await guarded(async () => {
          const body = { email, password }
          const answer = await auth.api.signInEmail({ body, headers, returnHeaders: true })
          return signedIn(answer.response.token, answer.headers.getSetCookie())
        })
      } catch (cause) {
        throw translate(cause)
      }
    },
    async sessionOf(cookie, visitor) {
      const headers = headersOf(visitor)
      headers.set('cookie', cookie)
      try {
        const { response, headers: set } = await guarded(() =>
          auth.api.getSession({ headers, returnHeaders: true }),
        )
        if (!response) return undefined
        const { userId, id, createdAt } = response.session
        return { userId, sessionId: id, createdAt, cookies: set.getSetCookie() }
      } catch (cause) {
        throw translate(cause)
      }
    },
    hashPassword: async (password) => (await auth.$context).password.hash(password),
    verifyPassword: async (attempt) => (await auth.$context).password.verify(attempt),
    async signOutCookie() {
      const { name, attributes } = (await auth.$context).authCookies.sessionToken
      return `${name}=; Max-Age=0; Path=${attributes.path ?? '/'}; HttpOnly; SameSite=Lax${attributes.secure ? '; Secure' : ''}`
    },
  }
}

const fixedOptions = {
  emailAndPassword: {
    enabled: true,
    disableSignUp: true,
    minPasswordLength: PASSWORD_MIN_CHARACTERS,
    maxPasswordLength: PASSWORD_MAX_CHARACTERS,
  },
  session: { expiresIn: SESSION_IDLE_S, updateAge: SESSION_RENEW_S, cookieCache: { enabled: false } },
  // Ours counts per account and address (login-throttle.ts) and also where this handler is not asked.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  advanced: {
    cookiePrefix: 'bourse',
    database: { generateId: () => uuidv7() },
    ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
  },
}

/** Only what we say ourselves: nothing that a client wrote decides which address is on record. */
function headersOf({ address, userAgent }: Visitor): Headers {
  const headers = new Headers({ [ADDRESS_HEADER]: address })
  if (userAgent) headers.set('user-agent', userAgent.slice(0, USER_AGENT_MAX_CHARACTERS))
  return headers
}

function translate(cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause
  const status = (cause as { statusCode?: unknown } | undefined)?.statusCode
  if (typeof status === 'number' && status < 500) return refused(cause)
  return new GatewayError(
    'unavailable',
    'Signing in does not work at the moment. Try again in a few seconds.',
    { cause, retryAfterMs: 2_000 },
  )
}

function refused(cause?: unknown): GatewayError {
  return new GatewayError('invalid_credentials', 'The email address or the password is wrong.', { cause })
}
