/**
 * What a seller asks becomes a version of the price. A first price holds at once; a changed one after a notice, so that
 * buyers can see it coming, and it touches no request that runs.
 */
import { canonicalJson } from '../platform/canonical-json.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import { findBusyModel, insertPrices, type NewestPrice, readNewestPrices } from './price-store.ts'
import type { ModelRow, Transaction } from './store.ts'

const DAY_MS = 86_400_000
/** Further ahead nobody plans, and a price that is announced for ever would never need to hold. */
const MAX_AHEAD_MS = 30 * DAY_MS
// Prices that follow load or the clock need one version; by hand nobody changes one every quarter of an hour.
const MAX_CHANGES_PER_DAY = 100

export interface AskedPrices {
  listingId: string
  models: readonly Pick<ModelRow, 'model' | 'price'>[]
  nowMs: number
  noticeMs: number
  /** When changed prices shall hold; as soon as the notice is over when left out. */
  effectiveAtMs?: number | undefined
  /** The user; null for the gateway itself. */
  createdBy: string | null
}

/**
 * Writes a version for every model whose price is not the one that was asked last. The listing must be locked or new.
 * Throws `invalid_value` for a time that is too early or too late, `conflict` for too many changes.
 */
export async function askPrices(transaction: Transaction, asked: AskedPrices): Promise<void> {
  const { listingId, models, nowMs, createdBy } = asked
  const begins = checkTime(asked)
  const newest = await readNewestPrices(
    transaction,
    listingId,
    models.map(({ model }) => model),
  )
  const changes = models.flatMap(({ model, price }) => {
    const next = nextVersion(newest.get(model), price, begins)
    if (!next) return []
    const { fromMs, ...version } = next
    const row = { id: uuidv7(nowMs), listingId, model, ...version, rule: price }
    return [{ ...row, effectiveFrom: new Date(fromMs), createdAt: new Date(nowMs), createdBy }]
  })
  const changed = changes.filter(({ version }) => version > 1).map(({ model }) => model)
  if (changed.length > 0) await refuseTooMany(transaction, asked, changed)
  await insertPrices(transaction, changes)
}

interface Begins {
  nowMs: number
  /** When a changed price takes effect. */
  changedMs: number
  /** Whether the seller named that time. */
  named: boolean
}

function checkTime({ nowMs, noticeMs, effectiveAtMs }: AskedPrices): Begins {
  const earliestMs = nowMs + noticeMs
  if (effectiveAtMs === undefined) return { nowMs, changedMs: earliestMs, named: false }
  if (effectiveAtMs < earliestMs) {
    throw new GatewayError(
      'invalid_value',
      `effectiveAt: a changed price takes effect ${noticeMs / 1000} s after it is said at the earliest, now at ${new Date(earliestMs).toISOString()}. Name a later time, or leave it out.`,
      { param: 'effectiveAt' },
    )
  }
  if (effectiveAtMs > nowMs + MAX_AHEAD_MS) {
    throw new GatewayError('invalid_value', 'effectiveAt: at most 30 days ahead.', { param: 'effectiveAt' })
  }
  return { nowMs, changedMs: effectiveAtMs, named: true }
}

/**
 * The version that makes `rule` the price; undefined when it was the last to be asked already. One that has not begun
 * is replaced: the new version follows the one in force, and the pending one is followed by nobody.
 */
function nextVersion(
  newest: NewestPrice | undefined,
  rule: unknown,
  { nowMs, changedMs, named }: Begins,
): { version: number; follows: number | null; fromMs: number } | undefined {
  if (!newest) return { version: 1, follows: null, fromMs: nowMs }
  const pendingMs = newest.effectiveFrom.getTime()
  const isPending = newest.follows !== null && pendingMs > nowMs
  if (isSame(newest.rule, rule) && !(isPending && named && pendingMs !== changedMs)) return undefined
  return {
    version: newest.version + 1,
    follows: isPending ? newest.follows : newest.version,
    fromMs: changedMs,
  }
}

function isSame(stored: unknown, asked: unknown): boolean {
  // As JSON keeps it: members that are undefined are not there.
  return canonicalJson(stored) === canonicalJson(JSON.parse(JSON.stringify(asked)))
}

async function refuseTooMany(
  transaction: Transaction,
  { listingId, nowMs }: AskedPrices,
  models: readonly string[],
): Promise<void> {
  const busy = await findBusyModel(transaction, {
    listingId,
    models,
    since: new Date(nowMs - DAY_MS),
    times: MAX_CHANGES_PER_DAY,
  })
  if (busy === undefined) return
  throw new GatewayError(
    'conflict',
    `The price of '${busy}' was changed ${MAX_CHANGES_PER_DAY} times in a day. Wait, or use a price with windows or load.`,
    { param: 'models' },
  )
}
