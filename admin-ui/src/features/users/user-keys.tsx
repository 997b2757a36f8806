import type { KeyShown } from '@bourse/gateway/api/keys'
import { Group, Stack, Text } from '@mantine/core'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { useRead } from '../../lib/use-read.ts'

const shown = 10

/** The newest API keys of a user. */
export function UserKeys({ organisationId }: { organisationId: string }) {
  const keys = useRead<{ data: KeyShown[]; hasMore: boolean }>('/api/keys', {
    organisation: organisationId,
    limit: shown,
  })
  return (
    <Stack gap="xs">
      <Text fw={600} size="sm" component="h3">
        API keys
      </Text>
      <QueryView query={keys} rows={2}>
        {({ data, hasMore }) =>
          data.length === 0 ? (
            <Text size="sm" c="dimmed">
              None yet.
            </Text>
          ) : (
            <Stack gap={6}>
              {data.map((key) => (
                <Group key={key.id} gap="sm" wrap="wrap">
                  <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                    {key.name}
                  </Text>
                  {key.revokedAt ? <StateBadge state="revoked" /> : null}
                  <Text size="xs" c="dimmed">
                    {key.label} ·{' '}
                    {key.lastUsedAt ? (
                      <>
                        used <Moment at={key.lastUsedAt} as="age" />
                      </>
                    ) : (
                      'never used'
                    )}
                  </Text>
                </Group>
              ))}
              {hasMore ? (
                <Text size="xs" c="dimmed">
                  These are the newest {shown}.
                </Text>
              ) : null}
            </Stack>
          )
        }
      </QueryView>
    </Stack>
  )
}
