/** Plays a scene through the real router as the corridor does: admit, hold, serve, and the lease's end with the answer's. */
import { createHash } from 'node:crypto'
import type { Offer } from '../../src/marketplace/offer.ts'
import { createLogger } from '../../src/platform/logger.ts'
import type { OutcomeClass } from '../../src/providers/outcome.ts'
import type { BreakerChange } from '../../src/routing/breakers.ts'
import type { RouteRecord } from '../../src/routing/route-log.ts'
import type { Plan, RouterState } from '../../src/routing/router.ts'
import { randomOf } from '../../src/routing/seeded-random.ts'
import { type Books, createBooks } from './books.ts'
import { type Budgets, createBudgets } from './budgets.ts'
import { type Asked, askOf } from './buyers.ts'
import { createCorridor } from './corridor.ts'
import type { House } from './house.ts'
import { createMarket, type Paused } from './market.ts'
import type { Scene } from './scene.ts'
import { createUpstream, type Upstream } from './upstream.ts'
import { createVirtualTime } from './virtual-time.ts'
import { createWell, type Well } from './well.ts'

/** How long after the last request it is looked whether everything was given back; lost leases last two minutes. */
const AFTERMATH_MS = 180_000

export interface Try {
  offer: Offer
  /** When its place was taken; all times are elapsed milliseconds. */
  takenMs: number
  outcome?: OutcomeClass
  endedMs?: number
  hintMs?: number
  /** Its answer had begun. */
  begun: boolean
}

export type End = 'served' | 'broke' | 'left' | 'refused' | 'abandoned' | 'lost'

export interface Played extends Asked {
  cameMs: number
  /** Who could certainly have served when it was decided on, and when it was refused. */
  wellAtFirst: readonly string[]
  wellAtLast: readonly string[]
  plan?: Plan
  admittedMs?: number
  tries: Try[]
  end?: End
  code?: string
  endedMs?: number
  /** What was thrown that is no refusal. */
  fault?: string
  /** Another attempt was within the budgets when it was refused. */
  mightRetry?: boolean
}

export interface Ejection extends BreakerChange {
  atMs: number
}

export interface Run {
  scene: Scene
  house: House
  played: readonly Played[]
  upstreams: ReadonlyMap<string, Upstream>
  changes: readonly Ejection[]
  paused: readonly Paused[]
  mended: readonly { listingId: string; atMs: number }[]
  books: Books
  well: Well
  /** Told by the router, one a decision. */
  routes: readonly RouteRecord[]
  atEnd: RouterState
  waitingAtEnd: number
  digest: string
}

export async function runScene(house: House, scene: Scene): Promise<Run> {
  const time = createVirtualTime(scene.startMs)
  const restore = time.install()
  try {
    return await play(house, scene, time)
  } finally {
    restore()
  }
}

