/**
 * The books: double entry in PostgreSQL, in nano-dollars. A request holds its worst case before anything is sent,
 * and settles its cost or is voided after; both travel in group-committed batches and are idempotent by the request's
 * id, so that whatever is in doubt is simply asked again.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import { uuidv7 } from '../platform/ids.ts'
import { inTime } from '../platform/in-time.ts'
import type { Logger } from '../platform/logger.ts'
import type { Metrics } from '../platform/metrics.ts'
import { sqlState } from '../platform/transient-errors.ts'
import { type AccountRef, accountKey } from './accounts.ts'
import { type Batcher, createBatcher } from './batcher.ts'
import { type Concluded, type Conclusion, conclusionId, runConclusions } from './conclusions.ts'
import type {
  Balance,
  Budget,
  BudgetPeriod,
  HoldOperation,
  HoldOutcome,
  HoldState,
  PlayCredit,
  Settled,
  SettleOperation,
  StatementLine,
  Violation,
  WrittenOff,
} from './operations.ts'
import { creditPlayMoney, postJournal } from './post-journal.ts'
import type { Journal } from './postings.ts'
import { statementOf } from './read-statement.ts'
import * as store from './store.ts'

export type { PlayCredit } from './operations.ts'

export interface Ledger {
  /** The id of an account, opened on first use. */
  accountId(ref: AccountRef): Promise<bigint>
  /** Sets money aside, once per id: a repetition gets the first answer. Throws `overloaded` or `unavailable`. */
  hold(operation: HoldOperation): Promise<HoldOutcome>
  /**
   * Books what a hold came to, also of an expired hold and above its amount: what the balance does not cover is owed.
   * A repetition with the same figures is harmless; anything else that cannot be booked is parked and throws.
   */
  settle(operation: SettleOperation): Promise<Settled>
  /** Releases a hold; harmless when it has expired, was voided before or never came to be. Throws when it is settled. */
  void(id: string, reason: string): Promise<void>
  /** The same for whoever does not know: answers the state it is in then, `settled` when it was too late. */
  release(id: string, reason: string): Promise<HoldState | 'unknown'>
  /**
   * Releases a hold whose request we broke, and pays the seller from our own pocket, once. Harmless when it was settled.
   */
  writeOff(served: {
    id: string
    sellerOrganisationId: string
    sellerNanos: bigint
    memo: string
  }): Promise<WrittenOff>
  /** Whether a hold would be refused with `overloaded`: asked before any work is done for it. */
  saturated(): boolean
  /** Another 90 seconds for the open ones among these holds. */
  renew(ids: readonly string[]): Promise<void>
  /** Posts a journal once per source. Throws `idempotency_mismatch` for other entries, `conflict` below a floor. */
  post(journal: Journal): Promise<{ journalId: string; fresh: boolean }>
  /** Play money, once per organisation and idempotency key. */
  creditPlayMoney(credit: PlayCredit): Promise<'booked' | 'repeated' | 'mismatch'>
  balanceOf(organisationId: string): Promise<Balance>
  /** Newest first; `before` is the id of the last line seen. */
  statement(organisationId: string, page: { limit: number; before?: string }): Promise<StatementLine[]>
  /** Sets a spending limit or, with null, lifts it. */
  setBudget(budgetId: string, budget: { limitNanos: bigint; period: BudgetPeriod } | null): Promise<void>
  budgetOf(budgetId: string): Promise<Budget | undefined>
  /** Releases the holds that earlier lives of this node left open; returns how many. */
  releaseDeadNode(): Promise<number>
  /** Releases holds nobody renewed and keeps the months ahead ready; call it every few seconds. Returns how many. */
  expireHolds(): Promise<number>
  checkInvariants(): Promise<Violation[]>
  /** Resolves when everything asked for is committed; refuses what comes later. */
  close(): Promise<void>
}

export interface LedgerDeps {
  pool: store.LedgerPool
  logger: Pick<Logger, 'warn' | 'error'>
  metrics?: Pick<Metrics, 'batchCommitted'>
  clock: Clock
  /** Names this gateway over its restarts; `nodeEpoch` grows with each. */
  nodeId: string
  nodeEpoch: number
  /** How long a settlement waits for a database that is away before it is told; 60 s. */
  settlePatienceMs?: number
}

// A caller waits for a hold; a settlement is money already earned.
const HOLD_PATIENCE_MS = 2_000
const SETTLE_PATIENCE_MS = 60_000
// Together longer than a hold lives.
const GIVE_BACK_TRIES = 20
const GIVE_BACK_AGAIN_MS = 5_000
const REMEMBERED_ACCOUNTS = 100_000
const RENEW_CHUNK = 500
const EXPIRE_CHUNK = 500
const MONTHS_AHEAD = 3
const DAY_MS = 86_400_000

