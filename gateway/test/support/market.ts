/** A market of made-up offers for tests of routing: what a test does not name is unlimited, healthy and at $1 / $2. */
import type { Model } from '../../src/catalog/catalog.ts'
import type { Offer } from '../../src/marketplace/offer.ts'
import { type PriceRule, priceOf } from '../../src/marketplace/price-rule.ts'
import { createLogger } from '../../src/platform/logger.ts'
import type { ProviderConfig } from '../../src/providers/provider.ts'
import { createBreakers } from '../../src/routing/breakers.ts'
import { createCapacity } from '../../src/routing/capacity.ts'
import type { EndedAttempt } from '../../src/routing/leases.ts'
import { createRouter, type PlanRequest } from '../../src/routing/router.ts'
import { randomOf } from '../../src/routing/seeded-random.ts'

export interface OfferDraft extends Partial<Omit<Offer, 'price' | 'provider'>> {
  /** USD per million prompt tokens; an answer costs twice that. */
  usd?: string
  rule?: PriceRule
  provider?: string
}

export function makeProvider(id = 'openai', change: Partial<ProviderConfig> = {}): ProviderConfig {
  return {
    id,
    name: id,
    format: 'openai',
    baseUrl: `https://api.${id}.test/v1`,
    allowedHosts: [`api.${id}.test`],
    auth: { header: 'authorization', prefix: 'Bearer ' },
    environmentKeys: [],
    author: id,
    headers: {},
    chatPath: '/chat/completions',
    modelsPath: '/models',
    maxTokensField: 'max_completion_tokens',
    streamOptions: true,
    ...change,
  }
}

export function makeOffer(listingId: string, draft: OfferDraft = {}): Offer {
  const { usd = '1', rule, provider = listingId, ...rest } = draft
  const fixed: PriceRule = { kind: 'fixed', perMTok: { input: usd, output: String(Number(usd) * 2) } }
  return {
    id: `${listingId}:test/model`,
    listingId,
    sellerOrganisationId: `seller of ${listingId}`,
    provider: makeProvider(provider),
    baseUrl: `https://${listingId}.test/v1`,
    sealedCredential: new Uint8Array(),
    credentialAad: '',
    model: 'test/model',
    upstreamModel: 'model',
    price: priceOf(rule ?? fixed, undefined, 500n),
    backing: 'key',
    playOnly: false,
    revision: 0,
    ...rest,
  }
}

export const testModel: Model = {
  id: 'test/model',
  author: 'test',
  name: 'model',
  title: 'Model',
  aliases: [],
  contextWindow: undefined,
  maxOutputTokens: 1_000,
  listPrice: undefined,
  createdS: 0,
  tokenizer: 'o200k',
  reasoning: false,
  sources: {},
}

/** A router over `offers` with a clock that stands still until it is moved. */
export function makeMarket(offers: Offer[]) {
  let nowMs = 1_000_000
  let requests = 0
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs }
  const paused: { listingId: string; state: string; reason: string }[] = []
  const slept: number[] = []
  const random = randomOf('market')
  const market = { offers }
  const listeners: ((attempt: EndedAttempt) => void)[] = []
  const breakers = createBreakers({ clock, random, offersFor: () => market.offers })
  const capacity = createCapacity({ clock })
  const router = createRouter({
    marketplace: {
      offersFor: () => market.offers,
      async pause(listingId, state, reason) {
        paused.push({ listingId, state, reason })
      },
    },
    breakers,
    capacity,
    clock,
    random,
    logger: createLogger({ level: 'silent' }),
    poolMaxAgeMs: 0,
    onAttempt(attempt) {
      for (const listener of listeners) listener(attempt)
    },
    async sleep(ms) {
      slept.push(ms)
      nowMs += ms
    },
  })
  return {
    router,
    breakers,
    capacity,
    clock,
    paused,
    slept,
    market,
    onAttempt: (listener: (attempt: EndedAttempt) => unknown) => void listeners.push(listener),
    wait(ms: number) {
      nowMs += ms
    },
    plan(change: Partial<PlanRequest> = {}) {
      requests += 1
      return router.plan({
        model: testModel,
        inputTokens: 10,
        maxOutputTokens: 100,
        policy: {},
        requestId: `gen-${requests}`,
        ...change,
      })
    },
  }
}
