/** When an upstream says that a retry can succeed. */

// A hint beyond a day is a fault or a trap; routing then uses its own back-off.
const MAX_HINT_MS = 24 * 60 * 60 * 1000

// A clock further off than this says nothing about ours.
const MAX_CLOCK_SKEW_MS = 24 * 60 * 60 * 1000

// Numbers above it are moments, below it lengths: 2001 in seconds since 1970.
const FIRST_EPOCH_S = 1_000_000_000
const FIRST_EPOCH_MS = 1_000_000_000_000

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

// The buckets that vendors name in `x-ratelimit-remaining-…` and `x-ratelimit-reset-…`, Anthropic with its own prefix.
const BUCKETS = ['requests', 'tokens', 'input-tokens', 'output-tokens']

/** A header that came more than once may be a list. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** Milliseconds until a retry makes sense, the longest of all hints; `undefined` when there is none to trust. */
export function retryHintMs(headers: Headers, nowMs: number): number | undefined {
  const hints = [
    plainNumber(firstOf(headers, 'retry-after-ms'), 1),
    retryAfter(firstOf(headers, 'retry-after'), firstOf(headers, 'date'), nowMs),
    moment(firstOf(headers, 'x-ratelimit-reset'), nowMs),
  ]
  for (const bucket of BUCKETS) {
    hints.push(bucketReset(headers, `x-ratelimit-`, bucket, nowMs))
    hints.push(bucketReset(headers, `anthropic-ratelimit-${bucket}-`, '', nowMs))
  }
  const usable = hints.filter((hint) => hint !== undefined && hint >= 0 && hint <= MAX_HINT_MS) as number[]
  return usable.length === 0 ? undefined : Math.ceil(Math.max(...usable))
}

/** A bucket that still has something left is not the one that refused. */
function bucketReset(headers: Headers, prefix: string, bucket: string, nowMs: number): number | undefined {
  const remaining = firstOf(headers, `${prefix}remaining${bucket && `-${bucket}`}`)
  if (remaining !== undefined && Number(remaining) > 0) return undefined
  return moment(firstOf(headers, `${prefix}reset${bucket && `-${bucket}`}`), nowMs)
}

/** The first value of a header, as one that came only once has it. */
function firstOf(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function retryAfter(value: string | undefined, date: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const seconds = plainNumber(value, 1000)
  if (seconds !== undefined) return seconds
  const until = httpDate(value)
  if (until === undefined) return undefined
  // The upstream's own clock gives the true length even when ours or theirs is wrong.
  const theirs = date === undefined ? undefined : httpDate(date)
  const from = theirs !== undefined && Math.abs(theirs - nowMs) <= MAX_CLOCK_SKEW_MS ? theirs : nowMs
  return until - from
}

/** `1s`, `6m0s`, `20ms`, seconds, a moment in seconds or milliseconds since 1970, or an RFC 3339 time. */
function moment(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined
  const text = value.trim()
  if (text.length > 40) return undefined
  const number = plainNumber(text, 1)
  if (number !== undefined) {
    if (number >= FIRST_EPOCH_MS) return number - nowMs
    if (number >= FIRST_EPOCH_S) return number * 1000 - nowMs
    return number * 1000
  }
  if (/^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text)) return finite(Date.parse(text) - nowMs)
  return durationMs(text)
}

function durationMs(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|[smhd]))+$/.test(text)) return undefined
  let sum = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    sum += Number(amount) * (UNIT_MS[unit as string] as number)
  }
  return sum
}

function plainNumber(value: string | undefined, unitMs: number): number | undefined {
  if (value === undefined || !/^\d{1,15}(\.\d{1,9})?$/.test(value.trim())) return undefined
  return Number(value) * unitMs
}

function httpDate(value: string): number | undefined {
  // Date.parse alone would take "-5" and "tomorrow 5" for dates.
  if (!/^[A-Z][a-z]{2,8}, .{8,30}GMT$/.test(value.trim())) return undefined
  return finite(Date.parse(value))
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined
}