/** Why an operation was refused that now lies in `ledger.dead_letter`. */
export class Parked extends Error {}

/** Whether the ledger refused an operation for good and keeps it where an operator finds it. */
export function isParked(error: unknown): boolean {
  return error instanceof GatewayError && error.cause instanceof Parked
}

export function createLedger(deps: LedgerDeps): Ledger {
  const { pool } = deps
  const conclusions = concludeBatcher(deps)
  const holds = holdBatcher(deps, conclusions)
  const accounts = accountIds(deps)
  const accountId = accounts.find
  const post = (journal: Journal) => postJournal(journal, deps, accountId)
  const release = async (id: string, reason: string) =>
    (await conclusions.add({ kind: 'void', id, reason })) as HoldState | 'unknown'
  return {
    accountId,
    async hold(operation) {
      const outcome = await inTime(holds.add(operation), (late) => {
        if (typeof late === 'object' && late.status === 'held') giveBack(operation.id, conclusions)
      })
      if (outcome === 'mismatch') throw internal(`hold ${operation.id} was asked for with other terms before`)
      return outcome
    },
    settle: (operation) => settle(operation, deps, conclusions),
    async void(id, reason) {
      const state = await release(id, reason)
      if (state === 'settled') throw internal(`hold ${id} is settled and cannot be voided`)
    },
    async writeOff({ id, sellerOrganisationId, sellerNanos, memo }) {
      const [sellerAccount, lossAccount] = await Promise.all([
        accountId({ code: 'seller_pending', owner: sellerOrganisationId }),
        accountId({ code: 'unbilled_usage_loss' }),
      ])
      const journalId = uuidv7(deps.clock.nowMs())
      const operation = { id, journalId, sellerAccount, lossAccount, sellerNanos, memo }
      return (await conclusions.add({ kind: 'write_off', operation })) as WrittenOff
    },
    saturated: () => holds.full(),
    release,
    async renew(ids) {
      await Promise.all(
        chunked(ids, RENEW_CHUNK).map((chunk) => conclusions.add({ kind: 'renew', ids: chunk })),
      )
    },
    post,
    creditPlayMoney: (credit) => creditPlayMoney(credit, post),
    async balanceOf(organisationId) {
      const none = { balanceNanos: 0n, availableNanos: 0n, heldNanos: 0n }
      return (await inTime(store.readBalance(pool, cashKey(organisationId)))) ?? none
    },
    statement: (organisationId, page) => statementOf(pool, organisationId, page),
    setBudget: (budgetId, budget) => store.setBudget(pool, budgetId, budget),
    budgetOf: (budgetId) => inTime(store.readBudget(pool, budgetId)),
    releaseDeadNode: () => store.releaseDead(pool, deps),
    expireHolds: createJanitor(deps),
    checkInvariants: () => store.checkInvariants(pool),
    async close() {
      await holds.close()
      await conclusions.close()
      await accounts.close()
    },
  }
}

function holdBatcher(
  deps: LedgerDeps,
  conclusions: Batcher<Conclusion, Concluded>,
): Batcher<HoldOperation, HoldOutcome | 'mismatch'> {
  return createBatcher({
    name: 'hold',
    run: (operations) => store.holdBatch(deps.pool, operations, deps),
    patienceMs: HOLD_PATIENCE_MS,
    onPoison: (operation, error) => park(deps, 'hold', operation.id, operation, error),
    onRetry: (error, attempt) => deps.logger.warn({ err: error, attempt }, 'a batch of holds is sent again'),
    // They may have been committed all the same; nobody will serve them, so nothing should stay held for them.
    onDoubt: (operations) => {
      for (const { id } of operations) giveBack(id, conclusions)
    },
    clock: deps.clock,
    ...(deps.metrics ? { metrics: deps.metrics } : {}),
  })
}

/**
 * Releases a hold that nobody serves any more. A server that was frozen may write it when it wakes up, after this was
 * asked for, so what it does not know is asked for again, as long as a hold lives; and an outage is waited out.
 */
function giveBack(id: string, conclusions: Batcher<Conclusion, Concluded>, tries = GIVE_BACK_TRIES): void {
  const again = (left: number) => {
    if (left > 0) setTimeout(() => giveBack(id, conclusions, left), GIVE_BACK_AGAIN_MS).unref()
  }
  conclusions.add({ kind: 'void', id, reason: 'in doubt' }).then(
    (state) => {
      if (state === 'unknown') again(tries - 1)
    },
    (error) => {
      if (!(error instanceof GatewayError && error.code === 'shutting_down')) again(tries)
    },
  )
}

