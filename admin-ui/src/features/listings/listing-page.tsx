import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Button, Card, Group, Stack, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconPencil, IconTrash } from '@tabler/icons-react'
import { useNavigate, useParams } from '@tanstack/react-router'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { showUndo } from '../../components/show-undo.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { UrlTabs } from '../../components/url-tabs.tsx'
import { toApiError } from '../../lib/api-error.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { DeleteListingDialog, EditListingDialog } from './listing-dialogs.tsx'
import { ListingFacts } from './listing-facts.tsx'
import { ListingModels } from './listing-models.tsx'
import { ListingState } from './listing-state.tsx'
import { ListingTrust } from './listing-trust.tsx'
import { actOn, reasonSentence } from './listing-words.ts'
import { PriceHistory } from './price-history.tsx'
import { useChangeListing, useListing } from './queries.ts'
import { VerificationProgress } from './verification-progress.tsx'

/** How does this listing do, and what do I change? */
export function ListingPage() {
  const { id } = useParams({ strict: false }) as { id: string }
  const listing = useListing(id)
  const shown = listing.data
  if (shown) return 'keyHint' in shown ? <OwnListing listing={shown} /> : <SomebodyElses />
  return (
    <Page title="Listing" lead="One of the keys that you sell.">
      <QueryView query={listing} rows={10}>
        {() => null}
      </QueryView>
    </Page>
  )
}

function SomebodyElses() {
  return (
    <Page title="Listing" lead="This listing is somebody else’s; the market page shows what it offers.">
      {null}
    </Page>
  )
}

function OwnListing({ listing }: { listing: ListingShown }) {
  const { search, set } = usePageSearch()
  const navigate = useNavigate()
  return (
    <Page title={listing.name} lead={reasonSentence(listing)} actions={<Acts listing={listing} />}>
      <Group gap="sm">
        <StateBadge state={listing.state} />
        <Text size="sm" c="dimmed">
          {listing.provider}
          {listing.keyHint ? ` · key …${listing.keyHint}` : ''} · {listing.models.length}{' '}
          {listing.models.length === 1 ? 'model' : 'models'}
        </Text>
      </Group>
      <VerificationProgress listing={listing} />
      <UrlTabs
        label="About this listing"
        tabs={[
          { id: 'state', label: 'How it does', content: () => <ListingState listing={listing} /> },
          { id: 'models', label: 'Models and prices', content: () => <ListingModels listing={listing} /> },
          { id: 'history', label: 'Price history', content: () => <PriceHistory listing={listing} /> },
          { id: 'trust', label: 'Trust', content: () => <ListingTrust listing={listing} /> },
          {
            id: 'facts',
            label: 'Details',
            content: () => (
              <Card>
                <ListingFacts listing={listing} />
              </Card>
            ),
          },
        ]}
      />
      <EditListingDialog
        key={listing.updatedAt}
        opened={search.edit === '1'}
        onClose={() => set({ edit: undefined })}
        listing={listing}
      />
      <DeleteListingDialog
        listing={search.delete === '1' ? listing : undefined}
        onClose={() => set({ delete: undefined })}
        onDeleted={() => void navigate({ to: '/listings' })}
      />
    </Page>
  )
}

function Acts({ listing }: { listing: ListingShown }) {
  const { set } = usePageSearch()
  const change = useChangeListing(listing.id)
  const act = actOn(listing.state)
  const go = (state: 'active' | 'paused'): void =>
    change.mutate(
      { state },
      {
        onSuccess: () => {
          if (state === 'paused')
            showUndo({
              message: `“${listing.name}” is paused.`,
              onUndo: () => change.mutate({ state: 'active' }),
            })
        },
        onError: (error) =>
          notifications.show({
            color: 'red',
            title: `“${listing.name}” is unchanged`,
            message: toApiError(error).message,
          }),
      },
    )
  return (
    <Stack gap={4} align="flex-end">
      <Group gap="xs">
        {act ? (
          <Button
            variant="default"
            loading={change.isPending}
            onClick={() => go(act === 'Pause' ? 'paused' : 'active')}
          >
            {act}
          </Button>
        ) : null}
        <Button leftSection={<IconPencil size={16} aria-hidden />} onClick={() => set({ edit: '1' })}>
          Edit
        </Button>
        <Button
          variant="default"
          leftSection={<IconTrash size={16} aria-hidden />}
          onClick={() => set({ delete: '1' })}
        >
          Delete
        </Button>
      </Group>
    </Stack>
  )
}
