/** Load for ledgers: closed loop for throughput and CPU, open loop for latency. One request is a hold, then a settlement. */
import { uuidv7 } from '../gateway/src/platform/ids.ts'
import { quantile } from './load-client.ts'

export const BUYERS = 1_000
export const SELLERS = 100
export const FEE_STRIPES = 16
/** In nano-dollars, the same for every ledger. */
export const amounts = {
  credit: 10n ** 15n,
  hold: 2_000_000n,
  cost: 1_234_567n,
  seller: 1_172_838n,
  fee: 61_729n,
}

/** One request; the numbers count from 0. */
export interface Order {
  id: string
  buyer: number
  seller: number
  stripe: number
}

/** A way to keep books. Both resolve once the database has committed. */
export interface Books {
  hold(order: Order, worker: number): Promise<void>
  settle(order: Order, worker: number): Promise<void>
}

export interface Load {
  /** Orders come from the first so many buyers. */
  buyers: number
  /** And pay their fee into the first so many fee accounts. */
  stripes: number
  forMs: number
}

export interface Round {
  requestsPerSecond: number
  holdP50Ms: number
  holdP99Ms: number
  settleP50Ms: number
  settleP99Ms: number
  /** Of this process, the load itself included. */
  cpuMicrosPerRequest: number
}

/** Keeps `inFlight` requests going; worker `n` of them says so, for books that have a connection for each. */
export function closedLoop(
  books: Books,
  { inFlight, forMs, ...choice }: Load & { inFlight: number },
): Promise<Round> {
  return measured(async (times) => {
    const endMs = performance.now() + forMs
    const work = async (_: unknown, worker: number) => {
      while (performance.now() < endMs)
        await book(books, newOrder(choice), { worker, dueMs: performance.now(), times })
    }
    await Promise.all(Array.from({ length: inFlight }, work))
  })
}

/**
 * Starts `rate` requests a second, however slow the answers. A hold's latency counts from the moment at which it
 * should have started, so a load that falls behind does not look fast.
 */
export function openLoop(books: Books, { rate, forMs, ...choice }: Load & { rate: number }): Promise<Round> {
  return measured(async (times) => {
    const startMs = performance.now()
    const running: Promise<void>[] = []
    for (let index = 0; index < (rate * forMs) / 1_000; index += 1) {
      const dueMs = startMs + (index * 1_000) / rate
      if (dueMs > performance.now()) {
        await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()))
      }
      running.push(book(books, newOrder(choice), { worker: index, dueMs, times }))
    }
    await Promise.all(running)
  })
}

interface Times {
  holds: number[]
  settles: number[]
}

async function measured(run: (times: Times) => Promise<void>): Promise<Round> {
  const times: Times = { holds: [], settles: [] }
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  await run(times)
  const cpu = process.cpuUsage(cpuBefore)
  const seconds = (performance.now() - startMs) / 1_000
  for (const latencies of [times.holds, times.settles]) latencies.sort((left, right) => left - right)
  return {
    requestsPerSecond: times.settles.length / seconds,
    holdP50Ms: quantile(times.holds, 0.5),
    holdP99Ms: quantile(times.holds, 0.99),
    settleP50Ms: quantile(times.settles, 0.5),
    settleP99Ms: quantile(times.settles, 0.99),
    cpuMicrosPerRequest: (cpu.user + cpu.system) / times.settles.length,
  }
}

async function book(
  books: Books,
  order: Order,
  { worker, dueMs, times }: { worker: number; dueMs: number; times: Times },
): Promise<void> {
  await books.hold(order, worker)
  const heldMs = performance.now()
  times.holds.push(heldMs - dueMs)
  await books.settle(order, worker)
  times.settles.push(performance.now() - heldMs)
}

function newOrder({ buyers, stripes }: Pick<Load, 'buyers' | 'stripes'>): Order {
  const below = (bound: number) => Math.floor(Math.random() * bound)
  return { id: uuidv7(), buyer: below(buyers), seller: below(SELLERS), stripe: below(stripes) }
}
