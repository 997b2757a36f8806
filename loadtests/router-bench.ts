/**
 * `npm run bench:router`: what choosing among many offers of one model costs, in microseconds. One process, the real
 * router over made-up offers, as in the gateway: a decision reads the model's pool, which is built anew every quarter of a
 * second (less often when it is large); the decisions that pay for building are among those that are measured.
 *
 *   --rounds N     interleaved rounds (5)      --requests N   decisions a round and scene (4,000)
 *
 * Scenes are interleaved, so that a noisy machine is noisy for all of them. The figures are the medians of the rounds.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import type { Offer } from '../gateway/src/marketplace/offer.ts'
import { createLogger } from '../gateway/src/platform/logger.ts'
import { createBreakers } from '../gateway/src/routing/breakers.ts'
import { createCapacity } from '../gateway/src/routing/capacity.ts'
import type { PlanRequest } from '../gateway/src/routing/plan.ts'
import { createRouter } from '../gateway/src/routing/router.ts'
import { randomOf } from '../gateway/src/routing/seeded-random.ts'
import { makeOffer, testModel } from '../gateway/test/support/market.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, requests: { type: 'string', default: '4000' } },
})
const rounds = Number(values.rounds)
const requests = Number(values.requests)

/** Requests of a busy gateway come about so far apart; the pools age on this clock, not on the bench's. */
const APART_MS = 2

interface Scene {
  name: string
  plan: () => void
  microseconds: number[][]
}

function offersOf(count: number, model = testModel.id): Offer[] {
  const random = randomOf(`${model} ${count}`)
  return Array.from({ length: count }, (_, index) =>
    makeOffer(`${model}-${index}`, {
      id: `${model}-${index}:${model}`,
      model,
      usd: (0.5 + random() * 2).toFixed(4),
      provider: ['openai', 'azure', 'together', 'fireworks'][index % 4] as string,
      requestsPerMinute: 1_000,
      tokensPerMinute: 10_000_000,
      concurrency: 50,
    }),
  )
}

function routerOver(offers: Offer[], others: number) {
  let nowMs = 1_000_000
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const random = randomOf('bench')
  const market = new Map([[testModel.id, offers]])
  for (let model = 0; model < others / 100; model += 1)
    market.set(`other/${model}`, offersOf(100, `other/${model}`))
  const breakers = createBreakers({ clock, random })
  const capacity = createCapacity({ clock })
  const router = createRouter({
    marketplace: {
      offersFor: (model) => market.get(model) ?? [],
      pause: async () => {},
    } as Parameters<typeof createRouter>[0]['marketplace'],
    breakers,
    capacity,
    clock,
    random,
    logger: createLogger({ level: 'silent' }),
    defer: setImmediate,
  })
  const later = () => {
    nowMs += APART_MS
  }
  return { router, later }
}

function scene(
  name: string,
  {
    offers,
    others = 0,
    change = {},
    take = false,
  }: {
    offers: number
    others?: number
    change?: Partial<PlanRequest>
    take?: boolean
  },
): Scene {
  const { router, later } = routerOver(offersOf(offers), others)
  let count = 0
  const request = (): PlanRequest => {
    count += 1
    return {
      model: testModel,
      inputTokens: 900,
      maxOutputTokens: 300,
      policy: {},
      requestId: `gen-${count}`,
      ...change,
    }
  }
  const plan = () => {
    later()
    if (!take) router.plan(request())
    else void router.admit(request()).then((admitted) => admitted.first?.lease.end('ok', { tokens: 1_000 }))
  }
  return { name, plan, microseconds: [] }
}

const key = { only: ['openai', 'azure', 'together'], maxPrice: { prompt: '2' } }
const scenes = [
  scene('10 offers', { offers: 10 }),
  scene('1,000 offers', { offers: 1_000 }),
  scene('1,000 offers, 100,000 of other models', { offers: 1_000, others: 100_000 }),
  scene('1,000 offers, a policy with a list and a price limit', { offers: 1_000, change: { policy: key } }),
  scene('1,000 offers, sort: price', { offers: 1_000, change: { policy: { sort: 'price' } } }),
  scene('1,000 offers, with capacity taken', { offers: 1_000, take: true }),
  scene('10,000 offers', { offers: 10_000 }),
  scene('10,000 offers, sort: price', { offers: 10_000, change: { policy: { sort: 'price' } } }),
]

for (const { plan } of scenes) for (let warm = 0; warm < 500; warm += 1) plan()
for (let round = 0; round < rounds; round += 1) {
  for (const { plan, microseconds } of scenes) {
    const taken = new Float64Array(requests)
    for (let at = 0; at < requests; at += 1) {
      const began = process.hrtime.bigint()
      plan()
      taken[at] = Number(process.hrtime.bigint() - began) / 1_000
      // What was admitted ends before the next one, as on a gateway that keeps up.
      if (at % 16 === 0) await undefined
    }
    microseconds.push([...taken.sort()])
  }
}

const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
const median = (list: number[]) =>
  percentile(
    [...list].sort((a, b) => a - b),
    0.5,
  )
const figure = (list: number[]) => median(list).toFixed(1).padStart(9)

console.log(
  `Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), ${rounds} rounds of ${requests} decisions\n`,
)
console.log(
  `${'microseconds per decision'.padEnd(56)}${['p50', 'p99', 'max'].map((name) => name.padStart(9)).join('')}`,
)
for (const { name, microseconds } of scenes) {
  const at = (share: number) => figure(microseconds.map((sorted) => percentile(sorted, share)))
  console.log(`${name.padEnd(56)}${at(0.5)}${at(0.99)}${at(1)}`)
}
