import type { UsageAnswer } from '@bourse/gateway/api/analytics'
import { Anchor, Card, Text } from '@mantine/core'
import { IconBuildingStore } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { rangeBounds, readRange } from '../../lib/range.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { useRead } from '../../lib/use-read.ts'

/** Which listings brought it, in the range of the page. */
export function ListingEarnings() {
  const { search } = usePageSearch()
  const bounds = rangeBounds(readRange(search), Date.now(), '30d')
  const usage = useRead<UsageAnswer>('/api/usage', { groupBy: 'listing', side: 'seller', ...bounds })
  return (
    <Card component="section" aria-label="Earned by listing">
      <Text component="h2" fw={650} mb={4}>
        Earned by listing
      </Text>
      <QueryView query={usage}>
        {(answer) => (
          <>
            <Text size="sm" c="dimmed" mb="md">
              Your share of the requests since <Moment at={answer.from} />. The range is chosen at the
              statement below.
            </Text>
            <Listings usage={answer} />
          </>
        )}
      </QueryView>
    </Card>
  )
}

function Listings({ usage: { data, rest } }: { usage: UsageAnswer }) {
  const rows = data.filter(({ requests }) => requests > 0)
  const decimals = decimalsFor(rows.map(({ sellerNanos }) => sellerNanos))
  if (rows.length === 0)
    return (
      <EmptyState icon={IconBuildingStore} title="No request served in this range">
        My listings shows whether yours are on the market, and why they were not chosen.
      </EmptyState>
    )
  return (
    <>
      <DataTable
        label="Earned by listing"
        dense
        rows={rows}
        rowKey={({ id, name }) => id ?? name}
        columns={[
          { title: 'Listing', cell: ({ id, name }) => <Name id={id} name={name} /> },
          {
            title: 'Requests',
            align: 'end',
            cell: ({ requests }) => <span className="figures">{requests.toLocaleString()}</span>,
          },
          {
            title: 'Earned',
            align: 'end',
            cell: ({ sellerNanos }) => <Money nanos={sellerNanos} decimals={decimals} />,
          },
        ]}
      />
      {rest === null ? null : (
        <Text size="xs" c="dimmed" mt="xs">
          All the others: <Money nanos={rest.sellerNanos} />
        </Text>
      )}
    </>
  )
}

function Name({ id, name }: { id: string | null; name: string }) {
  if (id === null) return name
  return (
    <Anchor component={Link} to={`/listings/${id}` as never} size="sm" style={{ overflowWrap: 'anywhere' }}>
      {name}
    </Anchor>
  )
}
