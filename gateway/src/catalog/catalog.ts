import { readFileSync } from 'node:fs'
import { GatewayError } from '../platform/errors.ts'
import {
  type CatalogConfig,
  type CatalogConfigInput,
  catalogConfig,
  type ModelEntry,
  type ModelFacts,
  type PriceOverride,
} from './catalog-config.ts'
import type { Feature } from './features.ts'
import { splitNames } from './model-names.ts'
import type { PriceTable, TokenPrices } from './price.ts'
import { type PricedModel, readGenaiPrices } from './read-genai-prices.ts'

export type Tokenizer = 'o200k' | 'cl100k' | 'approximate'

export interface Model {
  /** `openai/gpt-4o-mini`. */
  id: string
  author: string
  /** The bare name, which is also what its maker calls it: `gpt-4o-mini`. */
  name: string
  /** For people: `GPT-4o mini`. */
  title: string
  aliases: readonly string[]
  contextWindow: number | undefined
  maxOutputTokens: number
  /** `undefined`: the price is unknown, so the model is not sellable until it is priced. */
  listPrice: PriceTable | undefined
  /** Unix seconds. */
  createdS: number
  tokenizer: Tokenizer
  reasoning: boolean
  /** Features (features.ts) that this model does not have, whoever serves it. */
  lacks?: readonly Feature[]
  /** Where each number came from, for people who ask. */
  sources: Readonly<Record<string, string>>
}

export interface Catalog {
  /** By `author/name`, bare name or alias. Throws `model_not_found`. */
  find(name: string): Model
  list(): Model[]
  /** Re-reads prices that depend on date or time of day. Call it hourly; requests keep the price they began with. */
  refresh(nowMs: number): void
}

type CatalogSource = { overridesPath: string } | { overrides: CatalogConfigInput }

// Without a word from us or the vendor: what most current models allow, never more than the window itself.
const DEFAULT_MAX_OUTPUT_TOKENS = 16_384
const UNKNOWN_RELEASE = '2024-01-01'

/** `gpt-4o-mini:floor` is that model on its cheapest offers, `:nitro` on its fastest; routing reads the suffix. */
const ROUTING_SUFFIX = /:(floor|nitro)$/

/** Builds the catalogue. Throws an error that names every fault when config/models.json is wrong. */
export function loadCatalog(source: CatalogSource & { nowMs: number }): Catalog {
  const config = readConfig(source)
  let { models, byName } = build(config, source.nowMs)
  return {
    find(name) {
      const bare = name.replace(ROUTING_SUFFIX, '')
      const model = byName.get(name) ?? byName.get(bare) ?? byName.get(bare.toLowerCase())
      if (model) return model
      const shown = name.length > 100 ? `${name.slice(0, 100)}…` : name
      throw new GatewayError(
        'model_not_found',
        `No model named '${shown}'. GET /v1/models lists the models you can use.`,
        { param: 'model' },
      )
    },
    list: () => [...models],
    refresh(nowMs) {
      ;({ models, byName } = build(config, nowMs))
    },
  }
}

