import type { ProviderShown } from '@bourse/gateway/api/marketplace'
import { Card, Checkbox, Group, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { showUndo } from '../../components/show-undo.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { toApiError } from '../../lib/api-error.ts'
import { GROUNDS } from './ground-words.ts'
import { useDecideGrounds, useProviders } from './queries.ts'

/** On which grounds may keys of each provider be sold here? */
export function GroundDecisions() {
  const providers = useProviders()
  return (
    <Card>
      <Text size="sm" mb="md">
        Some providers forbid to resell their keys. A listing is routable only on a ground that you accept for
        its provider; when you take one back, its listings are suspended at once, and return when you accept
        it again.
      </Text>
      <QueryView query={providers} rows={10}>
        {({ data }) => (
          <DataTable label="Accepted grounds" columns={columns} rows={data} rowKey={({ id }) => id} />
        )}
      </QueryView>
    </Card>
  )
}

const columns: Column<ProviderShown>[] = [
  {
    title: 'Provider',
    cell: ({ name, id, listings }) => (
      <TitleCell title={name}>
        {id} · {listings === 0 ? 'no listing on the market' : `${listings} on the market`}
      </TitleCell>
    ),
  },
  { title: 'Accepted', cell: (provider) => <Decide provider={provider} /> },
]

function Decide({ provider }: { provider: ProviderShown }) {
  const decide = useDecideGrounds()
  const accepted = [...new Set([...provider.grounds.key, ...provider.grounds.endpoint])]
  const send = (grounds: string[], message: string, before?: string[]): void =>
    decide.mutate(
      { provider: provider.id, grounds },
      {
        onSuccess: () => {
          if (before) showUndo({ message, onUndo: () => send(before, message) })
        },
        onError: (error) =>
          notifications.show({
            color: 'red',
            title: `${provider.name} is unchanged`,
            message: toApiError(error).message,
          }),
      },
    )
  return (
    <Group gap="md" role="group" aria-label={`Grounds of ${provider.name}`}>
      {GROUNDS.filter(({ value }) => value !== 'demo').map(({ value, label }) => {
        const isAccepted = accepted.includes(value)
        return (
          <Checkbox
            key={value}
            label={label}
            aria-label={`${label} for ${provider.name}`}
            checked={isAccepted}
            disabled={decide.isPending}
            onChange={() =>
              send(
                isAccepted ? accepted.filter((each) => each !== value) : [...accepted, value],
                `${provider.name}: “${label}” is ${isAccepted ? 'no longer accepted' : 'accepted'}.`,
                accepted,
              )
            }
          />
        )
      })}
    </Group>
  )
}
