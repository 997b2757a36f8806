/** What one catalogue changes against another: pure. Prices are pico-dollars per token as text, as they are kept. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../platform/canonical-json.ts'
import { formatScaled } from '../platform/money.ts'
import type { Model } from './catalog.ts'
import { tokenClasses } from './price.ts'

/** A model as a version keeps it. */
export interface KeptModel {
  /** Price of every class, the base first, then the tiers; null: unknown. */
  price: readonly (readonly [aboveInputTokens: number, ...picos: string[]])[] | null
  context: number | null
}

export type KeptCatalog = Readonly<Record<string, KeptModel>>

export interface ModelChange {
  model: string
  what: 'added' | 'removed' | 'price' | 'price_known' | 'price_unknown' | 'context'
  before: PricePair | null
  after: PricePair | null
  inputPercent: number | null
  outputPercent: number | null
  contextBefore: number | null
  contextAfter: number | null
}

interface PricePair {
  input: string
  output: string
}

const BASE = -1
const INPUT = 1 + tokenClasses.indexOf('uncachedInput')
const OUTPUT = 1 + tokenClasses.indexOf('output')

export function keptCatalog(models: readonly Model[]): KeptCatalog {
  return Object.fromEntries(
    models.map(({ id, listPrice, contextWindow }) => [
      id,
      {
        price: listPrice
          ? [
              [BASE, ...tokenClasses.map((each) => listPrice.base[each].toString())] as const,
              ...listPrice.tiers.map(
                ({ aboveInputTokens, prices }) =>
                  [aboveInputTokens, ...tokenClasses.map((each) => prices[each].toString())] as const,
              ),
            ]
          : null,
        context: contextWindow ?? null,
      },
    ]),
  )
}

export function hashOf(kept: KeptCatalog): string {
  return createHash('sha256').update(canonicalJson(kept)).digest('hex')
}

/** By model; a model is named once, with the weightiest thing that happened to it. */
export function diffCatalogs(before: KeptCatalog, after: KeptCatalog): ModelChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap((model) => {
    const [was, is] = [before[model], after[model]]
    const what = whatHappened(was, is)
    return what ? [change(model, what, was, is)] : []
  })
}

function whatHappened(
  was: KeptModel | undefined,
  is: KeptModel | undefined,
): ModelChange['what'] | undefined {
  if (!was) return 'added'
  if (!is) return 'removed'
  if (canonicalJson(was.price) !== canonicalJson(is.price)) {
    if (!was.price) return 'price_known'
    return is.price ? 'price' : 'price_unknown'
  }
  return was.context === is.context ? undefined : 'context'
}

function change(
  model: string,
  what: ModelChange['what'],
  was: KeptModel | undefined,
  is: KeptModel | undefined,
): ModelChange {
  return {
    model,
    what,
    before: pairOf(was),
    after: pairOf(is),
    inputPercent: percent(was, is, INPUT),
    outputPercent: percent(was, is, OUTPUT),
    contextBefore: was?.context ?? null,
    contextAfter: is?.context ?? null,
  }
}

function pairOf(model: KeptModel | undefined): PricePair | null {
  const base = model?.price?.[0]
  if (!base) return null
  const usd = (at: number) => formatScaled(BigInt(base[at] as string), 6)
  return { input: usd(INPUT), output: usd(OUTPUT) }
}

/** To a tenth; null where there is nothing to compare, or a price of nothing. */
function percent(was: KeptModel | undefined, is: KeptModel | undefined, at: number): number | null {
  const [before, after] = [was?.price?.[0]?.[at], is?.price?.[0]?.[at]]
  if (before === undefined || after === undefined || BigInt(before) === 0n) return null
  return Number(((BigInt(after) - BigInt(before)) * 1_000n) / BigInt(before)) / 10
}

/** Of a diff, what a list shows before it is opened. */
export function countChanges(changes: readonly ModelChange[]) {
  const count = (passes: (change: ModelChange) => boolean) => changes.filter(passes).length
  const moved = ({ inputPercent, outputPercent }: ModelChange) => (inputPercent ?? 0) + (outputPercent ?? 0)
  return {
    added: count(({ what }) => what === 'added'),
    removed: count(({ what }) => what === 'removed'),
    dearer: count((each) => each.what === 'price' && moved(each) > 0),
    cheaper: count((each) => each.what === 'price' && moved(each) < 0),
  }
}
