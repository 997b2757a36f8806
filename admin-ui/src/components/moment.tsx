import { formatAgo, formatDay, formatMoment, formatUtc } from '../lib/time.ts'

/** A time in the reader's zone, as a moment, a day or an age; UTC when hovered. */
export function Moment({ at, as = 'moment' }: { at: string; as?: 'moment' | 'day' | 'age' }) {
  const shown = { moment: formatMoment, day: formatDay, age: (iso: string) => formatAgo(iso, Date.now()) }[
    as
  ](at)
  return (
    <time dateTime={at} title={formatUtc(at)} style={{ whiteSpace: 'nowrap' }}>
      {shown}
    </time>
  )
}
