/** What buyers ask for: each request drawn from its own number, so that it is the same whatever became of the others. */
import type { Model } from '../../src/catalog/catalog.ts'
import { featureMask } from '../../src/catalog/features.ts'
import type { PlanRequest } from '../../src/routing/router.ts'
import { randomOf } from '../../src/routing/seeded-random.ts'
import type { Scene } from './scene.ts'
import type { Call } from './upstream.ts'

export interface Asked {
  number: number
  request: PlanRequest
  maxWaitMs: number
  stream: boolean
  /** Once it is admitted, it is found that its payer has no money. */
  abandons: boolean
  lost: boolean
  /** The client leaves so long after it came. */
  leavesAfterMs: number | undefined
  answerTokens: number
  wrong: Call['wrong']
  poison: boolean
}

const SOME_FEATURES = [featureMask(['tools']), featureMask(['seed']), featureMask(['tools', 'seed'])]

export function askOf(scene: Scene, models: ReadonlyMap<string, Model>, number: number): Asked {
  const { traffic } = scene
  const random = randomOf(`${scene.seed} ${number}`)
  // The first numbers of neighbouring seeds are alike.
  for (let skip = 0; skip < 4; skip += 1) random()
  const chance = (share: number) => random() < share
  const among = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item
  const size = ({ least, most }: { least: number; most: number }) =>
    Math.round(least * (most / least) ** random())
  const inputTokens = size(traffic.tokens)
  const answerTokens = size(traffic.answer)
  const maxOutputTokens = Math.round(answerTokens * (1 + random()))
  const all = scene.models.map((id) => models.get(id) as Model)
  const model = chance(0.7) ? (all[0] as Model) : among(all)
  const others = all.filter((each) => each !== model)
  const sized = { inputTokens, maxOutputTokens }
  const wrong = chance(traffic.wrong) ? 'recognised' : chance(traffic.odd) ? 'odd' : undefined
  return {
    number,
    request: {
      model,
      ...sized,
      policy: chance(traffic.withPolicy) ? among(traffic.policies) : (traffic.policies[0] ?? {}),
      requestId: `gen-${scene.seed}-${number}`,
      buyer: `buyer ${Math.floor(random() * traffic.buyers)}`,
      asks: chance(0.1) ? among(SOME_FEATURES) : 0,
      ...(chance(traffic.talks) ? { conversation: `talk ${Math.floor(random() * 50)}` } : {}),
      ...(chance(traffic.withFallbacks) && others.length > 0
        ? { fallbackModels: others.map((each) => ({ model: each, ...sized })) }
        : {}),
    },
    maxWaitMs: chance(traffic.waits) ? 100 + Math.floor(random() * 1_900) : 0,
    stream: chance(traffic.streams),
    abandons: chance(traffic.abandons),
    lost: chance(traffic.lost),
    leavesAfterMs: chance(traffic.leaves) ? random() ** 2 * 8_000 : undefined,
    answerTokens,
    wrong,
    poison: chance(traffic.poison),
  }
}
