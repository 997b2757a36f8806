/** Whether an attempt runs at the price it was planned with, and whether that is what its seller asked for at that time. */
import type { Offer } from '../../src/marketplace/offer.ts'
import type { PlainRule, PriceRule } from '../../src/marketplace/price-rule.ts'
import type { Oracle } from './oracles.ts'
import type { Played, Run } from './run.ts'
import type { Seller } from './scene.ts'

/** A pool serves a quarter of a second, or as long as the scene says; a waiting caller's plan is made later than he came. */
const MAX_AGE_MS = 1_000
const DAY_MINUTES = 1_440
const PICO_PER_USD_PER_MTOK = 1_000_000
const PPM = 1_000_000

export const asSaid: Oracle = (run) =>
  run.played.flatMap((one) =>
    one.tries.flatMap(({ offer }) => {
      const fault = faultIn(run, one, offer)
      return fault ? [`${one.request.requestId} at ${offer.id}: ${fault}`] : []
    }),
  )

function faultIn(run: Run, { plan, admittedMs = 0 }: Played, offer: Offer): string | undefined {
  if (!plan?.offers.includes(offer)) return 'the offer is not as it was planned'
  const planned = plan.decisions
    .find(({ model }) => model === offer.model)
    ?.dense.pool.offers.find(({ id }) => id === offer.id)
  const { table, multiplierPpm, nanosPerRequest } = offer.price
  const input = Number(table.base.uncachedInput) * Number(multiplierPpm)
  if (planned?.price[0] !== input || planned.price[2] !== Number(nanosPerRequest) * 1e9)
    return `it was ranked by ${planned?.price} and runs at ${input}`
  const seller = run.scene.sellers.find(({ listingId }) => listingId === offer.listingId)
  if (!seller) return undefined
  const instants = [admittedMs - MAX_AGE_MS, admittedMs]
  const asked = instants.flatMap((ms) => pricesAt(seller, run.scene.startMs + ms, ms))
  const isAsked = asked.some(({ least, most }) => input >= least * (1 - 1e-9) && input <= most + PPM)
  return isAsked ? undefined : `it runs at ${input}, and its seller asked for ${JSON.stringify(asked)}`
}

/** Picos per token times parts per million, from an idle listing's to a full one's. */
function pricesAt(
  { rule, nextRule }: Seller,
  wallMs: number,
  elapsedMs: number,
): { least: number; most: number }[] {
  const inForce: PriceRule = nextRule && elapsedMs >= nextRule.fromMs ? nextRule.rule : rule
  const { floorPpm, ceilingPpm } = (inForce.kind === 'scheduled' && inForce.load) || {
    floorPpm: PPM,
    ceilingPpm: PPM,
  }
  const picos = Number(plainOf(inForce, wallMs).perMTok.input) * PICO_PER_USD_PER_MTOK
  return [{ least: picos * floorPpm, most: picos * ceilingPpm }]
}

type Fixed = Extract<PlainRule, { kind: 'fixed' }>

/** Windows of simulated sellers are daily and in UTC. */
function plainOf(rule: PriceRule, wallMs: number): Fixed {
  if (rule.kind !== 'scheduled') return rule as Fixed
  const minute = Math.floor(wallMs / 60_000) % DAY_MINUTES
  const open = rule.windows?.find(({ from, to }) => {
    const [begin, end] = [minuteOf(from), minuteOf(to)]
    return begin < end ? begin <= minute && minute < end : minute >= begin || minute < end
  })
  return (open?.price ?? rule.base) as Fixed
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
}
