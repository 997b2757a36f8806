import type { Overview } from '@bourse/gateway/api/admin'

export const checkWords: Readonly<Record<Overview['ledger']['failed'][number], string>> = {
  sums_to_zero: 'The accounts do not sum to zero',
  held_is_open: 'What is held is not what is open',
  letters_answered: 'Operations were refused and wait for somebody',
  holds_end: 'Holds are open after their time',
  sealed: 'Entries wait for their seal for too long',
}

/** When the ledger was sealed last; nothing is sealed while nothing is booked. */
export function sealAge(
  { lastSealAt, unsealedSeconds }: Pick<Overview['ledger'], 'lastSealAt' | 'unsealedSeconds'>,
  nowMs: number,
): string {
  if (lastSealAt === null) return 'Nothing has been booked yet, so there is nothing to seal.'
  const waits = unsealedSeconds > 1 ? `; the oldest entry waits ${age(unsealedSeconds)}` : ''
  return `Sealed ${age((nowMs - Date.parse(lastSealAt)) / 1000)} ago${waits}.`
}

function age(seconds: number): string {
  if (seconds < 100) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** A share for reading: no false precision, and never 0 % for something. */
export function shareWords(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %'
  const percent = (part / whole) * 100
  return percent < 0.1 ? 'under 0.1 %' : `${percent.toFixed(1)} %`
}
