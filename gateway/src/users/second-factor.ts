import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import { generateBackupCodes, hashBackupCode, plainCode } from './backup-codes.ts'
import {
  beginSecondFactor,
  changeSecondFactor,
  deleteSecondFactor,
  findSecondFactor,
  listSealedSecrets,
  lockSecondFactor,
  type SecondFactorRow,
} from './second-factor-store.ts'
import { deleteSessions } from './session-store.ts'
import { inTransaction, type Transaction } from './store.ts'
import { base32, otpauthUri, periodOfCode } from './totp.ts'

type UserPrincipal = Extract<Principal, { kind: 'user' }>

// Five guesses a quarter of an hour, whoever asks from wherever: by chance one succeeds in two years.
const FAILURES_MAX = 5
const LOCK_MS = 15 * 60_000
const SECRET_BYTES = 20
const REWRAP_PAGE = 100
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

export interface SecondFactor {
  stateOf(userId: string): Promise<{ enabledAt: Date | null; backupCodesLeft: number }>
  /** A secret for the app, on when `confirm` has seen a code of it. Throws `conflict` when a factor is on. */
  begin(user: { id: string; email: string }): Promise<{ secret: string; uri: string }>
  /** Turns it on and ends all other sessions; answers the backup codes, once. Throws `invalid_credentials`. */
  confirm(principal: UserPrincipal, code: string): Promise<string[]>
  /** New backup codes in place of the old ones. Throws `conflict` when no factor is on. */
  renewBackupCodes(principal: UserPrincipal): Promise<string[]>
  /** Turns it off; false when it was not on. */
  remove(userId: string, actor: Principal): Promise<boolean>
  /**
   * For who has given the right password: passes when no factor is on, or the code is right. Throws
   * `two_factor_required` without a code, `invalid_credentials` for a wrong one, `rate_limit_exceeded` after five.
   */
  admit(userId: string, code: string | undefined): Promise<void>
  /** Moves all secrets under the current encryption key. */
  rewrap(): Promise<void>
}

/** Keeps secrets sealed, and opens those of this room: the composition root gives it, so that no other room has it. */
export interface SecretBox {
  seal(plain: string, aad: string): Promise<Uint8Array>
  open(sealed: Uint8Array, aad: string): Promise<string>
  /** The same secret under the current key; `undefined` when it is already. */
  rewrap(sealed: Uint8Array, aad: string): Promise<Uint8Array | undefined>
}

export interface SecondFactorDeps {
  database: Database
  audit: Audit
  clock: Clock
  box: SecretBox
}

