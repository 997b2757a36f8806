/**
 * Receipts: signed off the request path as soon as a request is booked, found again after a crash, and signed at
 * once when somebody asks sooner.
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Caller } from '../keys/verify.ts'
import type { UsageFacts } from '../ledger/usage-facts.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { parseId } from '../platform/ids.ts'
import type { Metrics } from '../platform/metrics.ts'
import { type PublicJwk, publicJwkOf } from '../platform/signing.ts'
import { createReceiptWriter, type Issuer, type SignedReceipt } from './receipt.ts'
import { createReceiptQueue, type ReceiptQueue } from './receipt-queue.ts'
import { searchUnsigned } from './receipt-search.ts'
import { type SigningDeps, signBooked, signFacts } from './receipt-signing.ts'
import {
  type KeySpending,
  readFacts,
  readHold,
  readKeySpending,
  readReceipt,
  readSigningKeys,
  readTotals,
} from './receipt-store.ts'

/** Who asks. With `keyId` only that key's own requests are theirs. */
export interface Asker {
  organisationId: string
  keyId?: string
}

/** What a key may see of its organisation's requests: all with the scope `read`, else its own. */
export function keyAsker({ organisationId, keyId, scopes }: Caller): Asker {
  return scopes.has('read') ? { organisationId } : { organisationId, keyId }
}

export interface Receipts {
  /** Takes note that a request (its UUID) is booked: its receipt is signed soon. Never waits, never throws. */
  booked(requestId: string): void
  /**
   * The receipt of a request (`gen-…`), signed now if it has not been yet. Waits up to two seconds for a request that
   * is just being booked. Throws `not_found`, also for a request of somebody else.
   */
  get(requestId: string, asker: Asker): Promise<SignedReceipt>
  /** What was booked for a request; waits and throws as `get` does. */
  factsOf(requestId: string, asker: Asker): Promise<UsageFacts>
  totalsOf(organisationId: string): Promise<{ creditedNanos: bigint; spentNanos: bigint }>
  /** What a key has spent, as far as its requests are signed. */
  spendingOf(keyId: string): Promise<KeySpending>
  /** Every public key that ever signed here, ours among them. */
  jwks(): Promise<PublicJwk[]>
  /** Signs what was booked and never signed; returns how many there were. Runs by itself at the start and later. */
  search(): Promise<number>
  /** Resolves when everything noted so far is signed. */
  idle(): Promise<void>
  close(): Promise<void>
}

export interface ReceiptsDeps extends Omit<SigningDeps, 'write'> {
  issuer: Issuer
  clock: Clock
  metrics?: Pick<Metrics, 'counter' | 'gauge'>
  /** How long a booking counts as on its way to be signed, for the search; five seconds unless told. */
  graceMs?: number
}

const SEARCH_EVERY_MS = 120_000
const WAIT_MS = 2_000
const FIRST_LOOK_MS = 25
// Each looks ten times at most; more than this and they are told to come back.
const WAITERS_MAX = 200
const KEYS_FRESH_MS = 60_000

export function createReceipts(deps: ReceiptsDeps): Receipts {
  const { pool, logger } = deps
  const signing = { ...deps, write: createReceiptWriter(deps.issuer) }
  const stop = new AbortController()
  let signed = 0
  let searching: Promise<number> | undefined

  const sign = async (ids: readonly string[]) => {
    // Not `+= await`: it reads the sum before the wait, and what another signs meanwhile would be lost.
    const done = await signBooked(signing, ids)
    signed += done
  }
  const queue = createReceiptQueue({ sign, logger })
  const find = createFinder(deps)

  function search(): Promise<number> {
    searching ??= searchUnsigned({
      pool,
      sign,
      signal: stop.signal,
      ...(deps.graceMs === undefined ? {} : { graceMs: deps.graceMs }),
    }).finally(() => {
      searching = undefined
    })
    return searching
  }
  const searchQuietly = () => {
    search()
      .then((found) => found > 0 && logger.info({ found }, 'receipts were signed that had been left'))
      .catch((error) =>
        logger.warn({ err: error }, 'the search for unsigned usage failed; it will be repeated'),
      )
  }
  const timer = setInterval(searchQuietly, SEARCH_EVERY_MS)
  timer.unref()
  searchQuietly()
  countReceipts(deps, { signed: () => signed, queue })

  return {
    booked: queue.add,
    async get(requestId, asker) {
      const facts = await find(requestId, asker)
      const stored = await readReceipt(pool, facts.id)
      if (stored) return stored
      const done = await signFacts(signing, [facts])
      signed += done
      // Read back: another process may have been faster, and there is one receipt for a request.
      const receipt = await readReceipt(pool, facts.id)
      if (receipt) return receipt
      throw new GatewayError('internal_error', 'This request has no receipt. Quote its id to us.')
    },
    factsOf: find,
    totalsOf: (organisationId) => readTotals(pool, organisationId),
    spendingOf: (keyId) => readKeySpending(pool, keyId),
    jwks: createKeySet(deps),
    search,
    idle: queue.idle,
    async close() {
      clearInterval(timer)
      stop.abort()
      await searching?.catch(() => undefined)
      await queue.close()
    },
  }
}

