import type { UsageAnswer } from '@bourse/gateway/api/analytics'
import { useRead } from './use-read.ts'

const dayMs = 86_400_000

/** What was spent on each of the last `days` days of the reader's calendar, in parts by model. */
export function useSpend({ days, key, refetchMs }: { days: number; key?: string; refetchMs?: number }) {
  // Whole hours, so that the same question is asked once an hour and not with every drawing.
  const from = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - (days - 1) * dayMs)
  from.setHours(0, 0, 0, 0)
  return useRead<UsageAnswer>(
    '/api/usage',
    {
      groupBy: 'day',
      splitBy: 'model',
      from: from.toISOString(),
      tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
      key,
    },
    { refetchMs: refetchMs ?? false },
  )
}