async function play(house: House, scene: Scene, time: ReturnType<typeof createVirtualTime>): Promise<Run> {
  const { clock } = time
  const random = randomOf(`house ${scene.seed}`)
  const market = createMarket(house, scene, time)
  const books = createBooks(house.createCapacity({ clock }), time)
  const changes: Ejection[] = []
  const routes: RouteRecord[] = []
  const served = new Map<string, number>()
  const breakers = house.createBreakers({
    clock,
    random,
    offersFor: market.offersFor,
    onChange: (change) => changes.push({ ...change, atMs: time.elapsedMs() }),
  })
  const waitingRoom = house.createWaitingRoom({
    clock,
    capacity: books.watched,
    nextFreeMs: (model) =>
      Math.min(...market.offersFor(model).map((offer) => books.watched.nextFreeMs(offer, { tokens: 1 }))),
  })
  const router = house.createRouter({
    marketplace: market,
    breakers,
    capacity: books.watched,
    rests: house.createRests({ clock, random }),
    clock,
    random,
    logger: createLogger({ level: 'silent' }),
    sleep: time.sleep,
    waitingRoom,
    priceNow: house.priceNow,
    reputations: reputationsOf(scene, served),
    ...(scene.poolMaxAgeMs === undefined ? {} : { poolMaxAgeMs: scene.poolMaxAgeMs }),
    onRoute: (route) => routes.push(route),
    onAttempt: ({ offer, outcome }) => {
      if (outcome === 'ok') served.set(offer.listingId, (served.get(offer.listingId) ?? 0) + 1)
    },
  })
  const upstreams = new Map(
    scene.sellers.map((seller) => [seller.listingId, upstreamOf(seller, scene, time)]),
  )
  const well = createWell({ scene, time, market, books, upstreams })
  const budgets: Budgets = createBudgets()
  const corridor = createCorridor({ house, time, router, upstreams, well, budgets })
  const played: Played[] = []
  let over = 0
  let isOver = false
  const { requests } = scene.traffic
  if (scene.stall) time.stall(scene.stall.fromMs, scene.stall.forMs)

  function come(number: number): void {
    const asked = askOf(scene, market.models, number)
    const one: Played = {
      ...asked,
      cameMs: time.elapsedMs(),
      wellAtFirst: well.offersFor(asked.request),
      wellAtLast: [],
      tries: [],
    }
    played.push(one)
    const finish = () => {
      over += 1
      if (over === requests) time.after(AFTERMATH_MS, () => (isOver = true))
    }
    corridor.serve(one).then(finish, (error: unknown) => {
      one.fault = String(error)
      finish()
    })
    if (number < requests) time.after(gapMs(scene, number, time.elapsedMs()), () => come(number + 1))
  }

  time.after(0, () => come(1))
  await time.run(() => isOver)
  const atEnd = router.state(100_000)
  const waitingAtEnd = waitingRoom.state(100).reduce((sum, { waiting }) => sum + waiting, 0)
  waitingRoom.close()
  breakers.close()
  return {
    scene,
    house,
    played,
    upstreams,
    changes,
    paused: market.paused,
    mended: market.mended,
    books,
    well,
    routes,
    atEnd,
    waitingAtEnd,
    digest: digestOf(played, changes),
  }
}

function upstreamOf(
  { listingId, provider, limits, modelLimits, ttftMs, tokensPerS }: Scene['sellers'][number],
  scene: Scene,
  time: ReturnType<typeof createVirtualTime>,
): Upstream {
  const nature = { listingId, origin: provider.baseUrl, limits, modelLimits, ttftMs, tokensPerS }
  return createUpstream(nature, scene.faults, time)
}

function reputationsOf({ sellers }: Scene, served: ReadonlyMap<string, number>) {
  const known = new Map(sellers.map((seller) => [seller.listingId, seller]))
  return {
    of({ listingId }: { listingId: string }) {
      const { reputation = 1, unprovenFor = 0, ttftMs = 0, tokensPerS = 0 } = known.get(listingId) ?? {}
      const proven = (served.get(listingId) ?? 0) >= unprovenFor
      return { factor: reputation, proven, ...(proven ? { ttftMs, tokensPerS } : {}) }
    },
  }
}

function gapMs({ seed, traffic }: Scene, number: number, nowMs: number): number {
  const random = randomOf(`gap ${seed} ${number}`)
  random()
  const { surge, everyMs } = traffic
  const isSurge = surge !== undefined && surge.fromMs <= nowMs && nowMs < surge.untilMs
  return (-Math.log(1 - random()) * everyMs) / (isSurge ? surge.times : 1)
}

function digestOf(played: readonly Played[], changes: readonly Ejection[]): string {
  const hash = createHash('sha256')
  for (const { number, tries, end, code, endedMs } of played) {
    const tried = tries.map(
      ({ offer, takenMs, outcome }) => `${offer.id} ${takenMs} ${outcome} ${offer.price.multiplierPpm}`,
    )
    hash.update(`${number} ${end} ${code} ${endedMs} ${tried.join(', ')}\n`)
  }
  for (const { offerId, from, to, atMs } of changes) hash.update(`${offerId} ${from} ${to} ${atMs}\n`)
  return hash.digest('hex')
}