function countReceipts({ metrics }: ReceiptsDeps, seen: { signed: () => number; queue: ReceiptQueue }): void {
  metrics?.counter(
    'gateway_receipts_signed_total',
    'Receipts that this process signed and kept.',
    seen.signed,
  )
  metrics?.gauge(
    'gateway_receipts_unsigned',
    'Booked requests that wait for this process to sign them.',
    () => seen.queue.waiting(),
  )
}

/** Looks for what was booked for a request of `asker`, and again for a while when it is just being booked. */
function createFinder({ pool, clock }: ReceiptsDeps) {
  let waiters = 0

  async function look(requestId: string, asker: Asker): Promise<UsageFacts | 'later'> {
    const id = parseId('gen-', requestId)
    if (id === undefined) throw unknown(requestId)
    const [facts] = await readFacts(pool, [id])
    if (facts) {
      if (!isTheirs(facts, asker)) throw unknown(requestId)
      return facts
    }
    const hold = await readHold(pool, id)
    if (hold?.organisationId !== asker.organisationId) throw unknown(requestId)
    if (hold.state === 'open' || hold.state === 'settled') return 'later'
    throw uncharged(requestId, hold.state)
  }

  return async function find(requestId: string, asker: Asker): Promise<UsageFacts> {
    const untilMs = clock.monotonicMs() + WAIT_MS
    let found = await look(requestId, asker)
    if (found !== 'later') return found
    if (waiters >= WAITERS_MAX) throw notYet(requestId)
    waiters += 1
    try {
      for (let waitMs = FIRST_LOOK_MS; clock.monotonicMs() < untilMs; waitMs *= 1.5) {
        await delay(waitMs)
        found = await look(requestId, asker)
        if (found !== 'later') return found
      }
    } finally {
      waiters -= 1
    }
    throw notYet(requestId)
  }
}

function isTheirs(facts: UsageFacts, { organisationId, keyId }: Asker): boolean {
  return facts.organisation_id === organisationId && (keyId === undefined || facts.key_id === keyId)
}

/** The same words for what is not there and for what belongs to somebody else. */
function unknown(requestId: string): GatewayError {
  return new GatewayError(
    'not_found',
    `There is no request '${requestId.slice(0, 64)}' of yours. Send the x-request-id of an answer, gen-….`,
    { param: 'id' },
  )
}

function notYet(requestId: string): GatewayError {
  return new GatewayError('not_found', `Request ${requestId} is not booked yet. Ask again in a second.`, {
    param: 'id',
    retryable: true,
    retryAfterMs: 1_000,
  })
}

function uncharged(requestId: string, state: string): GatewayError {
  const why =
    state === 'expired' ? 'its hold has run out, and so far nothing was charged' : 'nothing was charged'
  return new GatewayError('not_found', `Request ${requestId} has no receipt: ${why}.`, { param: 'id' })
}

/** The keys as the database knows them, read at most once a minute; when it is away, as they were last seen. */
function createKeySet({ pool, signer, clock }: ReceiptsDeps): () => Promise<PublicJwk[]> {
  let known: Promise<PublicJwk[]> | undefined
  let readAtMs = 0

  async function read(): Promise<PublicJwk[]> {
    const others = (await readSigningKeys(pool)).filter((x) => x !== signer.publicJwk.x)
    // The newest first: most who ask have a fresh receipt.
    return [signer.publicJwk, ...others.reverse().map(publicJwkOf)]
  }

  return async function jwks() {
    const nowMs = clock.monotonicMs()
    if (known && nowMs - readAtMs < KEYS_FRESH_MS) return known
    const previous = known
    readAtMs = nowMs
    known = read().catch((error) => {
      known = previous
      if (previous) return previous
      throw error
    })
    return known
  }
}
