import type { CredentialStatus as Status } from '@bourse/gateway/api/marketplace'
import { Badge, Button, Card, Group, Stack, Text } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { useCredentials, useRotateCredentials } from './queries.ts'

/** Which encryption keys do the sealed credentials need, and may an old one go? */
export function CredentialStatus() {
  const status = useCredentials()
  const rotate = useRotateCredentials()
  return (
    <Card>
      <Text size="sm" mb="md">
        Sellers’ keys are sealed with an encryption key. After it was changed, move them to the current one;
        an old one may be dropped from the configuration when nothing needs it.
      </Text>
      <QueryView query={status}>
        {({ keys, rotation }) => (
          <Stack gap="md">
            <DataTable label="Encryption keys" columns={columns} rows={keys} rowKey={({ keyId }) => keyId} />
            <Group gap="sm">
              <Button
                variant="default"
                loading={rotate.isPending || rotation.state === 'running'}
                onClick={() => rotate.mutate()}
              >
                Move all to the current key
              </Button>
              <Text size="sm" c="dimmed" aria-live="polite">
                {rotation.state === 'running' ? 'Under way.' : lastRun(rotation.last)}
              </Text>
            </Group>
            {rotate.isError ? <ErrorPanel error={rotate.error} /> : null}
          </Stack>
        )}
      </QueryView>
    </Card>
  )
}

function lastRun(last: Status['rotation']['last']): string {
  if (!last) return 'Not run since the gateway started.'
  const failed = last.failed === 0 ? '' : `, ${last.failed} failed and are tried again by the next run`
  return `Last run: ${last.moved} moved${failed}.`
}

const words: Readonly<Record<string, { color: string; says: string }>> = {
  current: { color: 'green', says: 'seals what is new' },
  old: { color: 'gray', says: 'opens what was sealed before' },
  missing: { color: 'red', says: 'is not in the configuration: what it sealed cannot be opened' },
  damaged: { color: 'red', says: 'nothing opens these bytes' },
}

const columns: Column<Status['keys'][number]>[] = [
  {
    title: 'Key',
    cell: ({ keyId }) => (
      <Text ff="monospace" size="sm">
        {keyId}
      </Text>
    ),
  },
  {
    title: 'Is',
    cell: ({ is, mayBeDropped }) => (
      <Group gap="xs">
        <Badge color={words[is]?.color ?? 'gray'}>{is}</Badge>
        <Text size="sm">{mayBeDropped ? 'needed by nothing: may be dropped' : (words[is]?.says ?? '')}</Text>
      </Group>
    ),
  },
  {
    title: 'Sealed keys',
    align: 'end',
    cell: ({ credentials }) => <span className="figures">{credentials.toLocaleString('en-US')}</span>,
  },
]
