import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Button, Card, Text } from '@mantine/core'
import { IconBuildingStore, IconPlus } from '@tabler/icons-react'
import { useNavigate } from '@tanstack/react-router'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { usePerson } from '../../lib/services.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { CreateListingDialog } from './listing-dialogs.tsx'
import { reasonSentence } from './listing-words.ts'
import { OfferedModels } from './offered-models.tsx'
import { useListings } from './queries.ts'

/** Which keys do I sell, and do they serve? */
export function MyListingsPage() {
  const { search, set } = usePageSearch()
  const navigate = useNavigate()
  const person = usePerson()
  // An operator manages everybody's listings under Run; here he sees his own.
  const listings = useListings({ organisation: person?.organisationId })
  const show = (id: string): void => void navigate({ to: '/listings/$id', params: { id } })
  const create = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => set({ new: '1' })}>
      List a key
    </Button>
  )
  return (
    <Page
      title="My listings"
      lead="The provider keys that you sell, what they ask for, and whether they serve."
      actions={create}
    >
      <Card>
        <QueryView query={listings}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconBuildingStore} title="You sell nothing yet" action={create}>
                List a provider key with its models and prices. It is tried with one token, and goes on the
                market when it works.
              </EmptyState>
            ) : (
              <DataTable
                label="My listings"
                columns={columns}
                rows={all}
                rowKey={({ id }) => id}
                open={{ go: ({ id }) => show(id), href: ({ id }) => `/listings/${id}` }}
              />
            )
          }
        </QueryView>
        <LoadMore list={listings} />
      </Card>
      <CreateListingDialog
        opened={search.new === '1'}
        onClose={() => set({ new: undefined })}
        organisationId={person?.organisationId}
        onCreated={show}
      />
    </Page>
  )
}

const columns: Column<ListingShown>[] = [
  {
    title: 'Listing',
    cell: ({ name, provider, keyHint }) => (
      <TitleCell title={name}>
        {provider}
        {keyHint ? ` · key …${keyHint}` : ''}
      </TitleCell>
    ),
  },
  {
    title: 'State',
    cell: (listing) => (
      <>
        <StateBadge state={listing.state} />
        {listing.state === 'active' && listing.health === 'healthy' ? null : (
          <Text size="xs" c="dimmed" maw={260}>
            {listing.state === 'active' ? healthWords(listing) : reasonSentence(listing)}
          </Text>
        )}
      </>
    ),
  },
  { title: 'Models', cell: (listing) => <OfferedModels listing={listing} /> },
]

export function healthWords({ health }: Pick<ListingShown, 'health'>): string {
  if (health === 'impaired') return 'Some of its models rest.'
  return health === 'resting' ? 'It rests for a while.' : 'Healthy.'
}