function concludeBatcher(deps: LedgerDeps): Batcher<Conclusion, Concluded> {
  return createBatcher({
    name: 'settle',
    run: (batch) => runConclusions(deps.pool, batch),
    patienceMs: deps.settlePatienceMs ?? SETTLE_PATIENCE_MS,
    onPoison: (conclusion, error) => park(deps, conclusion.kind, conclusionId(conclusion), conclusion, error),
    onRetry: (error, attempt) =>
      deps.logger.warn({ err: error, attempt }, 'a batch of settlements is sent again'),
    clock: deps.clock,
    ...(deps.metrics ? { metrics: deps.metrics } : {}),
  })
}

/**
 * Keeps what could not be booked where an operator finds it. When even that fails, nobody has it but the caller, who
 * hears `unavailable` and may come again.
 */
async function park(
  { pool, logger }: LedgerDeps,
  queue: string,
  operationId: string,
  payload: unknown,
  error: unknown,
): Promise<GatewayError> {
  const message = error instanceof Error ? error.message : String(error)
  try {
    await store.park(pool, { queue, operationId, payload, sqlState: sqlState(error), message })
  } catch (cause) {
    logger.error({ err: cause, queue, operationId }, 'an operation could not be parked')
    return new GatewayError('unavailable', 'The ledger cannot be written at the moment. Retry.', {
      cause: error,
      retryAfterMs: 1_000,
    })
  }
  logger.error(
    { err: error, queue, operationId },
    'the ledger refused an operation; it is parked in dead_letter',
  )
  return internal(new Parked(message))
}

async function settle(
  operation: SettleOperation,
  deps: LedgerDeps,
  conclusions: Batcher<Conclusion, Concluded>,
): Promise<Settled> {
  const concluded = await conclusions.add({ kind: 'settle', operation })
  if (typeof concluded !== 'object') {
    throw await park(
      deps,
      'settle',
      operation.id,
      operation,
      new Error(`hold ${operation.id} cannot be settled: ${concluded}`),
    )
  }
  if (concluded.shortfallNanos > 0n) {
    deps.logger.warn(
      { hold: operation.id, shortfallNanos: concluded.shortfallNanos.toString() },
      'a request cost more than its payer had; the rest is owed',
    )
  }
  return concluded
}

/** Looks accounts up once, those that are asked for together in one statement; an id never changes. */
function accountIds(deps: LedgerDeps): { find: Ledger['accountId']; close(): Promise<void> } {
  const known = new LRUCache<string, bigint>({ max: REMEMBERED_ACCOUNTS })
  const lookUps = createBatcher<AccountRef, bigint>({
    name: 'account',
    run: (refs) => store.openAccounts(deps.pool, refs),
    patienceMs: HOLD_PATIENCE_MS,
    onPoison: async (ref, error) => {
      deps.logger.error({ err: error, account: accountKey(ref) }, 'an account could not be opened')
      return internal(error instanceof Error ? error : accountKey(ref))
    },
    onRetry: (error, attempt) => deps.logger.warn({ err: error, attempt }, 'accounts are looked up again'),
    clock: deps.clock,
  })
  return {
    async find(ref) {
      const key = accountKey(ref)
      const found = known.get(key)
      if (found !== undefined) return found
      const id = await lookUps.add(ref)
      known.set(key, id)
      return id
    },
    close: () => lookUps.close(),
  }
}

/** Expires holds and, once a day, makes the months ahead. */
function createJanitor({ pool, clock }: LedgerDeps): () => Promise<number> {
  let partitionsMs = Number.NEGATIVE_INFINITY
  return async () => {
    const nowMs = clock.monotonicMs()
    if (nowMs - partitionsMs >= DAY_MS) {
      await store.ensurePartitions(pool, MONTHS_AHEAD)
      partitionsMs = nowMs
    }
    return store.expireHolds(pool, EXPIRE_CHUNK)
  }
}

function cashKey(organisationId: string): string {
  return accountKey({ code: 'buyer_cash', owner: organisationId })
}

function internal(fault: string | Error): GatewayError {
  return new GatewayError('internal_error', 'This request could not be booked. Quote the request id to us.', {
    cause: fault instanceof Error ? fault : new Error(fault),
  })
}

function chunked<Item>(items: readonly Item[], size: number): (readonly Item[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
