import type { Overview } from '@bourse/gateway/api/admin'
import { Anchor, Card, Text } from '@mantine/core'
import { IconShieldCheck } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'

type Spot = Overview['thinSpots'][number]

/** Models that one more failure takes off the market. */
export function ThinSpots({ overview: { thinSpots, thinSpotsLeftOut, models } }: { overview: Overview }) {
  return (
    <Card component="section" aria-label="Thin spots">
      <Text component="h2" fw={650}>
        Thin spots
      </Text>
      <Text size="sm" c="dimmed" mb="sm">
        Of {models.toLocaleString('en-US')} models on offer, those with fewer than two healthy offers.
      </Text>
      {thinSpots.length === 0 ? (
        <EmptyState icon={IconShieldCheck} title={models === 0 ? 'Nothing is on offer' : 'None'}>
          {models === 0
            ? 'List a key, or wait for sellers to do so.'
            : 'Every model on offer has two healthy offers or more.'}
        </EmptyState>
      ) : (
        <>
          <DataTable
            label="Thin spots"
            dense
            rows={thinSpots}
            rowKey={({ model }) => model}
            columns={[
              {
                title: 'Model',
                cell: ({ model }) => (
                  <Anchor
                    component={Link}
                    underline="always"
                    inherit
                    to="/market"
                    search={{ model } as never}
                  >
                    {model}
                  </Anchor>
                ),
              },
              {
                title: 'Healthy offers',
                align: 'end',
                cell: ({ healthy, offers }) => (
                  <span className="figures">
                    {healthy} of {offers}
                  </span>
                ),
              },
              { title: 'Why', cell: (spot) => <Why spot={spot} /> },
            ]}
          />
          {thinSpotsLeftOut > 0 ? (
            <Text size="sm" c="dimmed" mt="sm">
              And {thinSpotsLeftOut.toLocaleString('en-US')} more.
            </Text>
          ) : null}
        </>
      )}
    </Card>
  )
}

function Why({ spot: { resting, offers } }: { spot: Spot }) {
  const [first] = resting
  if (!first) return <>{offers === 1 ? 'nobody else lists it' : 'too few list it'}</>
  const more = resting.length > 1 ? ` and ${resting.length - 1} more` : ''
  return (
    <>
      <Anchor
        component={Link}
        underline="always"
        inherit
        to="/run/listings"
        search={{ open: first.listingId } as never}
      >
        {first.standing.replaceAll('_', ' ')}
      </Anchor>
      {first.backAt ? (
        <>
          {' '}
          until <Moment at={first.backAt} />
        </>
      ) : null}
      {more}
    </>
  )
}
