/**
 * The versions of one offer's price, compiled once so that planning asks for the price of the moment without making
 * anything: the version in force and the one that is announced, their windows, and the price at each step of fill.
 */
import type { PriceSnapshot, PriceTable } from '../catalog/price.ts'
import { atLoad, FILL_STEPS, type Load, type PlainRule, type PriceRule, plainPrice } from './price-rule.ts'
import { BASE_WINDOW, compileTimetable, nextWindowMs, standingAt, type Timetable } from './price-schedule.ts'

/** One version as it is stored. */
export interface PriceVersion {
  version: number
  rule: PriceRule
  /** Milliseconds since 1970. */
  fromMs: number
}

/** One of the prices that an offer can have, and the offer at it, which `priceNow` keeps here to find it at once. */
export interface PricePlace {
  readonly price: PriceSnapshot
  of: object | undefined
  variant: object | undefined
}

export interface PriceSchedule {
  /** The price at an instant and a fill; the same object whenever it is the same price. */
  at(nowMs: number, fillStep: number): PricePlace
  /** The rule in force, as its seller said it. */
  ruleAt(nowMs: number): PriceRule
  /** When `at` changes by itself, at whatever fill; undefined: never. */
  nextChangeMs(nowMs: number): number | undefined
  /** The version that will take effect after `nowMs`, with its price at that instant on an idle listing. */
  announcedAt(nowMs: number): Announced | undefined
}

export interface Announced {
  version: number
  rule: PriceRule
  fromMs: number
  price: PriceSnapshot
}

interface Compiled {
  version: number
  rule: PriceRule
  fromMs: number
  /** By window; the base is the last, so that `at(BASE_WINDOW)` finds it. */
  plain: readonly PriceSnapshot[]
  /** By window and step of fill, made when they are first asked for. */
  places: (PricePlace | undefined)[][]
  timetable: Timetable | undefined
  load: Load | undefined
}

/** `versions` in order of time, at most two. The first holds from ever: a clock that lags must not find no price. */
export function compilePrices(
  versions: readonly [PriceVersion, ...PriceVersion[]],
  listPrice: PriceTable | undefined,
  feeBps: bigint,
): PriceSchedule {
  const compiled = versions.map((version) => compile(version, listPrice, feeBps))
  // What holds from `fromMs` until `untilMs`, kept so that asking within it compares two numbers.
  let current = compiled[0] as Compiled
  let plain = current.plain[0] as PriceSnapshot
  let row: (PricePlace | undefined)[] = []
  let fromMs = Number.POSITIVE_INFINITY
  let untilMs = Number.NEGATIVE_INFINITY
  // Each pool of offers that is built asks it of every one.
  let change: { fromMs: number; atMs: number | undefined } = {
    fromMs: Number.POSITIVE_INFINITY,
    atMs: undefined,
  }

  function stand(nowMs: number): void {
    const index = indexAt(compiled, nowMs)
    current = compiled[index] as Compiled
    const standing = windowAt(current, nowMs)
    plain = current.plain.at(standing.window) as PriceSnapshot
    row = current.places.at(standing.window) as (PricePlace | undefined)[]
    fromMs = index === 0 ? standing.fromMs : Math.max(standing.fromMs, current.fromMs)
    untilMs = Math.min(standing.untilMs, compiled[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY)
  }

  function newPlace(step: number): PricePlace {
    row[step] ??= { price: atLoad(plain, current.load, step), of: undefined, variant: undefined }
    return row[step] as PricePlace
  }

  return {
    at(nowMs, fillStep) {
      if (nowMs < fromMs || nowMs >= untilMs) stand(nowMs)
      const step = current.load ? fillStep : 0
      return row[step] ?? newPlace(inSteps(step))
    },
    ruleAt: (nowMs) => (compiled[indexAt(compiled, nowMs)] as Compiled).rule,
    nextChangeMs(nowMs) {
      if (nowMs < change.fromMs || nowMs >= (change.atMs ?? Number.POSITIVE_INFINITY)) {
        change = { fromMs: nowMs, atMs: nextChange(compiled, nowMs) }
      }
      return change.atMs
    },
    announcedAt(nowMs) {
      const next = compiled[indexAt(compiled, nowMs) + 1]
      if (!next) return undefined
      const then = next.plain.at(windowAt(next, next.fromMs).window) as PriceSnapshot
      return {
        version: next.version,
        rule: next.rule,
        fromMs: next.fromMs,
        price: atLoad(then, next.load, 0),
      }
    },
  }
}

function compile(
  { version, rule, fromMs }: PriceVersion,
  listPrice: PriceTable | undefined,
  feeBps: bigint,
): Compiled {
  const scheduled = rule.kind === 'scheduled' ? rule : undefined
  const windows = scheduled?.windows ?? []
  const rules = [...windows.map(({ price }) => price), scheduled?.base ?? (rule as PlainRule)]
  const timetable = windows.length === 0 ? undefined : compileTimetable(windows)
  if (timetable && 'message' in timetable) throw new Error(`windows[${timetable.index}] ${timetable.message}`)
  return {
    version,
    rule,
    fromMs,
    plain: rules.map((each) => ({ ...plainPrice(each, listPrice, feeBps), version })),
    places: rules.map(() => []),
    timetable,
    load: scheduled?.load,
  }
}

function nextChange(compiled: readonly Compiled[], nowMs: number): number | undefined {
  const index = indexAt(compiled, nowMs)
  const { timetable } = compiled[index] as Compiled
  const versionMs = compiled[index + 1]?.fromMs
  const windowMs = timetable && nextWindowMs(timetable, nowMs)
  if (versionMs === undefined || windowMs === undefined) return versionMs ?? windowMs
  return Math.min(versionMs, windowMs)
}

/** The last version that has begun, or the first. */
function indexAt(compiled: readonly Compiled[], nowMs: number): number {
  let index = compiled.length - 1
  while (index > 0 && (compiled[index] as Compiled).fromMs > nowMs) index -= 1
  return index
}

const ALWAYS = { window: BASE_WINDOW, fromMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY }

function windowAt({ timetable }: Compiled, nowMs: number) {
  return timetable ? standingAt(timetable, nowMs) : ALWAYS
}

/** Whatever a caller makes of a fill: a whole step from 0 to 20. */
function inSteps(fillStep: number): number {
  return Math.min(FILL_STEPS, Math.max(0, Math.floor(fillStep) || 0))
}
