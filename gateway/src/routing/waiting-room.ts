/**
 * Where requests wait for a place, at most two seconds, when every offer of their model is full and their caller allows
 * it. One line per model; whoever came first is asked first. Never on the path of a request that finds a place at once.
 */
import Bottleneck from 'bottleneck'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Capacity } from './capacity.ts'
import { noCapacity } from './failover.ts'

/** Longer than this, another attempt later serves a caller better than a connection that says nothing. */
export const MAX_WAIT_MS = 2_000
/** Requests in one line: what a place that frees every 8 ms serves in two seconds. */
const HIGH_WATER = 256
/** Of one buyer in one line: whoever floods a line leaves room for the others. */
const HIGH_WATER_BUYER = 64
/** In all lines together; each holds a body and a connection. */
const HIGH_WATER_ALL = 2_000
/** Looks at a line whose first cannot be served, each a decision of up to 100 µs: who wants much must not block the rest. */
const LOOKS_AT_ONCE = 32
/** Between two looks at the same line when nothing came free. */
const MIN_LOOK_MS = 10
/** Rests end and breakers close without a word to anybody, so a line is looked at this often at least. */
const MAX_LOOK_MS = 100
/** Between two looks when places come free faster than decisions should be made. */
const MIN_WAKE_MS = 1

export interface WaitingRoom {
  /**
   * Calls `tryNow` whenever it is this caller's turn and room may have come, until it gives something; it must take what
   * it finds, else the next in line finds the same. What it throws ends the wait. Rejects with `no_capacity` when the wait
   * is over or the line too long, with `request_timeout` when the client has left.
   */
  wait<Result>(
    model: string,
    options: { maxWaitMs: number; signal?: AbortSignal; buyer?: string },
    tryNow: () => Result | undefined,
  ): Promise<Result>
  /** How many wait for a model. */
  waitingFor(model: string): number
  /** The longest lines first. */
  state(limit: number): { model: string; waiting: number }[]
  /** Sends everybody away who still waits. */
  close(): void
}

export interface WaitingRoomDeps {
  clock: Pick<Clock, 'monotonicMs'>
  capacity: Pick<Capacity, 'onFreed'>
  /** When something of the model may come free by itself, in milliseconds; `Infinity` or 0 when that is not known. */
  nextFreeMs: (model: string) => number
  metrics?: Pick<Metrics, 'gauge' | 'counter' | 'samples'> | undefined
  timer?: Timer
  /** Gives each piece of work its turn, one after the other; bottleneck unless a simulation brings its own. */
  turns?: () => Turns
}

export interface Timer {
  set(work: () => void, ms: number): unknown
  clear(handle: unknown): void
}

export type Turns = (work: () => Promise<void>) => Promise<void>

interface Waiter {
  /** True when it got what it came for, or an error; then it is out of the line. */
  look(): boolean
  /** Ends the wait without a place. */
  leave(outcome: Exclude<Outcome, 'served'>, error: GatewayError): void
}

interface Line {
  /** In the order they came. */
  waiters: Set<Waiter>
  /** How many of them are whose. */
  buyers: Map<string, number>
  takeTurns: Turns
  /** Turns asked for and not yet over. */
  tickets: number
  lookedAtMs: number
  /** Ends the pause between two looks. */
  wake: (() => void) | undefined
}

type Outcome = 'served' | 'failed' | 'expired' | 'overflow' | 'left' | 'closed'

// Looked up at each call, so that a test's clock may take their place.
const realTimer: Timer = {
  set: (work, ms) => setTimeout(work, ms),
  clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
}

