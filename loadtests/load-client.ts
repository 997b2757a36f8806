/** Load generators: closed loop for cost, open loop for latency, paced streams for relaying. Loopback only. */
import { Pool } from 'undici'

export interface Target {
  origin: string
  path: string
  headers: Record<string, string>
}

export interface LoadResult {
  requests: number
  errors: number
  seconds: number
  /** Milliseconds, sorted. */
  latenciesMs: number[]
}

/** Keeps `connections` requests in flight for `seconds`. */
export async function closedLoop(
  target: Target,
  body: Buffer,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<LoadResult> {
  const pool = openPool(target, connections)
  const result = emptyResult()
  const startMs = performance.now()
  const untilMs = startMs + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < untilMs) await once(pool, target, body, result)
    }),
  )
  return finish(pool, result, startMs)
}

/** Starts `rate` requests a second whether or not earlier ones have been answered. */
export async function openLoop(
  target: Target,
  body: Buffer,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<LoadResult> {
  const pool = openPool(target, 1_000)
  const result = emptyResult()
  const startMs = performance.now()
  const pending: Promise<void>[] = []
  for (let index = 0; index < rate * seconds; index += 1) {
    const dueMs = startMs + (index * 1000) / rate
    const waitMs = dueMs - performance.now()
    if (waitMs > 0.5) await new Promise((resolve) => setTimeout(resolve, waitMs))
    pending.push(once(pool, target, body, result))
  }
  await Promise.all(pending)
  return finish(pool, result, startMs)
}

export interface StreamResult {
  streams: number
  events: number
  errors: number
}

/** Opens `streams` streams at once and reads each to its end; `onAllOpen` runs when every one has begun. */
export async function streamLoad(
  target: Target,
  body: Buffer,
  { streams, onAllOpen }: { streams: number; onAllOpen?: () => void },
): Promise<StreamResult> {
  const pool = openPool(target, streams)
  const result: StreamResult = { streams, events: 0, errors: 0 }
  let begun = 0
  await Promise.all(
    Array.from(
      { length: streams },
      () =>
        new Promise<void>((resolve) => {
          pool.dispatch(request(target, body), {
            onRequestStart: () => undefined,
            onResponseStart(_controller, status) {
              begun += 1
              if (begun === streams) onAllOpen?.()
              if (status !== 200) result.errors += 1
            },
            onResponseData(_controller, chunk) {
              result.events += countEvents(chunk)
            },
            onResponseEnd: () => resolve(),
            onResponseError() {
              result.errors += 1
              resolve()
            },
          })
        }),
    ),
  )
  await pool.destroy()
  return result
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((left, right) => left - right),
    0.5,
  )
}

function once(pool: Pool, target: Target, body: Buffer, result: LoadResult): Promise<void> {
  return new Promise((resolve) => {
    const startMs = performance.now()
    pool.dispatch(request(target, body), {
      onRequestStart: () => undefined,
      onResponseStart(_controller, status) {
        if (status !== 200) result.errors += 1
      },
      onResponseData: () => undefined,
      onResponseEnd() {
        result.requests += 1
        result.latenciesMs.push(performance.now() - startMs)
        resolve()
      },
      onResponseError() {
        result.errors += 1
        resolve()
      },
    })
  })
}

function request({ path, headers }: Target, body: Buffer) {
  return { method: 'POST' as const, path, headers: { 'content-type': 'application/json', ...headers }, body }
}

function openPool({ origin }: Target, connections: number): Pool {
  return new Pool(origin, { connections, pipelining: 1, headersTimeout: 120_000, bodyTimeout: 120_000 })
}

function emptyResult(): LoadResult {
  return { requests: 0, errors: 0, seconds: 0, latenciesMs: [] }
}

async function finish(pool: Pool, result: LoadResult, startMs: number): Promise<LoadResult> {
  await pool.destroy()
  result.seconds = (performance.now() - startMs) / 1000
  result.latenciesMs.sort((left, right) => left - right)
  return result
}

function countEvents(chunk: Buffer): number {
  let events = 0
  for (let at = chunk.indexOf('data: '); at >= 0; at = chunk.indexOf('data: ', at + 6)) events += 1
  return events
}
