const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

/** Local date and time to the second, for lists in order of time. */
export function formatMoment(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(at)
}

export function formatDay(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' }).format(at)
}

/** UTC to the second, shown when a local time is hovered. */
export function formatUtc(iso: string): string {
  const at = new Date(iso)
  if (Number.isNaN(at.getTime())) return iso
  return `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** How long ago, in the largest unit that is at least one; a day when it is longer than a month. */
export function formatAgo(iso: string, nowMs: number): string {
  const ageMs = nowMs - new Date(iso).getTime()
  if (Number.isNaN(ageMs)) return iso
  if (ageMs < minuteMs) return 'just now'
  if (ageMs < hourMs) return `${Math.floor(ageMs / minuteMs)} min ago`
  if (ageMs < dayMs) return `${Math.floor(ageMs / hourMs)} h ago`
  if (ageMs < 31 * dayMs) return `${Math.floor(ageMs / dayMs)} d ago`
  return formatDay(iso)
}
