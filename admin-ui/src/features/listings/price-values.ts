import type { PriceRuleShown } from '@bourse/gateway/api/marketplace'
import { formatMultiplier, parseMultiplier } from '../../lib/multiplier.ts'

type PlainRule = Extract<PriceRuleShown, { kind: 'multiplier' | 'fixed' }>
type Scheduled = Extract<PriceRuleShown, { kind: 'scheduled' }>
export type Weekday = NonNullable<NonNullable<Scheduled['windows']>[number]['days']>[number]

export const WEEKDAYS: readonly { value: Weekday; label: string }[] = [
  { value: 'mon', label: 'Mon' },
  { value: 'tue', label: 'Tue' },
  { value: 'wed', label: 'Wed' },
  { value: 'thu', label: 'Thu' },
  { value: 'fri', label: 'Fri' },
  { value: 'sat', label: 'Sat' },
  { value: 'sun', label: 'Sun' },
]

/** A price as a form holds it, as typed. */
export interface PlainValues {
  kind: 'multiplier' | 'fixed'
  factor: string
  input: string
  output: string
  cacheRead: string
  perRequest: string
}

export interface WindowValues extends PlainValues {
  days: Weekday[]
  from: string
  to: string
}

export interface PriceValues extends PlainValues {
  byHour: boolean
  timeZone: string
  windows: WindowValues[]
  byLoad: boolean
  /** Times the price while idle, and while full. */
  floor: string
  ceiling: string
  /** What a form cannot show is kept as it was. */
  rest: Record<string, string>
}

const plainPrice: PlainValues = {
  kind: 'multiplier',
  factor: '1',
  input: '',
  output: '',
  cacheRead: '',
  perRequest: '',
}

export function emptyPrice(timeZone: string): PriceValues {
  return {
    ...plainPrice,
    byHour: false,
    timeZone,
    windows: [],
    byLoad: false,
    floor: '0.9',
    ceiling: '1.1',
    rest: {},
  }
}

export function emptyWindow(plain: PlainValues): WindowValues {
  const { kind, factor, input, output, cacheRead, perRequest } = plain
  return {
    kind,
    factor,
    input,
    output,
    cacheRead,
    perRequest,
    days: ['mon', 'tue', 'wed', 'thu', 'fri'],
    from: '18:00',
    to: '08:00',
  }
}

/** The rule that the form says; a sentence when it says none. */
export function ruleOf(values: PriceValues): PriceRuleShown | string {
  const base = plainRuleOf(values, values.rest)
  if (typeof base === 'string') return base
  if (!values.byHour && !values.byLoad) return base
  const windows = values.byHour ? windowsOf(values) : []
  if (typeof windows === 'string') return windows
  const load = values.byLoad ? loadOf(values) : undefined
  if (typeof load === 'string') return load
  return {
    kind: 'scheduled',
    base,
    ...(windows.length > 0 ? { windows } : {}),
    ...(load ? { load } : {}),
  }
}

function plainRuleOf(values: PlainValues, rest: Record<string, string>): PlainRule | string {
  if (values.kind === 'multiplier') {
    const ppm = parseMultiplier(values.factor)
    if (ppm === undefined || ppm < 50_000 || ppm > 10_000_000)
      return 'Write a factor of the list price from 0.05 to 10.'
    return { kind: 'multiplier', ppm }
  }
  const input = usd(values.input)
  const output = usd(values.output)
  if (input === undefined || output === undefined)
    return 'Write what a million tokens cost in USD, input and output.'
  const cacheRead = values.cacheRead.trim() === '' ? undefined : usd(values.cacheRead)
  if (values.cacheRead.trim() !== '' && cacheRead === undefined)
    return 'Write the price of cached input in USD per million tokens.'
  const perRequest = values.perRequest.trim() === '' ? undefined : usd(values.perRequest, 9)
  if (values.perRequest.trim() !== '' && perRequest === undefined)
    return 'Write the price of a request in USD.'
  return {
    kind: 'fixed',
    perMTok: { ...rest, input, output, ...(cacheRead === undefined ? {} : { cacheRead }) },
    ...(perRequest === undefined ? {} : { perRequest }),
  }
}

