/**
 * Moves sealed credentials to the current encryption key. Only their data keys are wrapped anew: no credential is opened,
 * and each row is exchanged by itself, so the job can be stopped, killed and run by several nodes at once.
 */
import type { Database } from '../platform/database.ts'
import type { Kms } from '../platform/kms.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Sealer } from '../platform/secrets.ts'
import { credentialAad } from './credential-aad.ts'
import {
  countByKey,
  DAMAGED,
  exchangeSealed,
  giveUpSealed,
  type SealedRow,
  sealedUnder,
} from './credential-store.ts'

const BATCH = 100
// How old the counts on /metrics may be.
const COUNT_EVERY_MS = 60_000
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

export interface RotationDeps {
  database: Database
  sealer: Pick<Sealer, 'rewrap'>
  kms: Pick<Kms, 'currentKeyId' | 'keyIds'>
  /** Ids of keys that the operator has given up. */
  lostKeyIds: readonly string[]
  logger: Logger
  metrics: Pick<Metrics, 'samples'>
}

export interface KeyUse {
  keyId: string
  /** `missing`: no key is there that opens them; `damaged`: no key would. */
  is: 'current' | 'old' | 'missing' | 'damaged'
  credentials: number
}

export interface Rotated {
  moved: number
  /** Edited while they were moved; they are under the current key already. */
  changedMeanwhile: number
  /** Not to be unwrapped, or not to be written: looked at again by the next run. */
  failed: number
}

export interface CredentialRotation {
  /** How many credentials need which key, the current one first. */
  keys(): Promise<KeyUse[]>
  /**
   * Before anything is sold: gives up what lost keys sealed, and throws, with counts, when credentials need a key that
   * is not there. They would fail one by one, in front of buyers.
   */
  requireKeys(): Promise<void>
  /** Moves all; whoever asks while it runs waits for the same run. */
  rotate(): Promise<Rotated>
  state(): { running: boolean; last: Rotated | undefined }
  /** Ends a run after the credential that it is at. */
  close(): Promise<void>
}

export function createCredentialRotation(deps: RotationDeps): CredentialRotation {
  const { database, kms, lostKeyIds, logger, metrics } = deps
  let counts: ReadonlyMap<string, number> = new Map()
  let running: Promise<Rotated> | undefined
  let last: Rotated | undefined
  let closed = false

  async function keys(): Promise<KeyUse[]> {
    counts = await countByKey(database)
    const current = await kms.currentKeyId()
    const known = await kms.keyIds()
    const ids = new Set([current, ...known, ...counts.keys()])
    return [...ids].map((keyId) => ({
      keyId,
      is: standingOf(keyId, current, known),
      credentials: counts.get(keyId) ?? 0,
    }))
  }

  async function run(): Promise<Rotated> {
    const current = await kms.currentKeyId()
    const old = (await kms.keyIds()).filter((keyId) => keyId !== current)
    const rotated: Rotated = { moved: 0, changedMeanwhile: 0, failed: 0 }
    let afterId = FIRST_ID
    while (old.length > 0 && !closed) {
      const rows = await sealedUnder(database, { keyIds: old, afterId, limit: BATCH })
      for (const row of rows) {
        if (closed) break
        rotated[await move(deps, row)] += 1
        afterId = row.id
      }
      if (rows.length < BATCH) break
    }
    await keys()
    if (rotated.moved + rotated.failed > 0)
      logger.info({ ...rotated, keyId: current }, 'credentials were moved to the current encryption key')
    return rotated
  }

  const count = () =>
    keys().catch((error) => logger.warn({ err: error }, 'sealed credentials were not counted'))
  const timer = setInterval(count, COUNT_EVERY_MS)
  timer.unref()
  metrics.samples(
    'gateway_sealed_credentials',
    { help: 'Credentials by the id of the encryption key that wraps them.', labels: ['kek'] },
    () => [...counts].map(([keyId, value]) => ({ labels: [keyId], value })),
  )

  return {
    keys,
    async requireKeys() {
      const known = await kms.keyIds()
      const lost = lostKeyIds.filter((keyId) => !known.includes(keyId))
      const credentials = lost.length > 0 ? await giveUpSealed(database, lost) : 0
      if (credentials > 0) logger.warn({ lost, credentials }, 'credentials of lost keys were given up')
      const missing = (await keys()).filter(({ is }) => is === 'missing')
      if (missing.length > 0) throw new Error(missingKeys(missing))
    },
    rotate() {
      running ??= run()
        .then((rotated) => {
          last = rotated
          return rotated
        })
        .finally(() => {
          running = undefined
        })
      return running
    },
    state: () => ({ running: running !== undefined, last }),
    async close() {
      closed = true
      clearInterval(timer)
      await running?.catch(() => undefined)
    },
  }
}

function standingOf(keyId: string, current: string, known: readonly string[]): KeyUse['is'] {
  if (keyId === current) return 'current'
  if (known.includes(keyId)) return 'old'
  return keyId === DAMAGED ? 'damaged' : 'missing'
}

/** One credential. What fails stays as it was. */
async function move({ database, sealer, logger }: RotationDeps, row: SealedRow): Promise<keyof Rotated> {
  const { id, organisationId, baseUrl, sealedCredential: from } = row
  try {
    const to = await sealer.rewrap(from, credentialAad({ listingId: id, organisationId, baseUrl }))
    if (to === undefined) return 'changedMeanwhile'
    return (await exchangeSealed(database, { id, from, to })) ? 'moved' : 'changedMeanwhile'
  } catch (error) {
    logger.error({ err: error, listingId: id }, 'a credential was not moved to the current encryption key')
    return 'failed'
  }
}

function missingKeys(missing: readonly KeyUse[]): string {
  const named = missing.map(({ keyId, credentials }) => `${credentials} need the key ${keyId}`).join(', ')
  const lost = missing.map(({ keyId }) => `lost:${keyId}`).join(',')
  return `some sealed credentials need an encryption key that is not there: ${named}. Add it to GATEWAY_ENCRYPTION_KEYS_OLD; if it is lost for good, add ${lost} instead and enter those listings' keys anew`
}
