/** The time range of a page, as its address keeps it: `range=24h`, or `from` and `to`. */
export const RANGES = { '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000, '30d': 2_592_000_000 } as const

export type RangeName = keyof typeof RANGES

export interface RangeSearch {
  range?: RangeName
  /** ISO instants of a custom range. */
  from?: string
  to?: string
}

/** Reads the range of an address; anything strange is left out. */
export function readRange(search: Record<string, unknown>): RangeSearch {
  const { range, from, to } = search
  if (isInstant(from)) return { from, ...(isInstant(to) ? { to } : {}) }
  return typeof range === 'string' && range in RANGES ? { range: range as RangeName } : {}
}

/** `from` and `to` for the API. A named range begins at a whole minute, so that the same question is asked once. */
export function rangeBounds(
  { range, from, to }: RangeSearch,
  nowMs: number,
  standard: RangeName = '24h',
): { from: string; to?: string } {
  if (from !== undefined) return to === undefined ? { from } : { from, to }
  const startMs = Math.floor((nowMs - RANGES[range ?? standard]) / 60_000) * 60_000
  return { from: new Date(startMs).toISOString() }
}

function isInstant(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}

/** An instant as `<input type="datetime-local">` wants it: local, to the minute. */
export function toLocalInput(iso: string): string {
  const at = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`
}

/** What such an input holds, as an instant; `undefined` while it is incomplete. */
export function fromLocalInput(text: string): string | undefined {
  const at = new Date(text)
  return text === '' || Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}
