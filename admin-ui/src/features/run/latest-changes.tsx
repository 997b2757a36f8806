import type { Overview } from '@bourse/gateway/api/admin'
import { Anchor, Card, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'

/** The end of the audit log. */
export function LatestChanges({ changes }: { changes: Overview['changes'] }) {
  return (
    <Card component="section" aria-label="What changed">
      <Group justify="space-between" mb="sm">
        <Text component="h2" fw={650}>
          What changed
        </Text>
        <Anchor component={Link} underline="always" inherit to="/run/audit">
          The whole audit log
        </Anchor>
      </Group>
      {changes.length === 0 ? (
        <Text c="dimmed" size="sm">
          Nobody has changed anything yet.
        </Text>
      ) : (
        <DataTable
          label="What changed"
          dense
          rows={changes}
          rowKey={({ id }) => id}
          columns={[
            { title: 'When', cell: ({ at }) => <Moment at={at} as="age" /> },
            { title: 'What', cell: ({ action }) => action },
            {
              title: 'Who',
              cell: ({ actor: { id } }) =>
                id === null ? (
                  'the gateway itself'
                ) : (
                  <Anchor
                    component={Link}
                    underline="always"
                    inherit
                    to="/run/audit"
                    search={{ actor: id } as never}
                  >
                    {id}
                  </Anchor>
                ),
            },
            {
              title: 'On what',
              cell: ({ subject }) => (
                <Anchor
                  component={Link}
                  underline="always"
                  inherit
                  to="/run/audit"
                  search={{ subject } as never}
                >
                  {subject}
                </Anchor>
              ),
            },
          ]}
        />
      )}
    </Card>
  )
}
