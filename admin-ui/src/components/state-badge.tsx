import { Badge } from '@mantine/core'

/** Good, under way, wants attention, failed; what is over or at rest is grey. */
const colors: Readonly<Record<string, string>> = {
  // listings and keys
  active: 'green',
  verifying: 'indigo',
  cooling: 'yellow',
  suspended: 'red',
  quarantined: 'red',
  // requests
  running: 'indigo',
  answered: 'green',
  left: 'yellow',
  refused: 'yellow',
  failed: 'red',
  // payouts and top-ups
  requested: 'yellow',
  approved: 'indigo',
  pending: 'indigo',
  paid: 'green',
  booked: 'green',
  // mails
  queued: 'indigo',
  sent: 'green',
  // cases of trust
  open: 'yellow',
  disputed: 'yellow',
  cleared: 'green',
  upheld: 'red',
  // people
  invited: 'indigo',
  unverified: 'yellow',
  locked: 'red',
}

/** A state as a word first and a colour second; the same colour on every page. */
export function StateBadge({ state }: { state: string }) {
  return <Badge color={colors[state] ?? 'gray'}>{state.replaceAll('_', ' ')}</Badge>
}
