/** Tells the story of rows of reliability.md §4.2: every request meets a fault, and three records are compared. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectClient, type DatabaseClient } from '../../src/platform/database.ts'
import type { Ask, Fault } from './fault.ts'
import { type Booked, examine, readBooked, requestIdOf } from './fault-examination.ts'
import { type FaultMarket, type Meeting, openFaultMarket, type Place, type Step } from './fault-market.ts'
import type { RequestLine } from './fault-wire.ts'
import { faults } from './faults.ts'

/** Requests of each row; a night has 300. */
const REQUESTS = Number(process.env.FAULT_REQUESTS ?? 20)
// Requests of a row that are under way at once.
const AT_ONCE = 6
const OPENED_AT_ONCE = 4
// Requests that one market is good for: each may cost its model a retry, and those are few when everything fails.
const MOST_FAILOVERS = 400
const LOGGED = { timeout: 10_000, interval: 20 }

export interface RowOptions {
  /** Requests at once: one where a row is about what comes after what, many where they wait for a timer. */
  atOnce?: number
  /** By buyers whose money is held before anything is asked: what goes out does not wait for it. */
  poor?: boolean
}

/** A test for each row. */
export function tellRows(
  rows: Record<string, { story: string } & RowOptions>,
  scene: { abroad?: boolean } = {},
): void {
  let market: FaultMarket
  let admin: DatabaseClient
  const open = async () => {
    market = await openFaultMarket(scene)
    admin = await connectClient(market.gateway.database.adminUrl)
  }
  const close = async () => {
    await admin?.end()
    await market?.close()
  }
  let told = 0

  beforeAll(open)
  afterAll(close)

  describe('a fault upstream', () => {
    const each = Object.entries(rows).map(([row, { story, ...options }]) => [row, story, options] as const)
    test.each(each)(
      '%s: %s',
      async (row, _story, options) => {
        if (told > 0 && told + REQUESTS > MOST_FAILOVERS) {
          await close()
          await open()
          told = 0
        }
        told += REQUESTS
        const plan = planOf(row)
        const meetings = await meetAll(market, plan, options)
        const findings = await compare({ market, admin }, meetings)
        expect(findings).toEqual([])
        expect(meetings.length).toBeGreaterThanOrEqual(REQUESTS)
      },
      120_000 + REQUESTS * 1_000,
    )
  })

  test('afterwards nothing is held, every invariant holds, and buyers paid what sellers and platform got', async () => {
    await market.gateway.settleAndAudit()
  })
}

/** Every fault of the row in each way to ask, over and over until there are enough. */
function planOf(row: string): Step[] {
  const kinds = (asks: readonly Ask[] = ['json', 'stream']) => asks
  const all = [...faults]
    .filter(([, fault]) => fault.row === row)
    .flatMap(([name, { asks }]) => kinds(asks).map((kind) => ({ name, kind })))
  const rounds = Math.ceil(REQUESTS / all.length)
  return Array.from({ length: rounds }, () => all).flat()
}

async function meetAll(
  market: FaultMarket,
  plan: readonly Step[],
  { atOnce = AT_ONCE, poor = false }: RowOptions,
): Promise<Meeting[]> {
  const places = await openPlaces(market, plan)
  if (plan.some(({ name }) => faults.get(name)?.dial)) await market.arm()
  const meetings: Meeting[] = []
  await atMost(atOnce, plan, async (step, at) => {
    meetings.push(await market.meet(step, places[at] as Place, { poor }))
  })
  return meetings
}

/** Requests that a listing with this fault may meet before it rests as a whole. */
function mostMeetings({ rest, outcome }: Fault): number {
  if (rest === 'listing_suspended' || rest === 'disabled') return 1
  // The third within ten minutes is for the operator to look at.
  return outcome === 'malformed' ? 2 : Number.POSITIVE_INFINITY
}

/** Where each step goes: an offer that no other request has met. */
async function openPlaces(market: FaultMarket, plan: readonly Step[]): Promise<Place[]> {
  const drafts: { name: string; models: string[] }[] = []
  const drafted = plan.map(({ name }) => {
    const most = mostMeetings(faults.get(name) as Fault)
    let draft = drafts.findLast((each) => each.name === name)
    if (!draft || draft.models.length >= Math.min(most, market.models.length)) {
      draft = { name, models: [] }
      drafts.push(draft)
    }
    const model = market.nextModel(draft.models)
    draft.models.push(model)
    return { draft, model }
  })
  const listings = new Map<(typeof drafts)[number], string>()
  await atMost(OPENED_AT_ONCE, drafts, async (draft) => {
    listings.set(draft, await market.faultyListing(draft.name, { models: draft.models }))
  })
  return drafted.map(({ draft, model }) => ({ listing: listings.get(draft) as string, model }))
}

/** Does `work` for each, some at once. */
async function atMost<Item>(
  atOnce: number,
  items: readonly Item[],
  work: (item: Item, at: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const walk = async () => {
    while (next < items.length) {
      const at = next
      next += 1
      await work(items[at] as Item, at)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, walk))
}

async function compare(
  { market, admin }: { market: FaultMarket; admin: DatabaseClient },
  meetings: readonly Meeting[],
): Promise<string[]> {
  await market.gateway.settleAndAudit()
  const booked: Map<string, Booked> = await readBooked(
    admin,
    meetings.map(({ answer }) => requestIdOf(answer)),
  )
  // The upstream's lines are written when it is through with a request, which may be after the client is.
  const look = () => {
    const visits = visitsOf(market)
    return meetings.flatMap((meeting) => examine(meeting, { market, booked, visits }))
  }
  await vi.waitUntil(() => look().length === 0, LOGGED).catch(() => undefined)
  return look()
}

function visitsOf(market: FaultMarket): Map<string, RequestLine[]> {
  const visits = new Map<string, RequestLine[]>()
  for (const line of market.upstreamLog()) {
    if (line.at !== 'request' || line.ask === '') continue
    const known = visits.get(line.ask)
    if (known) known.push(line)
    else visits.set(line.ask, [line])
  }
  return visits
}
