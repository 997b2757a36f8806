import type { ListingShown, PriceRuleShown } from '@bourse/gateway/api/marketplace'
import { emptyPrice, type PriceValues, ruleOf, valuesOf } from './price-values.ts'

export type Ground = ListingShown['ground']

export const LIMITS = [
  { name: 'requestsPerMinute', label: 'Requests a minute' },
  { name: 'tokensPerMinute', label: 'Tokens a minute' },
  { name: 'concurrency', label: 'Requests at once' },
  { name: 'tokensPerDay', label: 'Tokens a day (UTC)' },
  { name: 'tokensPerMonth', label: 'Tokens a month (UTC)' },
  { name: 'usdPerDay', label: 'USD a day (UTC)' },
  { name: 'usdPerMonth', label: 'USD a month (UTC)' },
] as const

type LimitName = (typeof LIMITS)[number]['name']
type Capacity = Partial<Record<LimitName, number | string | null>>

export interface ModelValues {
  model: string
  /** The provider's own name for it; empty: the same. */
  upstreamModel: string
  price: PriceValues
}

/** What the form holds, as typed. */
export interface ListingValues {
  provider: string
  name: string
  key: string
  baseUrl: string
  models: ModelValues[]
  capacity: Record<LimitName, string>
  ground: Ground | ''
  attested: boolean
}

interface ModelBody {
  model: string
  upstreamModel?: string
  price: PriceRuleShown
  capacity?: ListingShown['models'][number]['capacity']
}

export interface NewListing {
  /** Whose it becomes; an operator's is the platform's unless he says so. */
  organisationId?: string
  provider: string
  name: string
  key: string
  baseUrl?: string
  models: ModelBody[]
  capacity: Capacity
  ground: Ground
}

export interface ListingChange {
  name?: string
  baseUrl?: string
  key?: string
  models?: ModelBody[]
  capacity?: Capacity
  ground?: Ground
  effectiveAt?: string
  state?: 'active' | 'paused' | 'suspended' | 'disabled' | 'quarantined'
}

const noLimits = Object.fromEntries(LIMITS.map(({ name }) => [name, ''])) as Record<LimitName, string>

export const emptyListing: ListingValues = {
  provider: '',
  name: '',
  key: '',
  baseUrl: '',
  models: [],
  capacity: noLimits,
  ground: '',
  attested: false,
}

export function newModel(model: string, timeZone: string): ModelValues {
  return { model, upstreamModel: '', price: emptyPrice(timeZone) }
}

export function listingValuesOf(listing: ListingShown, timeZone: string): ListingValues {
  return {
    provider: listing.provider,
    name: listing.name,
    key: '',
    baseUrl: listing.baseUrl,
    models: listing.models.map(({ model, upstreamModel, price, announcedPrice }) => ({
      model,
      upstreamModel: model.endsWith(`/${upstreamModel}`) ? '' : upstreamModel,
      // What was asked last is what the seller means, also while it is still announced.
      price: valuesOf(announcedPrice?.price ?? price, timeZone),
    })),
    capacity: { ...noLimits, ...textsOf(listing.capacity) },
    ground: listing.ground,
    attested: true,
  }
}

function textsOf(capacity: ListingShown['capacity']): Partial<Record<LimitName, string>> {
  return Object.fromEntries(
    Object.entries(capacity).map(([name, value]) => [name, value === null ? '' : String(value)]),
  )
}

/** What keeps the form from being sent, by field; nothing when it may go. */
export function faultsOf(values: ListingValues, { isNew }: { isNew: boolean }): Record<string, string> {
  const faults: Record<string, string> = {}
  if (values.provider === '') faults.provider = 'Choose a provider'
  if (values.name.trim() === '') faults.name = 'Give it a name that buyers will know it by'
  if (isNew && values.key.trim() === '') faults.key = 'Paste the key of this provider'
  if (values.baseUrl.trim() !== '' && !URL.canParse(values.baseUrl.trim()))
    faults.baseUrl = 'Write a full URL, such as https://api.example.com/v1'
  if (values.models.length === 0) faults.models = 'Add at least one model'
  values.models.forEach(({ price }, at) => {
    const rule = ruleOf(price)
    if (typeof rule === 'string') faults[`models.${at}`] = rule
  })
  for (const { name } of LIMITS) {
    const fault = limitFault(name, values.capacity[name])
    if (fault) faults[`capacity.${name}`] = fault
  }
  if (values.ground === '') faults.ground = 'Say on what ground you may offer this'
  if (!values.attested) faults.attested = 'Nothing is routed to a listing whose ground is not attested'
  return faults
}

function limitFault(name: LimitName, typed: string): string | undefined {
  const text = typed.trim()
  if (text === '') return undefined
  if (name.startsWith('usd'))
    return /^\d{1,9}(\.\d{1,9})?$/.test(text) && Number(text) > 0
      ? undefined
      : 'Write an amount such as 20.00'
  return /^[1-9]\d{0,12}$/.test(text) ? undefined : 'Write a whole number above 0'
}

/** The body that creates the listing. Only for values without faults. */
export function newListingOf(values: ListingValues): NewListing {
  return {
    provider: values.provider,
    name: values.name.trim(),
    key: values.key.trim(),
    ...(values.baseUrl.trim() === '' ? {} : { baseUrl: values.baseUrl.trim() }),
    models: modelsOf(values, []),
    capacity: capacityOf(values.capacity),
    ground: values.ground as Ground,
  }
}

/** What is different from the listing as it stands. Only for values without faults. */
export function changesOf(values: ListingValues, listing: ListingShown, timeZone: string): ListingChange {
  const before = listingValuesOf(listing, timeZone)
  const models = modelsOf(values, listing.models)
  const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  return {
    ...(values.name.trim() === listing.name ? {} : { name: values.name.trim() }),
    ...(values.baseUrl.trim() === listing.baseUrl || values.baseUrl.trim() === ''
      ? {}
      : { baseUrl: values.baseUrl.trim() }),
    ...(values.key.trim() === '' ? {} : { key: values.key.trim() }),
    ...(isSame(models, modelsOf(before, listing.models)) ? {} : { models }),
    ...(isSame(values.capacity, before.capacity) ? {} : { capacity: capacityOf(values.capacity) }),
    ...(values.ground === listing.ground ? {} : { ground: values.ground as Ground }),
  }
}

function modelsOf({ models }: ListingValues, before: ListingShown['models']): ModelBody[] {
  return models.map(({ model, upstreamModel, price }) => {
    const known = before.find((each) => each.model === model)
    return {
      model,
      ...(upstreamModel.trim() === '' ? {} : { upstreamModel: upstreamModel.trim() }),
      price: ruleOf(price) as PriceRuleShown,
      // What a form does not show of a model stays as it was.
      ...(known?.capacity ? { capacity: known.capacity } : {}),
    }
  })
}

/** Empty is no limit, and says so, so that one can be taken away. */
function capacityOf(capacity: ListingValues['capacity']): Capacity {
  return Object.fromEntries(
    LIMITS.map(({ name }) => {
      const text = capacity[name].trim()
      if (text === '') return [name, null]
      return [name, name.startsWith('usd') ? text : Number.parseInt(text, 10)]
    }),
  )
}