export function createWaitingRoom(deps: WaitingRoomDeps): WaitingRoom {
  const { clock, capacity, nextFreeMs, timer = realTimer, turns = bottleneckTurns } = deps
  const lines = new Map<string, Line>()
  const ended: Record<Outcome, number> = { served: 0, failed: 0, expired: 0, overflow: 0, left: 0, closed: 0 }
  let waiting = 0
  let waitedMs = 0
  const stopListening = capacity.onFreed(({ model }) => lines.get(model)?.wake?.())
  measure(deps.metrics, { ended, waiting: () => waiting, waitedMs: () => waitedMs })

  function wait<Result>(
    model: string,
    { maxWaitMs, signal, buyer = '' }: { maxWaitMs: number; signal?: AbortSignal; buyer?: string },
    tryNow: () => Result | undefined,
  ): Promise<Result> {
    if (signal?.aborted) return Promise.reject(gone())
    const line = lines.get(model) ?? openLine(model)
    const own = line.buyers.get(buyer) ?? 0
    if (
      line.waiters.size >= HIGH_WATER ||
      waiting >= HIGH_WATER_ALL ||
      (buyer !== '' && own >= HIGH_WATER_BUYER)
    ) {
      ended.overflow += 1
      return Promise.reject(refusal(model, ` (${line.waiters.size} requests already wait)`))
    }
    return new Promise<Result>((resolve, reject) => {
      const sinceMs = clock.monotonicMs()
      const finish = (outcome: Outcome) => {
        line.waiters.delete(waiter)
        const left = (line.buyers.get(buyer) ?? 1) - 1
        if (left > 0) line.buyers.set(buyer, left)
        else line.buyers.delete(buyer)
        timer.clear(expiry)
        signal?.removeEventListener('abort', onLeave)
        ended[outcome] += 1
        waiting -= 1
        waitedMs += clock.monotonicMs() - sinceMs
        if (line.waiters.size === 0) line.wake?.()
      }
      const waiter: Waiter = {
        look() {
          try {
            const result = tryNow()
            if (result === undefined) return false
            finish('served')
            resolve(result)
          } catch (error) {
            finish('failed')
            reject(error)
          }
          return true
        },
        leave(outcome, error) {
          finish(outcome)
          reject(error)
        },
      }
      const onLeave = () => waiter.leave('left', gone())
      const expiry = timer.set(
        () => waiter.leave('expired', refusal(model, ' and stayed so')),
        Math.min(maxWaitMs, MAX_WAIT_MS),
      )
      waiting += 1
      line.waiters.add(waiter)
      line.buyers.set(buyer, own + 1)
      signal?.addEventListener('abort', onLeave)
      takeTicket(model, line)
    })
  }

  function openLine(model: string): Line {
    const line: Line = {
      waiters: new Set(),
      buyers: new Map(),
      takeTurns: turns(),
      tickets: 0,
      lookedAtMs: Number.NEGATIVE_INFINITY,
      wake: undefined,
    }
    lines.set(model, line)
    return line
  }

  /**
   * A turn for each who waits, but nobody's own: a job of bottleneck's cannot be called off, so the turn of a caller that
   * has left serves another, and there are never more turns asked for than callers were in line at once.
   */
  function takeTicket(model: string, line: Line): void {
    if (line.tickets >= line.waiters.size) return
    line.tickets += 1
    line
      .takeTurns(() => turn(model, line))
      // Only if bottleneck counts otherwise than we do; whoever is left over then expires.
      .catch(() => undefined)
      .finally(() => {
        line.tickets -= 1
        if (line.waiters.size > 0) takeTicket(model, line)
        else if (line.tickets === 0 && lines.get(model) === line) lines.delete(model)
      })
  }

  /** Stands by until somebody of the line is served, or nobody is left in it. */
  async function turn(model: string, line: Line): Promise<void> {
    while (line.waiters.size > 0) {
      line.lookedAtMs = clock.monotonicMs()
      if (lookAt(line)) return
      if (line.waiters.size > 0) await pause(model, line)
    }
  }

  /** Asks the line from its head on, as long as there is something to be had. True when somebody was served. */
  function lookAt({ waiters }: Line): boolean {
    let served = false
    let failed = 0
    for (const waiter of waiters) {
      if (waiter.look()) served = true
      else failed += 1
      if (failed === LOOKS_AT_ONCE) break
    }
    return served
  }

  /** Until something of the model comes free, or should have by the clock. */
  function pause(model: string, line: Line): Promise<void> {
    return new Promise((resolve) => {
      const freeMs = nextFreeMs(model)
      const known = Number.isFinite(freeMs) && freeMs > 0
      let handle = timer.set(over, known ? between(freeMs, MIN_LOOK_MS, MAX_LOOK_MS) : MAX_LOOK_MS)
      let woken = false
      function over() {
        line.wake = undefined
        timer.clear(handle)
        resolve()
      }
      line.wake = () => {
        if (woken) return
        woken = true
        const sinceMs = clock.monotonicMs() - line.lookedAtMs
        if (line.waiters.size === 0 || sinceMs >= MIN_WAKE_MS) return over()
        timer.clear(handle)
        handle = timer.set(over, MIN_WAKE_MS)
      }
    })
  }

  function refusal(model: string, why: string): GatewayError {
    const freeMs = nextFreeMs(model)
    const known = Number.isFinite(freeMs) && freeMs > 0
    return noCapacity({ model, retryAfterMs: known ? freeMs : undefined, why })
  }

  return {
    wait,
    waitingFor: (model) => lines.get(model)?.waiters.size ?? 0,
    state: (limit) =>
      [...lines]
        .map(([model, { waiters }]) => ({ model, waiting: waiters.size }))
        .sort((a, b) => b.waiting - a.waiting)
        .slice(0, limit),
    close() {
      stopListening()
      for (const { waiters } of lines.values())
        for (const waiter of waiters) waiter.leave('closed', closing())
    },
  }
}

/**
 * One piece of work at a time, in the order they were asked for. No `expiration`: it ends bottleneck's count and not the
 * work. No `reservoir`: its windows are fixed, and two of them meet at a border.
 */
function bottleneckTurns(): Turns {
  const limiter = new Bottleneck({
    maxConcurrent: 1,
    highWater: HIGH_WATER,
    strategy: Bottleneck.strategy.OVERFLOW,
  })
  return (work) => limiter.schedule(work)
}

function between(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value))
}

function gone(): GatewayError {
  return new GatewayError('request_timeout', 'The client closed the connection before a place was free.')
}

function closing(): GatewayError {
  return new GatewayError('unavailable', 'The gateway is shutting down. Nothing was charged; please retry.', {
    retryAfterMs: 1_000,
  })
}

function measure(
  metrics: WaitingRoomDeps['metrics'],
  {
    ended,
    waiting,
    waitedMs,
  }: { ended: Record<Outcome, number>; waiting: () => number; waitedMs: () => number },
): void {
  metrics?.gauge('gateway_waiting_requests', 'Requests that wait for a place at a full model.', waiting)
  metrics?.counter(
    'gateway_waited_seconds_total',
    'Time that requests have spent waiting for a place, together.',
    () => waitedMs() / 1000,
  )
  metrics?.samples(
    'gateway_waits_total',
    { help: 'Waits for a place that are over, by how they ended.', labels: ['outcome'], type: 'counter' },
    () => Object.entries(ended).map(([outcome, value]) => ({ labels: [outcome], value })),
  )
}
