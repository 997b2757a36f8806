/**
 * The life of a request's money: hold the worst case, settle the real cost, release the rest. Rich payers get
 * their hold while the upstream already works; for everyone else it is durable before anything is dispatched.
 */
import { LRUCache } from 'lru-cache'
import type { Ledger } from '../ledger/ledger.ts'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import { type Charge, chargeOf, type Served } from './charge.ts'
import { insufficientQuota, overBudget } from './refusals.ts'

// A payer with this many worst cases to spare cannot be overdrawn by the few requests in flight.
const OVERLAP_FACTOR = 20n
// How long a balance seen at the last commit may refuse, or bind, without asking the database again.
const FRESH_MS = 250
// A remembered balance of this many worst cases does not bind: what one request reserves without a maximum is a 32nd.
const PLENTY_FACTOR = 40n
const RENEW_EVERY_MS = 30_000
const REMEMBERED_PAYERS = 50_000
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
  /** A settlement or release was asked for, whatever came of it. */
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
  /** Books what was served and resolves once that is committed. The last byte to the client waits for it. */
  settle(hold: Hold, served: Served): Promise<Charge>
  /** Releases the hold; nothing is charged. */
  void(hold: Hold, reason: string): Promise<void>
  /** Forgets what is remembered of a balance, after it changed by other means. */
  forget(organisationId: string): void
  liveHolds(): number
  /** Resolves when every hold, settlement and release asked for so far has its answer. */
  idle(): Promise<void>
  close(): Promise<void>
}

interface Balance {
  availableNanos: bigint
  seenAtMs: number
  /** Holds asked for and not yet answered. */
  askedNanos: bigint
}

interface SettlementDeps {
  ledger: Ledger
  metrics: Metrics
  logger: Logger
  clock: Clock
  /** Which fee account this process writes; spreads a hot row over processes. */
  nodeEpoch: number
}

export function createSettlement({ ledger, metrics, logger, clock, nodeEpoch }: SettlementDeps): Settlement {
  const balances = new LRUCache<string, Balance>({ max: REMEMBERED_PAYERS })
  const live = new Set<string>()
  const work = new Set<Promise<unknown>>()
  const feeStripe = String(Math.abs(nodeEpoch) % FEE_STRIPES)

  const renewal = setInterval(() => {
    if (live.size === 0) return
    ledger.renew([...live]).catch((error) => logger.error({ err: error }, 'holds were not renewed'))
  }, RENEW_EVERY_MS)
  renewal.unref()

  function saw(organisationId: string, availableNanos: bigint): void {
    const known = balances.get(organisationId)
    if (known) {
      known.availableNanos = availableNanos
      known.seenAtMs = clock.monotonicMs()
    } else balances.set(organisationId, { availableNanos, seenAtMs: clock.monotonicMs(), askedNanos: 0n })
  }

  function track<Result>(promise: Promise<Result>): Promise<Result> {
    work.add(promise)
    const forget = () => work.delete(promise)
    promise.then(forget, forget)
    return promise
  }

  const isFresh = (known: Balance) => clock.monotonicMs() - known.seenAtMs < FRESH_MS

  async function available(organisationId: string, worstNanos: bigint): Promise<bigint> {
    const known = balances.get(organisationId)
    if (known) {
      const freeNanos = known.availableNanos - known.askedNanos
      if (isFresh(known) || freeNanos >= worstNanos * PLENTY_FACTOR) return freeNanos
    }
    const { availableNanos } = await ledger.balanceOf(organisationId)
    saw(organisationId, availableNanos)
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
    saw(request.organisationId, outcome.availableNanos)
    if (outcome.status === 'insufficient') throw insufficientQuota(request.amountNanos, outcome)
    live.add(request.id)
  }

  async function hold(request: HoldRequest): Promise<Hold> {
    const known = balances.get(request.organisationId)
    const freeNanos = known ? known.availableNanos - known.askedNanos : undefined
    if (known && isFresh(known) && known.askedNanos === 0n && known.availableNanos < request.amountNanos) {
      throw insufficientQuota(request.amountNanos, { availableNanos: known.availableNanos })
    }
    if (known) known.askedNanos += request.amountNanos
    const durable = track(ask(request)).finally(() => {
      if (known) known.askedNanos -= request.amountNanos
    })
    // A refusal is heard by whoever awaits `durable`; a caller that has left must not crash the process.
    durable.catch(() => undefined)
    const overlaps =
      freeNanos !== undefined && freeNanos >= request.amountNanos * OVERLAP_FACTOR && !request.budgeted
    if (!overlaps) await durable
    return {
      id: request.id,
      organisationId: request.organisationId,
      keyId: request.keyId,
      amountNanos: request.amountNanos,
      durable,
      concluded: false,
    }
  }

  async function settle(hold: Hold, served: Served): Promise<Charge> {
    await hold.durable
    const charge = chargeOf(served, hold.amountNanos)
    const [sellerAccount, feeAccount] = await Promise.all([
      ledger.accountId({ code: 'seller_pending', owner: served.offer.sellerOrganisationId }),
      ledger.accountId({ code: 'platform_fee', owner: feeStripe }),
    ])
    const settled = await ledger.settle({
      id: hold.id,
      costNanos: charge.costNanos,
      sellerAccount,
      sellerNanos: charge.sellerNanos,
      feeAccount,
      feeNanos: charge.feeNanos,
      record: {
        organisationId: hold.organisationId,
        keyId: hold.keyId,
        listingId: served.offer.listingId,
        sellerOrganisationId: served.offer.sellerOrganisationId,
        model: served.offer.model,
        provider: served.offer.provider.id,
        usage: charge.usage,
        usageSource: charge.usageSource,
        price: served.offer.price,
        stream: served.stream,
        finishReason: served.finishReason,
        startedAt: served.startedAt,
        durationMs: served.durationMs,
        ttftMs: served.ttftMs,
      },
    })
    saw(hold.organisationId, settled.availableNanos)
    metrics.tokensBilled(charge.usage)
    metrics.billed(charge.costNanos, charge.feeNanos)
    return charge
  }

  async function release(hold: Hold, reason: string): Promise<void> {
    try {
      await hold.durable
    } catch (error) {
      if (error instanceof GatewayError) return // refused: there is nothing to release
      throw error
    }
    // Also after a settlement that failed; the balance is given back once.
    const wasOpen = live.delete(hold.id)
    await ledger.void(hold.id, reason)
    const known = balances.get(hold.organisationId)
    if (known && wasOpen) known.availableNanos += hold.amountNanos
  }

  async function idle(): Promise<void> {
    while (work.size > 0) await Promise.allSettled([...work])
  }

  /** Runs the last act of a hold; after it, also when it failed, nobody renews the hold and it expires by itself. */
  function conclude<Result>(hold: Hold, act: Promise<Result>): Promise<Result> {
    hold.concluded = true
    return track(act.finally(() => live.delete(hold.id)))
  }

  return {
    available,
    hold,
    settle: (held, served) => conclude(held, settle(held, served)),
    void: (held, reason) => conclude(held, release(held, reason)),
    forget: (organisationId) => void balances.delete(organisationId),
    liveHolds: () => live.size,
    idle,
    close() {
      clearInterval(renewal)
      return idle()
    },
  }
}
