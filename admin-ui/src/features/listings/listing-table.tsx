import { Button, Group, Text } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import type { Capacity, Listing } from './queries.ts'

/** More models than this are counted, not named. */
const namedModels = 3

interface ListingTableProps {
  listings: readonly Listing[]
  /** The listing whose state is being changed. */
  busyId: string | undefined
  onToggle: (listing: Listing) => void
  onDelete: (listing: Listing) => void
}

export function ListingTable({ listings, ...actions }: ListingTableProps) {
  return (
    <DataTable
      label="Listings"
      rows={listings}
      rowKey={(listing) => listing.id}
      columns={columnsOf(actions)}
    />
  )
}

function columnsOf(actions: Omit<ListingTableProps, 'listings'>): Column<Listing>[] {
  return [
    { title: 'Name', cell: (listing) => <TitleCell title={listing.name}>{listing.provider}</TitleCell> },
    { title: 'State', cell: State },
    { title: 'Models', cell: Models },
    {
      title: 'Capacity',
      cell: (listing) => (
        <Text size="sm" className="figures" style={{ whiteSpace: 'pre-line' }}>
          {capacityOf(listing.capacity)}
        </Text>
      ),
    },
    { title: 'Actions', actions: true, cell: (listing) => <Actions listing={listing} {...actions} /> },
  ]
}

function State({ state, stateReason, verification }: Listing) {
  const isInTheMaking = state === 'draft' || state === 'verifying'
  const why = (isInTheMaking ? verification : undefined) ?? stateReason
  return (
    <div>
      <StateBadge state={state} />
      {why ? (
        <Text size="xs" c="dimmed" mt={4} maw={200}>
          {why}
        </Text>
      ) : null}
    </div>
  )
}

function Models({ models }: Listing) {
  const more = models.length - namedModels
  return (
    <div>
      {models.slice(0, namedModels).map(({ model, price }) => (
        <Text key={model} size="sm" style={{ overflowWrap: 'anywhere' }}>
          {model}
          <Text component="span" display="block" size="xs" c="dimmed" className="figures">
            {price}
          </Text>
        </Text>
      ))}
      {more > 0 ? (
        <Text size="xs" c="dimmed" title={models.map(({ model }) => model).join('\n')}>
          and {more} more
        </Text>
      ) : null}
    </div>
  )
}

function Actions({
  listing,
  busyId,
  onToggle,
  onDelete,
}: Omit<ListingTableProps, 'listings'> & { listing: Listing }) {
  const act = actOn(listing.state)
  return (
    <Group gap="xs" justify="flex-end" wrap="nowrap" display="inline-flex">
      {act ? (
        <Button
          size="xs"
          variant="default"
          loading={busyId === listing.id}
          aria-label={`${act} ${listing.name}`}
          onClick={() => onToggle(listing)}
        >
          {act}
        </Button>
      ) : null}
      <Button
        size="xs"
        variant="default"
        aria-label={`Delete ${listing.name}`}
        onClick={() => onDelete(listing)}
      >
        Delete
      </Button>
    </Group>
  )
}

/** What a listing in this state can be made to do: leave the market, return to it, or show that its key works. */
function actOn(state: string): 'Pause' | 'Resume' | 'Verify' | undefined {
  if (state === 'active' || state === 'cooling' || state === 'verifying') return 'Pause'
  if (state === 'paused') return 'Resume'
  return state === 'draft' || state === 'disabled' || state === 'suspended' ? 'Verify' : undefined
}

function capacityOf({ requestsPerMinute, tokensPerMinute, concurrency }: Capacity): string {
  const parts = [
    requestsPerMinute === undefined ? undefined : `${requestsPerMinute.toLocaleString('en-US')} requests/min`,
    tokensPerMinute === undefined ? undefined : `${tokensPerMinute.toLocaleString('en-US')} tokens/min`,
    concurrency === undefined ? undefined : `${concurrency.toLocaleString('en-US')} at once`,
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? 'no limit' : parts.join('\n')
}
