/** A scene drawn from a seed: everything that may go wrong, in a market of every kind of seller and buyer. */
import type { CapacityLimits } from '../../src/marketplace/offer.ts'
import type { PlainRule, PriceRule } from '../../src/marketplace/price-rule.ts'
import type { RoutingPolicy } from '../../src/routing/policy.ts'
import { randomOf } from '../../src/routing/seeded-random.ts'
import { makeProvider } from '../support/market.ts'
import { beforeContent, type Fault, type FaultKind } from './faults.ts'
import { calm, makeScene, makeSeller, type Scene, type Seller, START_MS } from './scene.ts'

const MODELS = ['test/model', 'test/small', 'test/large']

interface Draw {
  random: () => number
  chance(share: number): boolean
  between(least: number, most: number): number
  whole(least: number, most: number): number
  one<Item>(items: readonly Item[]): Item
}

function drawOf(seed: string): Draw {
  const random = randomOf(seed)
  const between = (least: number, most: number) => least + (most - least) * random()
  const whole = (least: number, most: number) => Math.floor(between(least, most + 1))
  return {
    random,
    chance: (share) => random() < share,
    between,
    whole,
    one: (items) => items[whole(0, items.length - 1)] as never,
  }
}

export function stormOf(seed: string, requests: number): Scene {
  const draw = drawOf(`storm ${seed}`)
  const everyMs = draw.between(8, 60)
  const lengthMs = requests * everyMs
  const providers = ['openai', 'anthropic', 'groq', 'mistral', 'together'].slice(0, draw.whole(2, 5))
  const sellers = Array.from({ length: draw.whole(4, 28) }, (_, at) =>
    sellerOf(draw, `l${at}`, { providers, lengthMs }),
  )
  // Three stay well, so that there is somebody whose refusal would be wrong.
  const faults = faultsOf(draw, sellers.slice(3), lengthMs)
  return makeScene({
    name: `storm ${seed}`,
    seed,
    startMs: draw.chance(0.3)
      ? START_MS + 3_600_000 - lengthMs / 2
      : START_MS + draw.between(0, 7 * 86_400_000),
    models: MODELS,
    sellers,
    faults,
    traffic: {
      ...calm,
      requests,
      everyMs,
      surge: { fromMs: lengthMs * 0.4, untilMs: lengthMs * 0.5, times: draw.between(2, 5) },
      wrong: draw.one([0, 0.05, 0.2]),
      odd: 0.005,
      poison: 0.0005,
      leaves: 0.05,
      waits: draw.one([0, 0.1, 0.5]),
      talks: 0.3,
      abandons: 0.01,
      withFallbacks: 0.05,
      withPolicy: 0.4,
      policies: policiesOf(draw, sellers),
      tokens: { least: 20, most: 6_000 },
      answer: { least: 5, most: 800 },
    },
    ...(draw.chance(0.3) ? { stall: { fromMs: draw.between(0, lengthMs), forMs: 2_000 } } : {}),
    ...(draw.chance(0.3) ? { poolMaxAgeMs: draw.one([0, 1_000]) } : {}),
  })
}

function sellerOf(
  draw: Draw,
  listingId: string,
  { providers, lengthMs }: { providers: readonly string[]; lengthMs: number },
): Seller {
  const rule = ruleOf(draw)
  const models = MODELS.filter((_, at) => at === 0 || draw.chance(0.5))
  return makeSeller(listingId, {
    organisation: `seller ${draw.whole(1, 12)}`,
    provider: makeProvider(draw.one(providers), {
      ...(draw.chance(0.15) ? { lacks: ['tools'] } : {}),
      ...(draw.chance(0.15) ? { ignores: ['seed'] } : {}),
    }),
    models,
    limits: draw.chance(0.8) ? limitsOf(draw) : {},
    modelLimits: new Map(models.filter(() => draw.chance(0.2)).map((model) => [model, limitsOf(draw)])),
    rule,
    ...(draw.chance(0.2) ? { nextRule: { rule: ruleOf(draw), fromMs: draw.between(0, lengthMs) } } : {}),
    ttftMs: draw.between(80, 900),
    tokensPerS: draw.between(30, 250),
    reputation: draw.one([1, 1, 0.8, 0.4, 0.05]),
    unprovenFor: draw.chance(0.15) ? 30 : 0,
    ...(draw.chance(0.5) ? { mendsAfterMs: draw.between(5_000, 60_000) } : {}),
  })
}

