import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Alert, Button, Card, Group, Stack, Switch, Text, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconAlertTriangle, IconBuildingStore, IconPencil, IconSearch, IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { showUndo } from '../../components/show-undo.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { toApiError } from '../../lib/api-error.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { DeleteListingDialog, EditListingDialog } from './listing-dialogs.tsx'
import { ListingFacts } from './listing-facts.tsx'
import { ListingState } from './listing-state.tsx'
import { ListingTrust } from './listing-trust.tsx'
import type { ListingChange } from './listing-values.ts'
import { actOn, reasonSentence } from './listing-words.ts'
import { healthWords } from './my-listings-page.tsx'
import { OfferedModels } from './offered-models.tsx'
import { useChangeListing, useListing, useListings, useProviders } from './queries.ts'
import { VerificationProgress } from './verification-progress.tsx'

const STATES = ['verifying', 'quarantined', 'suspended', 'active', 'paused', 'cooling', 'draft', 'disabled']
const HEALTHS = [
  { value: 'healthy', label: 'healthy' },
  { value: 'impaired', label: 'some models rest' },
  { value: 'resting', label: 'rests' },
]
/** Shorter ones are refused by the gateway. */
const leastSearch = 3

/** All listings, filtered by what an operator looks for, with one of them beside the list. */
export function ListingQueue() {
  const { search, set } = usePageSearch()
  const { state, provider, health, review, open, q = '' } = search
  const listings = useListings({
    state,
    provider,
    health,
    review,
    search: q.length >= leastSearch ? q : undefined,
  })
  const providers = useProviders()
  const isFiltered = Boolean(state || provider || health || review || q)
  return (
    <Card>
      <Group mb="md" gap="sm">
        <TextInput
          aria-label="Search listings"
          placeholder="Part of a name"
          leftSection={<IconSearch size={16} aria-hidden />}
          value={q}
          onChange={({ currentTarget }) => set({ q: currentTarget.value })}
          flex="1 1 12rem"
          maw={{ sm: 280 }}
        />
        <FilterSelect name="state" label="State" data={STATES} />
        <FilterSelect
          name="provider"
          label="Provider"
          data={(providers.data?.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        />
        <FilterSelect name="health" label="Health" data={HEALTHS} />
        <Switch
          label="To look at"
          checked={review === 'true'}
          onChange={({ currentTarget }) => set({ review: currentTarget.checked ? 'true' : undefined })}
        />
      </Group>
      <QueryView query={listings} rows={6}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState
              icon={IconBuildingStore}
              title={isFiltered ? 'No listing passes these filters' : 'No listing yet'}
            >
              {isFiltered
                ? 'Take a filter away to see the others.'
                : 'List a provider key with its models: once the key was seen to work, requests for them are answered.'}
            </EmptyState>
          ) : (
            <DataTable
              label="Listings"
              columns={columns}
              rows={all}
              rowKey={({ id }) => id}
              open={{ go: ({ id }) => set({ open: id }), current: open }}
            />
          )
        }
      </QueryView>
      <LoadMore list={listings} />
      <ListingDrawer id={open} onClose={() => set({ open: undefined })} />
    </Card>
  )
}

const columns: Column<ListingShown>[] = [
  {
    title: 'Listing',
    cell: ({ name, provider, organisationId }) => (
      <TitleCell title={name}>
        {provider} · {organisationId}
      </TitleCell>
    ),
  },
  {
    title: 'State',
    cell: (listing) => (
      <>
        <StateBadge state={listing.state} />
        <Text size="xs" c="dimmed" maw={260}>
          {listing.state === 'active' ? healthWords(listing) : reasonSentence(listing)}
        </Text>
      </>
    ),
  },
  { title: 'Models', cell: (listing) => <OfferedModels listing={listing} /> },
  {
    title: 'Waits for you',
    cell: ({ reviewReason, state }) =>
      reviewReason ? (
        <Text size="sm">{reviewWords(reviewReason)}</Text>
      ) : state === 'quarantined' ? (
        <Text size="sm">in quarantine until you decide</Text>
      ) : (
        <Text size="xs" c="dimmed">
          nothing
        </Text>
      ),
  },
  { title: 'Changed', cell: ({ updatedAt }) => <Moment at={updatedAt} as="age" /> },
]

function reviewWords(reason: string): string {
  return reason.replaceAll('_', ' ')
}

function ListingDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const listing = useListing(id)
  return (
    <DetailDrawer title={listing.data?.name ?? 'Listing'} opened={id !== undefined} onClose={onClose}>
      <QueryView query={listing} rows={10}>
        {(shown) => <ListingDetail listing={shown} onClose={onClose} />}
      </QueryView>
    </DetailDrawer>
  )
}

function ListingDetail({ listing, onClose }: { listing: ListingShown; onClose: () => void }) {
  const [dialog, setDialog] = useState<'edit' | 'delete'>()
  return (
    <Stack gap="md">
      <Group gap="sm">
        <StateBadge state={listing.state} />
        <Text size="sm">{reasonSentence(listing)}</Text>
      </Group>
      {listing.reviewReason ? (
        <Alert color="yellow" icon={<IconAlertTriangle aria-hidden />} title="Look at this listing">
          {reviewWords(listing.reviewReason)}
        </Alert>
      ) : null}
      <VerificationProgress listing={listing} />
      <Decisions listing={listing} />
      <Group gap="xs">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPencil size={14} aria-hidden />}
          onClick={() => setDialog('edit')}
        >
          Edit
        </Button>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTrash size={14} aria-hidden />}
          onClick={() => setDialog('delete')}
        >
          Delete
        </Button>
      </Group>
      <ListingFacts listing={listing} />
      <ListingState listing={listing} isNarrow />
      <ListingTrust listing={listing} />
      <EditListingDialog
        key={listing.updatedAt}
        opened={dialog === 'edit'}
        onClose={() => setDialog(undefined)}
        listing={listing}
      />
      <DeleteListingDialog
        listing={dialog === 'delete' ? listing : undefined}
        onClose={() => setDialog(undefined)}
        onDeleted={onClose}
      />
    </Stack>
  )
}

type Decided = NonNullable<ListingChange['state']>

const offMarket: readonly { state: Decided; label: string; means: string }[] = [
  {
    state: 'suspended',
    label: 'Suspend',
    means: 'It leaves the market at once; its seller can change it, and only an operator lets it return.',
  },
  {
    state: 'quarantined',
    label: 'Quarantine',
    means:
      'It leaves the market at once and its seller can neither resume nor delete it until you have decided.',
  },
  {
    state: 'disabled',
    label: 'Disable',
    means: 'It leaves the market at once and stays off until its key was verified anew.',
  },
]

/** What an operator can decide of a listing that stands where it does. */
function Decisions({ listing }: { listing: ListingShown }) {
  const change = useChangeListing(listing.id)
  const [asked, setAsked] = useState<(typeof offMarket)[number]>()
  const act = listing.state === 'quarantined' ? 'Verify again' : actOn(listing.state)
  const fail = (error: unknown): void =>
    void notifications.show({
      color: 'red',
      title: `“${listing.name}” is unchanged`,
      message: toApiError(error).message,
    })
  const go = (state: Decided): void =>
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
        onError: fail,
      },
    )
  return (
    <Group gap="xs" role="group" aria-label="Decisions">
      {act ? (
        <Button
          size="xs"
          loading={change.isPending}
          onClick={() => go(act === 'Pause' ? 'paused' : 'active')}
        >
          {act}
        </Button>
      ) : null}
      {offMarket
        .filter(({ state }) => mayBecome(listing.state, state))
        .map((each) => (
          <Button key={each.state} size="xs" variant="default" onClick={() => setAsked(each)}>
            {each.label}
          </Button>
        ))}
      <ConfirmDialog
        opened={asked !== undefined}
        title={`${asked?.label ?? ''} “${listing.name}”?`}
        confirm={asked?.label ?? ''}
        busy={change.isPending}
        error={change.error}
        onConfirm={() =>
          asked && change.mutate({ state: asked.state }, { onSuccess: () => setAsked(undefined) })
        }
        onClose={() => {
          change.reset()
          setAsked(undefined)
        }}
      >
        {asked?.means} Requests that are running finish.
      </ConfirmDialog>
    </Group>
  )
}

/** As the gateway's table of states has it for operators. */
function mayBecome(from: ListingShown['state'], to: Decided): boolean {
  if (from === to || from === 'quarantined') return false
  if (to === 'suspended') return ['active', 'verifying', 'paused', 'cooling'].includes(from)
  return to === 'quarantined' || from !== 'disabled'
}
