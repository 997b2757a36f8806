import type { AuditEventShown } from '@bourse/gateway/api/audit'
import { Anchor, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { CodeBlock } from '../../components/code-block.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'

/** One event with everything that was written down. */
export function EventDetail({ event }: { event: AuditEventShown }) {
  const { id, at, actor, action, subject, detail } = event
  const isEmpty = detail === null || (typeof detail === 'object' && Object.keys(detail).length === 0)
  return (
    <Stack gap="lg">
      <Facts
        facts={[
          { name: 'When', value: <Moment at={at} /> },
          { name: 'What', value: action },
          {
            name: 'Who',
            value: actor.id === null ? 'the gateway itself' : <Subject id={actor.id} />,
          },
          { name: 'On what', value: <Subject id={subject} /> },
          { name: 'Event', value: id },
        ]}
      />
      <Anchor
        component={Link}
        underline="always"
        inherit
        to="."
        search={((old: object) => ({ ...old, open: undefined, subject })) as never}
      >
        Everything that happened to it
      </Anchor>
      {isEmpty ? (
        <Text c="dimmed" size="sm">
          Nothing more was written down.
        </Text>
      ) : (
        <CodeBlock label="Detail" code={JSON.stringify(detail, null, 2)} />
      )}
    </Stack>
  )
}

const PLACES: readonly [prefix: string, path: (id: string) => string][] = [
  ['usr-', (id) => `/run/users?open=${id}`],
  ['lst-', (id) => `/run/listings?open=${id}`],
  ['pay-', (id) => `/run/payouts?open=${id}`],
  ['jrn-', (id) => `/run/ledger?journal=${id}`],
  ['gen-', (id) => `/requests?open=${id}`],
]

/** An id, and the way to its page where there is one. */
function Subject({ id }: { id: string }) {
  const place = PLACES.find(([prefix]) => id.startsWith(prefix))
  // Ids of ours have letters and digits only; anything else is shown and leads nowhere.
  if (!place || !/^[a-z]{3}-[0-9a-z]{26}$/.test(id)) return <span>{id}</span>
  return (
    <Anchor href={`/console${place[1](id)}`} underline="always" inherit>
      {id}
    </Anchor>
  )
}
