import { Badge } from '@mantine/core'

const colors: Readonly<Record<string, string>> = {
  active: 'green',
  verifying: 'indigo',
  draft: 'gray',
  paused: 'gray',
  disabled: 'gray',
  cooling: 'yellow',
  suspended: 'red',
  quarantined: 'red',
  revoked: 'gray',
  expired: 'gray',
  closed: 'gray',
}

/** A state as a word first and a colour second; the same colour on every page. */
export function StateBadge({ state }: { state: string }) {
  return <Badge color={colors[state] ?? 'gray'}>{state}</Badge>
}