/** Codes of an authenticator app, after the password. */
export function createSecondFactor({ database, audit, clock, box }: SecondFactorDeps): SecondFactor {
  const record = (
    transaction: Transaction,
    event: { actor: Principal; what: 'enabled' | 'removed' | 'backup_codes_renewed'; userId: string },
  ) =>
    audit.record(
      {
        actor: event.actor,
        action: `user.two_factor_${event.what}`,
        subject: formatId('usr-', event.userId),
      },
      transaction,
    )

  /** Takes a code, or counts a failure. The outcome is committed before anybody hears of it. */
  async function take(
    transaction: Transaction,
    row: SecondFactorRow,
    code: string,
  ): Promise<'taken' | 'wrong'> {
    const { userId } = row
    const plain = plainCode(code)
    // First: a backup code opens even when the secret's encryption key is lost.
    const left = withoutCode(row.backupHashes, plain)
    if (left) {
      await changeSecondFactor(transaction, userId, { backupHashes: left, failures: 0 })
      return 'taken'
    }
    const secret = await box.open(row.sealedSecret, aadOf(userId))
    const period = periodOfCode(Buffer.from(secret, 'base64'), plain, clock.nowMs())
    if (period !== undefined && BigInt(period) > row.lastPeriod) {
      await changeSecondFactor(transaction, userId, { lastPeriod: BigInt(period), failures: 0 })
      return 'taken'
    }
    const failures = row.failures + 1
    await changeSecondFactor(
      transaction,
      userId,
      failures < FAILURES_MAX
        ? { failures }
        : { failures: 0, lockedUntil: new Date(clock.nowMs() + LOCK_MS) },
    )
    return 'wrong'
  }

  return {
    async stateOf(userId) {
      const row = await findSecondFactor(database.prisma, userId)
      return { enabledAt: row?.enabledAt ?? null, backupCodesLeft: row?.backupHashes.length ?? 0 }
    },
    async begin({ id, email }) {
      const bytes = randomBytes(SECRET_BYTES)
      const sealedSecret = Uint8Array.from(await box.seal(bytes.toString('base64'), aadOf(id)))
      const isNew = await inTransaction(database, (transaction) =>
        beginSecondFactor(transaction, { userId: id, sealedSecret, nowMs: clock.nowMs() }),
      )
      if (!isNew) throw new GatewayError('conflict', 'Two-factor sign-in is on already. Turn it off first.')
      const secret = base32(bytes)
      return { secret, uri: otpauthUri({ issuer: 'Bourse', account: email, secret }) }
    },
    async confirm(principal, code) {
      const { userId, sessionId } = principal
      const codes = generateBackupCodes()
      const outcome = await inTransaction(database, async (transaction) => {
        const row = await lockSecondFactor(transaction, userId)
        if (!row || row.enabledAt)
          throw new GatewayError(
            'conflict',
            'Begin with POST /api/me/two-factor; then send a code of the app.',
          )
        requireUnlocked(row, clock.nowMs())
        if ((await take(transaction, row, code)) === 'wrong') return 'wrong'
        const backupHashes = codes.map(hashed)
        await changeSecondFactor(transaction, userId, { enabledAt: new Date(clock.nowMs()), backupHashes })
        await deleteSessions(transaction, userId, sessionId)
        await record(transaction, { actor: principal, what: 'enabled', userId })
        return 'taken'
      })
      if (outcome === 'wrong') throw wrongCode()
      return codes
    },
    async renewBackupCodes(principal) {
      const { userId } = principal
      const codes = generateBackupCodes()
      await inTransaction(database, async (transaction) => {
        const row = await lockSecondFactor(transaction, userId)
        if (!row?.enabledAt) throw new GatewayError('conflict', 'Two-factor sign-in is not on.')
        await changeSecondFactor(transaction, userId, { backupHashes: codes.map(hashed) })
        await record(transaction, { actor: principal, what: 'backup_codes_renewed', userId })
      })
      return codes
    },
    remove: (userId, actor) =>
      inTransaction(database, async (transaction) => {
        const was = await deleteSecondFactor(transaction, userId)
        if (was) await record(transaction, { actor, what: 'removed', userId })
        return was
      }),
    async admit(userId, code) {
      const outcome = await inTransaction(database, async (transaction) => {
        const row = await lockSecondFactor(transaction, userId)
        if (!row?.enabledAt) return 'taken'
        if (code === undefined) throw codeNeeded()
        requireUnlocked(row, clock.nowMs())
        return take(transaction, row, code)
      })
      if (outcome === 'wrong') throw wrongCode()
    },
    async rewrap() {
      let afterId = FIRST_ID
      while (true) {
        const rows = await listSealedSecrets(database.prisma, { afterId, limit: REWRAP_PAGE })
        for (const { userId, sealedSecret } of rows) {
          const moved = await box.rewrap(sealedSecret, aadOf(userId))
          if (moved)
            await changeSecondFactor(database.prisma, userId, { sealedSecret: Uint8Array.from(moved) })
        }
        if (rows.length < REWRAP_PAGE) return
        afterId = rows.at(-1)?.userId ?? afterId
      }
    },
  }
}

const aadOf = (userId: string) => `second factor|${userId}`
const hashed = (code: string) => Uint8Array.from(hashBackupCode(code))

/** The hashes without that of `code`; `undefined` when it is none of them. */
function withoutCode(hashes: readonly Uint8Array[], code: string): Uint8Array<ArrayBuffer>[] | undefined {
  const given = hashBackupCode(code)
  const left = hashes.filter((hash) => !timingSafeEqual(hash, given))
  return left.length < hashes.length ? left.map((hash) => Uint8Array.from(hash)) : undefined
}

function requireUnlocked({ lockedUntil }: SecondFactorRow, nowMs: number): void {
  const retryAfterMs = (lockedUntil?.getTime() ?? 0) - nowMs
  if (retryAfterMs <= 0) return
  const minutes = Math.ceil(retryAfterMs / 60_000)
  throw new GatewayError('rate_limit_exceeded', `Too many wrong codes. Try again in ${minutes} min.`, {
    retryAfterMs,
  })
}

function codeNeeded(): GatewayError {
  return new GatewayError(
    'two_factor_required',
    'This account has two-factor sign-in. Send the password again together with `code`: six digits of the authenticator app, or a backup code.',
    { param: 'code' },
  )
}

function wrongCode(): GatewayError {
  return new GatewayError(
    'invalid_credentials',
    'The code is wrong, or was used before. Wait for the next one of the app.',
    { param: 'code' },
  )
}