function limitsOf(draw: Draw): CapacityLimits {
  return {
    ...(draw.chance(0.5) ? { requestsPerMinute: draw.whole(5, 600) } : {}),
    ...(draw.chance(0.5) ? { tokensPerMinute: draw.whole(8_000, 600_000) } : {}),
    ...(draw.chance(0.5) ? { concurrency: draw.whole(1, 30) } : {}),
    ...(draw.chance(0.08) ? { tokensPerDay: draw.whole(50_000, 1_000_000) } : {}),
    ...(draw.chance(0.05) ? { tokensPerMonth: draw.whole(100_000, 2_000_000) } : {}),
    ...(draw.chance(0.08) ? { nanosPerDay: BigInt(draw.whole(100, 3_000)) * 1_000_000n } : {}),
    ...(draw.chance(0.05) ? { nanosPerMonth: BigInt(draw.whole(200, 5_000)) * 1_000_000n } : {}),
  }
}

function ruleOf(draw: Draw): PriceRule {
  const plain = (): PlainRule => {
    const usd = draw.between(0.2, 3)
    return {
      kind: 'fixed',
      perMTok: { input: usd.toFixed(4), output: (usd * draw.between(1, 5)).toFixed(4) },
      ...(draw.chance(0.2) ? { perRequest: draw.between(0.00001, 0.001).toFixed(6) } : {}),
    }
  }
  if (draw.chance(0.5)) return plain()
  const windows = draw.chance(0.6)
    ? [{ from: '22:30', to: draw.one(['23:59', '06:00', '23:30']), timeZone: 'UTC', price: plain() }]
    : undefined
  const load =
    !windows || draw.chance(0.5)
      ? { floorPpm: draw.whole(500_000, 1_000_000), ceilingPpm: draw.whole(1_000_000, 2_500_000) }
      : undefined
  return { kind: 'scheduled', base: plain(), ...(windows ? { windows } : {}), ...(load ? { load } : {}) }
}

const lasting: readonly FaultKind[] = ['key_revoked', 'quota_spent', 'model_gone', 'not_json']

function faultsOf(draw: Draw, sellers: readonly Seller[], lengthMs: number): Fault[] {
  const kinds: readonly FaultKind[] = [...beforeContent, 'cut', 'slow']
  const faults: Fault[] = []
  for (const { listingId } of sellers) {
    if (draw.chance(0.45)) continue
    const kind = draw.one(kinds)
    const fromMs = draw.between(0, lengthMs)
    const lastsMs = lasting.includes(kind) ? lengthMs : draw.between(2_000, 60_000)
    // One in four flaps: down and up again, several times.
    const times = draw.chance(0.25) ? draw.whole(2, 6) : 1
    for (let at = 0; at < times; at += 1) {
      const beginsMs = fromMs + at * lastsMs * 2
      faults.push({ kind, listingId, fromMs: beginsMs, untilMs: beginsMs + lastsMs })
    }
  }
  if (draw.chance(0.3)) {
    const fromMs = draw.between(0, lengthMs)
    const kind = draw.one<FaultKind>(['overloaded', 'error_503', 'refused', 'slow'])
    const { provider } = draw.one(sellers)
    faults.push({ kind, origin: provider.baseUrl, fromMs, untilMs: fromMs + draw.between(5_000, 60_000) })
  }
  return faults
}

function policiesOf(draw: Draw, sellers: readonly Seller[]): RoutingPolicy[] {
  const names = (count: number) => Array.from({ length: count }, () => nameOf(draw, draw.one(sellers)))
  return [
    { sort: 'price' },
    { sort: 'throughput' },
    { sort: 'latency' },
    { only: names(4) },
    { ignore: names(2) },
    { order: names(3) },
    { order: names(3), allowFallbacks: false },
    { allowFallbacks: false },
    { maxPrice: { prompt: '1.5', completion: '4' } },
    { requireParameters: true },
  ]
}

function nameOf(draw: Draw, { listingId, organisation, provider }: Seller): string {
  return draw.one([listingId, organisation, provider.id])
}
