import type { ListingShown } from '@bourse/gateway/api/marketplace'
import type { TrustCase } from '@bourse/gateway/api/trust'
import { Card, Code, Stack, Text } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { parseNanos } from '../../lib/money.ts'
import { useCasesOf } from './queries.ts'

type Offered = ListingShown['models'][number]

/** How the listing has served, as buyers see it, and what is held against it with the evidence. */
export function ListingTrust({ listing }: { listing: ListingShown }) {
  const cases = useCasesOf(listing.id)
  return (
    <Stack gap="md">
      <Card component="section" aria-label="Reputation">
        <Text component="h2" fw={600} size="sm" mb="sm">
          Reputation, as buyers see it
        </Text>
        <DataTable
          label="Reputation"
          dense
          columns={columns}
          rows={listing.models}
          rowKey={({ model }) => model}
        />
      </Card>
      <Card component="section" aria-label="Cases">
        <Text component="h2" fw={600} size="sm" mb="sm">
          Cases
        </Text>
        <QueryView query={cases}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconShieldCheck} title="Nothing is held against this listing">
                What it reports is compared with independent counts; a case would be told here with its
                evidence.
              </EmptyState>
            ) : (
              <Stack gap="lg">
                {all.map((each) => (
                  <Case key={each.id} shown={each} />
                ))}
              </Stack>
            )
          }
        </QueryView>
      </Card>
    </Stack>
  )
}

const none = 'no record yet'
const columns: Column<Offered>[] = [
  { title: 'Model', cell: ({ model }) => model },
  {
    title: 'Score',
    align: 'end',
    cell: ({ reputation }) => (reputation ? share(reputation.score) : none),
  },
  {
    title: 'Succeeded',
    align: 'end',
    cell: ({ reputation }) => (reputation ? share(reputation.successShare) : none),
  },
  {
    title: 'First token',
    align: 'end',
    cell: ({ reputation }) => (reputation?.ttftMsP50 == null ? none : `${reputation.ttftMsP50} ms`),
  },
  {
    title: 'Tokens / s',
    align: 'end',
    cell: ({ reputation }) => (reputation?.tokensPerSP50 == null ? none : reputation.tokensPerSP50),
  },
  {
    title: 'Attempts',
    align: 'end',
    cell: ({ reputation }) => (reputation ? reputation.samples.toLocaleString('en-US') : none),
  },
]

function share(value: number): string {
  return `${Number((value * 100).toFixed(1))} %`
}

const kinds: Readonly<Record<string, string>> = {
  usage_inflated: 'More tokens reported than were counted',
  integrity: 'Answers were not what the model gives',
}

function Case({ shown }: { shown: TrustCase }) {
  return (
    <Stack gap={6}>
      <Text size="sm" component="div">
        <StateBadge state={shown.state} />{' '}
        <strong>{kinds[shown.kind] ?? shown.kind.replaceAll('_', ' ')}</strong> for {shown.model}, since{' '}
        <Moment at={shown.openedAt} />
        {shown.quarantined ? '; the listing is in quarantine' : ''}.
      </Text>
      {shown.reservedNanos === '0' ? null : (
        <Text size="sm" component="div">
          <Money nanos={parseNanos(shown.reservedNanos)} /> of its earnings are set aside until it is decided.
        </Text>
      )}
      {shown.dispute ? <Text size="sm">Disputed: {shown.dispute}</Text> : null}
      {shown.note ? <Text size="sm">Decision: {shown.note}</Text> : null}
      <Code block tabIndex={0} aria-label="Evidence">
        {JSON.stringify(shown.evidence, null, 2)}
      </Code>
    </Stack>
  )
}
