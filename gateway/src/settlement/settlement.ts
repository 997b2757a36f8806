/**
 * The life of a request's money: hold the worst case, settle the real cost, release the rest. Rich payers get
 * their hold while the upstream already works; for everyone else it is durable before anything is dispatched.
 */
import { isParked, type Ledger } from '../ledger/ledger.ts'
import { unbilledRefund } from '../ledger/request-postings.ts'
import type { UsageProof } from '../ledger/usage-record.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import { pause } from '../platform/pause.ts'
import { createBalances } from './balances.ts'
import { type Bill, billOf } from './bill.ts'
import { bookBill } from './book-bill.ts'
import { type Charge, chargeOf, type Served } from './charge.ts'
import { booksAway, insufficientQuota, overBudget, overloaded } from './refusals.ts'
import type { Mark, Spool } from './spool.ts'

// A payer with this many worst cases to spare cannot be overdrawn by the few requests in flight.
const OVERLAP_FACTOR = 20n
// A remembered balance of this many worst cases does not bind: what one request reserves without a maximum is a 32nd.
const PLENTY_FACTOR = 40n
const RENEW_EVERY_MS = 30_000
const BOOK_AGAIN_MS = 1_000
const BOOK_AGAIN_MAX_MS = 15_000
const FEE_STRIPES = 16

export interface HoldRequest {
  /** The request's UUID; also the hold's and the journal's. */
  id: string
  organisationId: string
  keyId: string
  /** Whether the key has a budget to check. */
  budgeted: boolean
  amountNanos: bigint
}

/** Money set aside for one request. */
export interface Hold {
  readonly id: string
  readonly organisationId: string
  readonly keyId: string
  readonly amountNanos: bigint
  /** Resolves when the hold is committed; rejects with the refusal. Nothing may be sent to the client before. */
  readonly durable: Promise<void>
  /** A settlement, release or write-off was asked for, whatever came of it. */
  concluded: boolean
}

export interface Settlement {
  /**
   * Free balance in nano-dollars: as last seen when that was just now, or is plenty for a request of `worstNanos`; else
   * as the database says, so that a payer who has just added credit is not held to what there was before.
   */
  available(organisationId: string, worstNanos: bigint): Promise<bigint>
  /** Throws `insufficient_quota`, `budget_exceeded`, `overloaded` or `unavailable`. */
  hold(request: HoldRequest): Promise<Hold>
  /** What the request will be charged; known before it is booked, so that the answer can tell it. */
  charge(hold: Hold, served: Served): Charge
  /**
   * Resolves when the charge is safe: in the spool, or committed when the operator or a full disk wants that. The last
   * byte to the client waits for it. Throws when it could not be made safe; then nothing is charged.
   */
  settle(hold: Hold, served: Served, bill: { charge: Charge; proof?: UsageProof }): Promise<void>
  /** Notes what was served so far, for the seller's sake, should this process die. */
  mark(hold: Hold, served: Served): void
  /** We broke it: the hold is released and the seller is paid by us. Goes on by itself until it is booked. */
  writeOff(hold: Hold, served: Served): void
  /** Releases the hold; nothing is charged. */
  void(hold: Hold, reason: string): Promise<void>
  /** Forgets what is remembered of a balance, after it changed by other means. */
  forget(organisationId: string): void
  /** Renews the holds of running requests now, beside doing it every 30 seconds. */
  renew(): Promise<void>
  liveHolds(): number
  /** Requests whose bill is safe and not yet booked. */
  unbooked(): number
  /** Resolves when every hold, settlement and release asked for so far has its answer. */
  idle(): Promise<void>
  /** Books what it can; the rest stays in the spool for the next start. */
  close(): Promise<void>
}

interface SettlementDeps {
  ledger: Ledger
  spool: Spool
  /** Hears of every request (its UUID) that this process booked. */
  onBooked?: (requestId: string) => void
  /** What the last byte waits for. */
  durability: 'spool' | 'database'
  metrics: Metrics
  logger: Logger
  clock: Clock
  /** Which fee account this process writes; spreads a hot row over processes. */
  nodeEpoch: number
}