function windowsOf({ windows, timeZone }: PriceValues): NonNullable<Scheduled['windows']> | string {
  if (windows.length === 0) return 'Add at least one window, or switch prices by the hour off.'
  const rules: NonNullable<Scheduled['windows']> = []
  for (const [at, window] of windows.entries()) {
    const price = plainRuleOf(window, {})
    if (typeof price === 'string') return `Window ${at + 1}: ${price}`
    if (!/^\d\d:\d\d$/.test(window.from) || !/^\d\d:\d\d$/.test(window.to))
      return `Window ${at + 1}: write times as HH:MM.`
    if (window.days.length === 0) return `Window ${at + 1}: choose at least one day.`
    rules.push({ days: window.days, from: window.from, to: window.to, timeZone, price })
  }
  return rules
}

function loadOf({ floor, ceiling }: PriceValues): NonNullable<Scheduled['load']> | string {
  const floorPpm = parseMultiplier(floor)
  const ceilingPpm = parseMultiplier(ceiling)
  if (floorPpm === undefined || ceilingPpm === undefined)
    return 'Write factors for an idle and a full listing, such as 0.9 and 1.1.'
  return floorPpm > ceilingPpm
    ? 'A full listing must not be cheaper than an idle one.'
    : { floorPpm, ceilingPpm }
}

/** The form of a rule; `ruleOf` makes the same rule of it again. */
export function valuesOf(rule: PriceRuleShown | undefined, timeZone: string): PriceValues {
  const empty = emptyPrice(timeZone)
  if (!rule) return empty
  if (rule.kind !== 'scheduled') return { ...empty, ...plainValuesOf(rule), rest: restOf(rule) }
  const { base, windows = [], load } = rule
  return {
    ...empty,
    ...plainValuesOf(base),
    rest: restOf(base),
    byHour: windows.length > 0,
    timeZone: windows[0]?.timeZone ?? timeZone,
    windows: windows.map(({ days, from, to, price }) => ({
      ...plainValuesOf(price),
      days: days ? [...days] : WEEKDAYS.map(({ value }) => value),
      from,
      to,
    })),
    byLoad: load !== undefined,
    ...(load ? { floor: formatMultiplier(load.floorPpm), ceiling: formatMultiplier(load.ceilingPpm) } : {}),
  }
}

function plainValuesOf(rule: PlainRule): PlainValues {
  if (rule.kind === 'multiplier') return { ...plainPrice, factor: formatMultiplier(rule.ppm) }
  const { input, output, cacheRead = '' } = rule.perMTok
  return { ...plainPrice, kind: 'fixed', input, output, cacheRead, perRequest: rule.perRequest ?? '' }
}

function restOf(rule: PlainRule): Record<string, string> {
  if (rule.kind === 'multiplier') return {}
  const { input: _input, output: _output, cacheRead: _cacheRead, ...rest } = rule.perMTok
  return Object.fromEntries(
    Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

/** Digits with at most `decimals` behind the point, as the gateway wants them. */
function usd(typed: string, decimals = 6): string | undefined {
  const text = typed.trim().replace(/^\$/, '')
  const match = /^\d{1,6}(?:\.(\d+))?$/.exec(text)
  return match && (match[1] ?? '').length <= decimals ? text : undefined
}

/** A rule in a few words, for lists. */
export function priceWords(rule: PriceRuleShown): string {
  if (rule.kind === 'multiplier') return `list price × ${formatMultiplier(rule.ppm)}`
  if (rule.kind === 'fixed') return 'fixed price'
  const { base, windows = [], load } = rule
  const parts = [
    priceWords(base),
    ...(windows.length > 0 ? [`${windows.length} ${windows.length === 1 ? 'window' : 'windows'}`] : []),
    ...(load ? [`load × ${formatMultiplier(load.floorPpm)}–${formatMultiplier(load.ceilingPpm)}`] : []),
  ]
  return parts.join(' · ')
}