function readConfig(source: CatalogSource): CatalogConfig {
  const raw: unknown =
    'overrides' in source ? source.overrides : JSON.parse(readFileSync(source.overridesPath, 'utf8'))
  const result = catalogConfig.safeParse(raw)
  if (result.success) return result.data
  const faults = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`)
  const where = 'overridesPath' in source ? source.overridesPath : 'the catalogue'
  throw new Error(`${where} is not valid:\n${faults.join('\n')}`)
}

function build(config: CatalogConfig, nowMs: number): { models: Model[]; byName: Map<string, Model> } {
  const models = new Map<string, Model>()
  // A name that an entry claims as an alias is that entry's model, not one of its own.
  const claimed = new Set(
    config.models.flatMap(({ id, aliases }) => aliases.map((alias) => `${id.split('/')[0]}/${alias}`)),
  )
  for (const author of config.authors) {
    if (author.prices === undefined) continue
    for (const priced of readGenaiPrices(author.prices, nowMs)) {
      for (const { name, aliases } of splitNames(priced.id, priced.names)) {
        // Names with a slash or tilde belong to somebody else's model that this vendor also serves.
        if (/[/~]/.test(name) || author.omit.some((pattern) => isMatch(pattern, name))) continue
        const id = `${author.author}/${name}`
        if (claimed.has(id)) continue
        const entry = config.models.find((model) => model.id === id)
        models.set(id, describe({ config, id, priced, aliases, entry, vendor: author.prices }))
      }
    }
  }
  for (const entry of config.models) {
    if (models.has(entry.id)) continue
    const from = entry.priceFrom
    const priced = from && readGenaiPrices(from.provider, nowMs).find((model) => model.id === from.model)
    if (from && !priced)
      throw new Error(`${entry.id}: the price data has no model ${from.provider}/${from.model}`)
    models.set(
      entry.id,
      describe({ config, id: entry.id, priced, aliases: [], entry, vendor: from?.provider }),
    )
  }
  return { models: [...models.values()], byName: indexNames(config, [...models.values()]) }
}

/** Every name a caller may use. An id always means itself; of equal bare names the first author's wins. */
function indexNames(config: CatalogConfig, models: readonly Model[]): Map<string, Model> {
  const byName = new Map<string, Model>()
  const claim = (name: string, model: Model) => {
    for (const spelt of [name, name.toLowerCase()]) if (!byName.has(spelt)) byName.set(spelt, model)
  }
  const authors = new Map(config.authors.map((author) => [author.author, author.alsoKnownAs]))
  for (const model of models) claim(model.id, model)
  for (const model of models) claim(model.name, model)
  for (const model of models) {
    for (const alias of model.aliases) {
      claim(alias, model)
      if (!alias.includes('/')) claim(`${model.author}/${alias}`, model)
    }
    for (const author of authors.get(model.author) ?? []) {
      for (const name of [model.name, ...model.aliases]) claim(`${author}/${name}`, model)
    }
  }
  return byName
}

interface Described {
  config: CatalogConfig
  id: string
  priced: PricedModel | undefined
  aliases: readonly string[]
  entry: ModelEntry | undefined
  vendor: string | undefined
}

function describe({ config, id, priced, aliases, entry, vendor }: Described): Model {
  const [author = '', name = ''] = id.split('/')
  const facts = factsFor(config, id, entry)
  const dataSource = `@pydantic/genai-prices ${vendor}/${priced?.id}`
  const ours = 'config/models.json'
  const contextWindow = facts.contextWindow ?? priced?.contextWindow
  const released = facts.released ?? releaseDateOf([name, ...aliases, ...(entry?.aliases ?? [])])
  return {
    id,
    author,
    name,
    title: priced?.id === name ? (priced.title ?? name) : name,
    aliases: [...new Set([...aliases, ...(entry?.aliases ?? [])])],
    contextWindow,
    maxOutputTokens: Math.min(
      facts.maxOutputTokens ?? DEFAULT_MAX_OUTPUT_TOKENS,
      contextWindow ?? Number.MAX_SAFE_INTEGER,
    ),
    listPrice: entry?.price ? tableOf(entry.price) : priced?.listPrice,
    createdS: Date.parse(`${released ?? UNKNOWN_RELEASE}T00:00:00Z`) / 1000,
    tokenizer: facts.tokenizer ?? 'approximate',
    reasoning: facts.reasoning ?? false,
    lacks: facts.lacks ?? [],
    sources: {
      listPrice: entry?.price ? ours : [dataSource, ...(priced?.notes ?? [])].join('; '),
      contextWindow: facts.contextWindow ? ours : contextWindow ? dataSource : 'unknown',
      maxOutputTokens: facts.maxOutputTokens
        ? ours
        : `default: min(context window, ${DEFAULT_MAX_OUTPUT_TOKENS})`,
      tokenizer: facts.tokenizer ? ours : 'default: by bytes',
      createdS: facts.released ? ours : released ? 'the date in its name' : 'unknown',
    },
  }
}

/** Facts from every rule that matches, the later winning, and from the model's own entry above all. */
function factsFor(config: CatalogConfig, id: string, entry: ModelEntry | undefined): Partial<ModelFacts> {
  const matching = config.rules.filter((rule) => isMatch(rule.match, id))
  return Object.assign({}, ...[...matching, entry ?? {}].map(definedOnly))
}

function definedOnly(facts: object): object {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
}

function tableOf(price: PriceOverride): PriceTable {
  const tiers = (price.tiers ?? []).map((tier) => ({
    aboveInputTokens: tier.aboveInputTokens,
    prices: pricesOf(tier.prices),
  }))
  return { base: pricesOf(price), tiers: tiers.sort((a, b) => a.aboveInputTokens - b.aboveInputTokens) }
}

/** Classes without a price of their own cost what the dearer sensible class costs. */
function pricesOf(price: Omit<PriceOverride, 'tiers'>): TokenPrices {
  const cacheWrite5m = price.cacheWrite ?? price.input
  return {
    uncachedInput: price.input,
    cacheRead: price.cacheRead ?? price.input,
    cacheWrite5m,
    cacheWrite1h: price.cacheWrite1h ?? cacheWrite5m,
    audioInput: price.audioInput ?? price.input,
    output: price.output,
    audioOutput: price.audioOutput ?? price.output,
  }
}

function releaseDateOf(names: readonly string[]): string | undefined {
  for (const name of names) {
    const match = /-(20\d{2})-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$/.exec(name)
    if (match) return `${match[1]}-${match[2]}-${match[3]}`
  }
  return undefined
}

/** `*` stands for any text; everything else for itself. */
function isMatch(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}
