import type { RequestShown } from '@bourse/gateway/api/analytics'
import { Anchor, Card, Group, Title } from '@mantine/core'
import { IconListDetails } from '@tabler/icons-react'
import { Link, useNavigate } from '@tanstack/react-router'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { useLatestRequests } from './queries.ts'

/** The newest requests, each one click from its whole story. */
export function LatestRequests() {
  const latest = useLatestRequests()
  const navigate = useNavigate()
  return (
    <Card component="section" aria-labelledby="latest">
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h4" id="latest">
          Latest requests
        </Title>
        <Anchor component={Link} to="/requests" underline="always" size="sm">
          All requests
        </Anchor>
      </Group>
      <QueryView query={latest} rows={6}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={IconListDetails} title="No request yet">
              Get started shows the first one; it appears here seconds after its answer.
            </EmptyState>
          ) : (
            <DataTable
              label="Latest requests"
              dense
              rows={data}
              rowKey={({ id }) => id}
              columns={columnsOf(data)}
              open={{
                href: ({ id }) => `/requests/${id}`,
                go: ({ id }) => void navigate({ to: '/requests/$id', params: { id } }),
              }}
            />
          )
        }
      </QueryView>
    </Card>
  )
}

function columnsOf(rows: readonly RequestShown[]): Column<RequestShown>[] {
  const decimals = decimalsFor(rows.flatMap(({ costNanos }) => costNanos ?? []))
  return [
    {
      title: 'Request',
      cell: ({ model, modelAsked, at }) => (
        <TitleCell title={model ?? modelAsked ?? 'unknown model'}>
          <Moment at={at} as="age" />
        </TitleCell>
      ),
    },
    { title: 'Outcome', cell: ({ outcome }) => <StateBadge state={outcome} /> },
    {
      title: 'Cost',
      align: 'end',
      cell: ({ costNanos }) => (costNanos === null ? '–' : <Money nanos={costNanos} decimals={decimals} />),
    },
  ]
}
