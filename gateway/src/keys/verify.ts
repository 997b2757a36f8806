import { hash, timingSafeEqual } from 'node:crypto'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { inTime } from '../platform/in-time.ts'
import type { Logger } from '../platform/logger.ts'
import { keyedHash } from '../platform/secrets.ts'
import { createFreshCache } from '../users/fresh-cache.ts'
import { followKeyChanges } from './follow-changes.ts'
import { type KeyPolicy, keyPolicy } from './policy.ts'
import { type KeyLookup, lookUpKey } from './store.ts'
import { KEY_LENGTH, KEY_PREFIX, parseToken } from './token.ts'
import { createUseRecorder } from './use-recorder.ts'

/** Who calls with a key, what it may do, and who pays. */
export interface Caller {
  keyId: string
  /** SHA-256 of the whole key, its first 32 hex characters: `printf %s "$KEY" | sha256sum | head -c 32` says the same. */
  keyFingerprint: string
  organisationId: string
  name: string
  scopes: ReadonlySet<string>
  /** `undefined`: every model. */
  models: ReadonlySet<string> | undefined
  requestsPerMinute?: number
  tokensPerMinute?: number
  defaultMaxOutputTokens?: number
  /** The ledger keeps a budget under this key's id. */
  budgeted: boolean
  expiresAtMs?: number
  policy: KeyPolicy
}

export interface KeyVerifier {
  /** The caller behind `token`, at once when it was read less than 4 s ago. Throws 401, or 503 when nobody can say. */
  verify(token: string): Caller | Promise<Caller>
  /** Writes the last uses and stops listening. */
  close(): Promise<void>
}

export interface KeyVerifierDeps {
  database: Database
  pepper: Buffer
  clock: Clock
  /** Says whether a key has a budget; asked once per read of the key. */
  ledger: Pick<Ledger, 'budgetOf'>
  /** With it, changes of keys are heard at once (LISTEN); without, within 4 s. */
  databaseUrl?: string
  logger?: Logger
}

/** About 1 KB each: 50 MB when every place is taken. */
const CALLERS_MAX = 50_000

type Answer =
  | { caller: Caller; refused?: undefined }
  | { caller?: undefined; refused: 'unknown' | 'revoked' | 'expired' | 'closed' | 'replaced' }

/** Verifies API keys from a bounded cache that is never older than 4 s; the database is asked once per key at a time. */
export function createKeyVerifier(deps: KeyVerifierDeps): KeyVerifier {
  const { clock, database } = deps
  const answers = createFreshCache<Answer>({
    max: CALLERS_MAX,
    isMiss: ({ caller }) => caller === undefined,
    clock,
  })
  const uses = createUseRecorder({ database, ...(deps.logger ? { logger: deps.logger } : {}) })
  const changes = followKeyChanges({
    ...(deps.databaseUrl ? { databaseUrl: deps.databaseUrl } : {}),
    ...(deps.logger ? { logger: deps.logger } : {}),
    onChange: (id) =>
      answers.forget(
        ({ caller }) => !caller || id === undefined || caller.keyId === id || caller.organisationId === id,
      ),
  })

  function admit(answer: Answer): Caller {
    const { caller } = answer
    if (!caller) throw refusal(answer.refused)
    const nowMs = clock.nowMs()
    if (caller.expiresAtMs !== undefined && caller.expiresAtMs <= nowMs) throw refusal('expired')
    uses.note(caller.keyId, nowMs)
    return caller
  }

  return {
    verify(token) {
      if (token.length !== KEY_LENGTH) throw malformed(token)
      // The digest of the whole token: keys that begin alike are not alike, and the cache holds no secret.
      const found = answers.get(hash('sha256', token, 'base64'), () => read(deps, token))
      return found instanceof Promise ? found.then(admit) : admit(found)
    },
    async close() {
      await changes.close()
      await uses.close()
    },
  }
}

/** Not `async`, so that a key with a wrong checksum throws before anything is awaited or asked. */
function read(deps: KeyVerifierDeps, token: string): Promise<Answer> {
  const parts = parseToken(token)
  if (!parts) throw malformed(token)
  return askDatabase(deps, token, parts)
}

async function askDatabase(
  deps: KeyVerifierDeps,
  token: string,
  { lookupId, secret }: { lookupId: string; secret: string },
): Promise<Answer> {
  try {
    const found = await inTime(lookUpKey(deps.database, lookupId))
    if (!found || !timingSafeEqual(found.secretHash, keyedHash(deps.pepper, secret)))
      return { refused: 'unknown' }
    if (found.revokedAt) return { refused: 'revoked' }
    if (found.closedAt) return { refused: 'closed' }
    if (found.previousUntil && found.previousUntil.getTime() <= deps.clock.nowMs())
      return { refused: 'replaced' }
    const budgeted = (await deps.ledger.budgetOf(found.id)) !== undefined
    return { caller: callerOf(found, { keyFingerprint: fingerprint(token), budgeted }) }
  } catch (cause) {
    throw new GatewayError(
      'unavailable',
      'Your API key cannot be checked at the moment. Retry in a few seconds.',
      { cause, retryAfterMs: 1_000 },
    )
  }
}

function callerOf(
  found: KeyLookup,
  { keyFingerprint, budgeted }: Pick<Caller, 'keyFingerprint' | 'budgeted'>,
): Caller {
  // A key can never do more than its organisation may today.
  const scopes = found.scopes.filter((scope) => scope !== 'inference' || found.mayBuy)
  const ends = [found.expiresAt, found.previousUntil].flatMap((date) => (date ? [date.getTime()] : []))
  return {
    keyId: found.id,
    keyFingerprint,
    organisationId: found.organisationId,
    name: found.name,
    scopes: new Set(scopes),
    models: found.models.length > 0 ? new Set(found.models) : undefined,
    ...(found.requestsPerMinute === null ? {} : { requestsPerMinute: found.requestsPerMinute }),
    ...(found.tokensPerMinute === null ? {} : { tokensPerMinute: found.tokensPerMinute }),
    ...(found.defaultMaxOutputTokens === null
      ? {}
      : { defaultMaxOutputTokens: found.defaultMaxOutputTokens }),
    budgeted,
    ...(ends.length > 0 ? { expiresAtMs: Math.min(...ends) } : {}),
    policy: keyPolicy.parse(found.policy),
  }
}

/** Once per read of a key. The secret's 160 bits and more cannot be guessed from it. */
function fingerprint(token: string): string {
  return hash('sha256', token, 'hex').slice(0, 32)
}

function malformed(token: string): GatewayError {
  const hint = token.startsWith(KEY_PREFIX)
    ? 'This API key is mistyped or cut off. Copy it again.'
    : `API keys of this gateway begin with '${KEY_PREFIX}'. Create one under Keys.`
  return new GatewayError('invalid_api_key', hint)
}

const REFUSALS = {
  unknown: ['invalid_api_key', 'There is no such API key. Create one under Keys.'],
  revoked: ['invalid_api_key', 'This API key has been revoked. Create a new one under Keys.'],
  closed: ['invalid_api_key', 'The account of this API key has been closed.'],
  replaced: ['invalid_api_key', 'This API key was replaced by a new one, and its time has run out.'],
  expired: ['expired_api_key', 'This API key has expired. Create a new one under Keys.'],
} as const

function refusal(reason: keyof typeof REFUSALS): GatewayError {
  const [code, message] = REFUSALS[reason]
  return new GatewayError(code, message)
}