export function createSettlement(deps: SettlementDeps): Settlement {
  const { ledger, spool, onBooked, durability, metrics, logger, clock, nodeEpoch } = deps
  const balances = createBalances(clock)
  const live = new Set<string>()
  const work = new Set<Promise<unknown>>()
  const feeStripe = String(Math.abs(nodeEpoch) % FEE_STRIPES)
  const closing = new AbortController()
  let unbooked = 0
  // Since bills could not be booked; more work would only make more of them.
  let away = false

  async function renew(): Promise<void> {
    if (live.size === 0) return
    await ledger.renew([...live]).catch((error) => logger.error({ err: error }, 'holds were not renewed'))
  }
  const renewal = setInterval(renew, RENEW_EVERY_MS)
  renewal.unref()

  function track<Result>(promise: Promise<Result>): Promise<Result> {
    work.add(promise)
    const forget = () => work.delete(promise)
    promise.then(forget, forget)
    return promise
  }

  async function available(organisationId: string, worstNanos: bigint): Promise<bigint> {
    const known = balances.get(organisationId)
    if (known) {
      const freeNanos = known.availableNanos - known.askedNanos
      if (freeNanos >= worstNanos * PLENTY_FACTOR) return freeNanos
    }
    await balances.booked(organisationId)
    if (known && balances.isFresh(known)) return known.availableNanos - known.askedNanos
    const { availableNanos } = await ledger.balanceOf(organisationId)
    balances.saw(organisationId, availableNanos)
    return availableNanos - (known?.askedNanos ?? 0n)
  }

  async function ask(request: HoldRequest): Promise<void> {
    const payer = await ledger.accountId({ code: 'buyer_cash', owner: request.organisationId })
    const outcome = await ledger.hold({
      id: request.id,
      payer,
      amountNanos: request.amountNanos,
      ...(request.budgeted ? { budgetId: request.keyId } : {}),
    })
    if (outcome.status === 'budget_exceeded') throw overBudget(request.amountNanos, outcome)
    balances.saw(request.organisationId, outcome.availableNanos)
    if (outcome.status === 'insufficient') throw insufficientQuota(request.amountNanos, outcome)
    live.add(request.id)
  }

  async function hold(request: HoldRequest): Promise<Hold> {
    const { id, organisationId, keyId, amountNanos, budgeted } = request
    if (ledger.saturated()) throw overloaded()
    if (away) throw booksAway()
    const overlaps = !budgeted && hasPlenty(balances.get(organisationId), amountNanos)
    // What this payer's last requests did not use of their holds comes back in a moment.
    if (!overlaps) await balances.booked(organisationId)
    const known = balances.get(organisationId)
    if (known && balances.isFresh(known) && known.askedNanos === 0n && known.availableNanos < amountNanos) {
      throw insufficientQuota(amountNanos, { availableNanos: known.availableNanos })
    }
    spool.admit(id, amountNanos)
    if (known) known.askedNanos += amountNanos
    const durable = track(ask(request)).finally(() => {
      if (known) known.askedNanos -= amountNanos
    })
    // A refusal is heard by whoever awaits `durable`; a caller that has left must not crash the process.
    durable.catch(() => spool.done(id))
    if (!overlaps) await durable
    return { id, organisationId, keyId, amountNanos, durable, concluded: false }
  }

  async function settle(
    held: Hold,
    served: Served,
    { charge, proof }: { charge: Charge; proof?: UsageProof },
  ): Promise<void> {
    await held.durable
    const bill = billOf({ hold: held, served, charge, proof, feeStripe })
    const inSpool = spool.bill(bill)
    // Nobody waits for what the spool has, so an outage is waited out; else the client does, and hears of it.
    const waits = durability === 'database' || !inSpool
    const booked = track(book(held, bill, { patiently: !waits })).finally(() => live.delete(held.id))
    balances.booking(held.organisationId, booked)
    if (!waits) {
      booked.catch(() => undefined) // logged where it happened
      return
    }
    try {
      await booked
    } catch (error) {
      // The client will hear that it was not charged, so it must not be.
      writeOff(held, served, bill)
      throw error
    }
  }

  async function book(held: Hold, bill: Bill, { patiently }: { patiently: boolean }): Promise<void> {
    unbooked += 1
    try {
      const attempt = () => bookBill(ledger, bill)
      const settled = await (patiently ? untilBooked(attempt) : attempt())
      balances.saw(held.organisationId, settled.availableNanos)
      metrics.tokensBilled(bill.record.usage)
      metrics.billed(bill.costNanos, bill.feeNanos)
      onBooked?.(held.id)
      spool.done(held.id)
    } catch (error) {
      // What the ledger refused, it has parked; anything else leaves it in the spool.
      if (isParked(error)) spool.done(held.id)
      logger.error({ err: error, holdId: held.id }, 'a request could not be booked')
      throw error
    } finally {
      unbooked -= 1
    }
  }

  /** Waits everything out but a refusal, until the gateway closes. */
  async function untilBooked<Result>(attempt: () => Promise<Result>): Promise<Result> {
    for (let waitMs = BOOK_AGAIN_MS; ; waitMs = Math.min(2 * waitMs, BOOK_AGAIN_MAX_MS)) {
      try {
        const result = await attempt()
        away = false
        return result
      } catch (error) {
        if (isParked(error) || closing.signal.aborted) throw error
        if (!away) logger.error({ err: error }, 'bills cannot be booked; they wait in the spool')
        away = true
        await pause(waitMs, closing.signal)
      }
    }
  }

  /** With `told`, a bill of which the client was told that it is not charged: should it be booked after all, it is undone. */
  function writeOff(held: Hold, served: Served, told?: Bill): void {
    held.concluded = true
    const mark = markOf(held, served)
    spool.mark(held.id, mark, { atOnce: true })
    const attempt = async () => {
      const outcome = await ledger.writeOff({ id: held.id, ...mark })
      if (outcome === 'settled' && told && told.costNanos > 0n) await ledger.post(refundOf(told))
    }
    const written = track(
      // Also without the hold, which may have been lost in the same outage.
      held.durable
        .catch(() => undefined)
        .then(() => untilBooked(attempt))
        .then(() => spool.done(held.id))
        .catch((error) => {
          if (isParked(error)) spool.done(held.id)
          logger.error({ err: error, holdId: held.id }, 'a loss could not be booked')
        })
        .finally(() => live.delete(held.id)),
    )
    balances.booking(held.organisationId, written)
  }

  async function release(held: Hold, reason: string): Promise<void> {
    try {
      await held.durable
    } catch (error) {
      if (error instanceof GatewayError) return // refused: there is nothing to release
      throw error
    }
    // Whatever becomes of the release: the request is free, and a hold nobody renews ends by itself.
    spool.done(held.id)
    const wasOpen = live.delete(held.id)
    await ledger.void(held.id, reason)
    const known = balances.get(held.organisationId)
    if (known && wasOpen) known.availableNanos += held.amountNanos
  }

  async function idle(): Promise<void> {
    while (work.size > 0) await Promise.allSettled([...work])
  }

  return {
    available,
    hold,
    charge: (held, served) => chargeOf(served, held.amountNanos),
    settle(held, served, bill) {
      held.concluded = true
      return track(settle(held, served, bill))
    },
    mark: (held, served) => spool.mark(held.id, markOf(held, served)),
    writeOff,
    void(held, reason) {
      held.concluded = true
      const released = track(release(held, reason).finally(() => live.delete(held.id)))
      balances.booking(held.organisationId, released)
      return released
    },
    forget: (organisationId) => balances.forget(organisationId),
    renew,
    liveHolds: () => live.size,
    unbooked: () => unbooked,
    idle,
    async close() {
      clearInterval(renewal)
      closing.abort()
      await idle()
      if (unbooked > 0) logger.warn({ unbooked }, 'requests stay in the spool for the next start')
    },
  }
}

function hasPlenty(
  known: { availableNanos: bigint; askedNanos: bigint } | undefined,
  amountNanos: bigint,
): boolean {
  return known !== undefined && known.availableNanos - known.askedNanos >= amountNanos * OVERLAP_FACTOR
}

function refundOf({ id, costNanos, record }: Bill) {
  return unbilledRefund({ requestId: id, organisationId: record.organisationId, costNanos })
}

/** The seller's share of what was served so far. */
function markOf(held: Hold, served: Served): Mark {
  const { usage, offer } = served
  return {
    sellerOrganisationId: offer.sellerOrganisationId,
    sellerNanos: chargeOf(
      { ...served, billed: served.billed === 'nothing' ? 'nothing' : 'delivered' },
      held.amountNanos,
    ).sellerNanos,
    memo: `${offer.model}: ${usage.uncachedInput} prompt and ${usage.output} completion tokens, counted`,
  }
}
