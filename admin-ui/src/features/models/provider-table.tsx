import type { ProviderShown } from '@bourse/gateway/api/marketplace'
import { Anchor, Card, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { useProviderList } from './queries.ts'

/** The vendors of config/providers.json: where they are, what they speak, and how many listings they have. */
export function ProviderTable() {
  const providers = useProviderList()
  return (
    <Card>
      <Text size="sm" c="dimmed" mb="md">
        From config/providers.json: a vendor that speaks a known format is an entry there.
      </Text>
      <QueryView query={providers} rows={10}>
        {({ data }) => <DataTable label="Providers" columns={columns} rows={data} rowKey={({ id }) => id} />}
      </QueryView>
    </Card>
  )
}

const columns: Column<ProviderShown>[] = [
  {
    title: 'Provider',
    cell: ({ name, id, isOwnMachine }) => (
      <TitleCell title={name}>
        {id}
        {isOwnMachine ? ' · on your own machines' : ''}
      </TitleCell>
    ),
  },
  {
    title: 'Base URL',
    cell: ({ baseUrl }) => (
      <Text size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
        {baseUrl}
      </Text>
    ),
  },
  { title: 'Speaks', cell: ({ format }) => `${format} format` },
  {
    title: 'Does not take',
    cell: ({ lacks, ignores }) => (
      <>
        <Text size="sm">{lacks.length === 0 ? 'takes all' : lacks.map(spaced).join(', ')}</Text>
        {ignores.length === 0 ? null : (
          <Text size="xs" c="dimmed">
            leaves unused: {ignores.map(spaced).join(', ')}
          </Text>
        )}
      </>
    ),
  },
  {
    title: 'Listings',
    align: 'end',
    cell: ({ id, listings }) => (
      <Anchor
        component={Link}
        to="/run/listings"
        search={{ provider: id } as never}
        size="sm"
        className="figures"
      >
        {listings}
      </Anchor>
    ),
  },
]

function spaced(name: string): string {
  return name.replaceAll('_', ' ')
}
