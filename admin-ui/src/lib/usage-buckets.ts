import type { UsageAnswer, UsageRow } from '@bourse/gateway/api/analytics'

const hourMs = 3_600_000

export interface Bucket {
  /** How it stands on the axis; each once. */
  label: string
  parts: UsageRow['parts']
}

/** Every hour or day of the answer's span, also those in which nothing happened, in the reader's time. */
export function bucketsOf({ groupBy, from, to, data }: UsageAnswer, nowMs: number): Bucket[] {
  const isHour = groupBy === 'hour'
  const rows = new Map(data.map((row) => [labelOf(Date.parse(row.id ?? ''), isHour), row]))
  const endMs = Math.min(Date.parse(to), Math.ceil(nowMs / hourMs) * hourMs)
  const labels = new Set<string>()
  // In steps of an hour: days of 23 and of 25 hours come out as one day each.
  for (let atMs = Date.parse(from); atMs < endMs; atMs += hourMs) labels.add(labelOf(atMs, isHour))
  return [...labels].map((label) => ({ label, parts: rows.get(label)?.parts }))
}

function labelOf(ms: number, isHour: boolean): string {
  if (Number.isNaN(ms)) return ''
  const at = new Date(ms)
  const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' }).format(at)
  if (!isHour) return day
  return `${day}, ${new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format(at)}`
}
