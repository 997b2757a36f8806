/** A key's settings between the form and the API: text in fields, exact values in calls. */
import type { KeyShown } from '@bourse/gateway/api/keys'
import { formatUsd, parseUsdInput } from '../../lib/money.ts'
import { fromLocalInput, toLocalInput } from '../../lib/range.ts'

type Policy = KeyShown['policy']
type Period = NonNullable<KeyShown['budget']>['period']

/** What `POST /api/keys` takes, and `PATCH` in part. */
export interface KeySettings {
  name: string
  scopes: KeyShown['scopes']
  models: string[]
  expiresAt: string | null
  budget: { limitNanos: string; period: Period } | null
  requestsPerMinute: number | null
  tokensPerMinute: number | null
  defaultMaxOutputTokens: number | null
  policy: Policy
}

export interface KeyValues {
  name: string
  scopes: string[]
  models: string[]
  /** Days from now; `''` is never, `at` is the time in `expiresAt`. */
  expires: string
  expiresAt: string
  budgetUsd: string
  budgetPeriod: Period
  requestsPerMinute: string
  tokensPerMinute: string
  defaultMaxOutputTokens: string
  sort: string
  order: string[]
  only: string[]
  ignore: string[]
  allowFallbacks: boolean
  requireParameters: boolean
  maxPromptUsd: string
  maxCompletionUsd: string
  maxRequestUsd: string
}

const dayMs = 86_400_000

export const newKeyValues: KeyValues = {
  name: '',
  scopes: ['inference', 'read'],
  models: [],
  expires: '',
  expiresAt: '',
  budgetUsd: '',
  budgetPeriod: 'month',
  requestsPerMinute: '',
  tokensPerMinute: '',
  defaultMaxOutputTokens: '',
  sort: '',
  order: [],
  only: [],
  ignore: [],
  allowFallbacks: true,
  requireParameters: false,
  maxPromptUsd: '',
  maxCompletionUsd: '',
  maxRequestUsd: '',
}

/** A key as the form shows it. */
export function valuesOf(key: KeyShown): KeyValues {
  const { policy, budget } = key
  return {
    name: key.name,
    scopes: key.scopes,
    models: key.models,
    expires: key.expiresAt === null ? '' : 'at',
    expiresAt: key.expiresAt === null ? '' : toLocalInput(key.expiresAt),
    budgetUsd: budget ? plainUsd(BigInt(budget.limitNanos)) : '',
    budgetPeriod: budget?.period ?? 'month',
    requestsPerMinute: textOf(key.requestsPerMinute),
    tokensPerMinute: textOf(key.tokensPerMinute),
    defaultMaxOutputTokens: textOf(key.defaultMaxOutputTokens),
    sort: policy.sort ?? '',
    order: policy.order ?? [],
    only: policy.only ?? [],
    ignore: policy.ignore ?? [],
    allowFallbacks: policy.allowFallbacks ?? true,
    requireParameters: policy.requireParameters ?? false,
    maxPromptUsd: policy.maxPrice?.prompt ?? '',
    maxCompletionUsd: policy.maxPrice?.completion ?? '',
    maxRequestUsd: policy.maxPrice?.request ?? '',
  }
}

/** What the form says, exact. The values must have passed `keyFaults`. */
export function settingsOf(values: KeyValues, nowMs: number): KeySettings {
  const budget = parseUsdInput(values.budgetUsd)
  return {
    name: values.name.trim(),
    scopes: values.scopes as KeySettings['scopes'],
    models: values.models,
    expiresAt: expiryOf(values, nowMs),
    budget: budget === undefined ? null : { limitNanos: budget.toString(), period: values.budgetPeriod },
    requestsPerMinute: countOf(values.requestsPerMinute),
    tokensPerMinute: countOf(values.tokensPerMinute),
    defaultMaxOutputTokens: countOf(values.defaultMaxOutputTokens),
    policy: policyOf(values),
  }
}

/** Only what differs from a key that nobody configured. */
export function newKeyOf(values: KeyValues, nowMs: number): Partial<KeySettings> {
  return { ...changes(newKeyValues, values, nowMs), name: values.name.trim() }
}

/** Only what a person changed, so that what another person changed meanwhile stays. */
export function changes(before: KeyValues, after: KeyValues, nowMs: number): Partial<KeySettings> {
  const [old, fresh] = [settingsOf(before, nowMs), settingsOf(after, nowMs)]
  return Object.fromEntries(
    Object.entries(fresh).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name as keyof KeySettings]),
    ),
  )
}

const wholeNumber = /^[1-9]\d{0,8}$/
const price = /^\d{1,9}(\.\d{1,6})?$/

/** What is wrong with a field, in words; the keys are the form's. */
export const keyFaults = {
  name: (name: string) => (name.trim() === '' ? 'Give it a name you will recognise, such as “laptop”' : null),
  scopes: (scopes: string[]) => (scopes.length === 0 ? 'A key that may do nothing is of no use' : null),
  expiresAt: (at: string, { expires }: KeyValues) =>
    expires === 'at' && fromLocalInput(at) === undefined ? 'Choose a day and a time' : null,
  budgetUsd: (budget: string) =>
    budget === '' || parseUsdInput(budget) !== undefined ? null : 'Write dollars such as 20 or 12.50',
  requestsPerMinute: countFault,
  tokensPerMinute: countFault,
  defaultMaxOutputTokens: countFault,
  maxPromptUsd: priceFault,
  maxCompletionUsd: priceFault,
  maxRequestUsd: priceFault,
}

function countFault(text: string): string | null {
  return text === '' || wholeNumber.test(text) ? null : 'Write a whole number above 0'
}

function priceFault(text: string): string | null {
  return text === '' || price.test(text) ? null : 'Write dollars such as 0.60'
}

function expiryOf({ expires, expiresAt }: KeyValues, nowMs: number): string | null {
  if (expires === '') return null
  if (expires === 'at') return fromLocalInput(expiresAt) ?? null
  return new Date(nowMs + Number.parseFloat(expires) * dayMs).toISOString()
}

function policyOf(values: KeyValues): Policy {
  const maxPrice = {
    ...(values.maxPromptUsd === '' ? {} : { prompt: values.maxPromptUsd }),
    ...(values.maxCompletionUsd === '' ? {} : { completion: values.maxCompletionUsd }),
    ...(values.maxRequestUsd === '' ? {} : { request: values.maxRequestUsd }),
  }
  return {
    ...(values.sort === '' ? {} : { sort: values.sort as NonNullable<Policy['sort']> }),
    ...(values.order.length === 0 ? {} : { order: values.order }),
    ...(values.only.length === 0 ? {} : { only: values.only }),
    ...(values.ignore.length === 0 ? {} : { ignore: values.ignore }),
    ...(values.allowFallbacks ? {} : { allowFallbacks: false }),
    ...(values.requireParameters ? { requireParameters: true } : {}),
    ...(Object.keys(maxPrice).length === 0 ? {} : { maxPrice }),
  }
}

function textOf(count: number | null): string {
  return count === null ? '' : String(count)
}

function countOf(text: string): number | null {
  return text === '' ? null : Number.parseInt(text, 10)
}

/** As a person would type it: no sign, no grouping. */
function plainUsd(nanos: bigint): string {
  return formatUsd(nanos)
    .replace(/[$,\u202f]/g, '')
    .replace(/\.00$/, '')
}
