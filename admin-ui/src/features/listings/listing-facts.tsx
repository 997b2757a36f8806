import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Group, Text } from '@mantine/core'
import { CopyButton } from '../../components/copy-button.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { groundLabel } from './ground-words.ts'
import { LIMITS } from './listing-values.ts'

/** What is written down of a listing; its key is not among it. */
export function ListingFacts({ listing }: { listing: ListingShown }) {
  const { verification } = listing
  const limits = LIMITS.flatMap(({ name, label }) => {
    const value = listing.capacity[name]
    if (value === null) return []
    return [{ name: label, value: typeof value === 'number' ? value.toLocaleString('en-US') : `$${value}` }]
  })
  return (
    <Facts
      facts={[
        { name: 'Provider', value: listing.provider },
        { name: 'Base URL', value: listing.baseUrl },
        { name: 'Key', value: listing.keyHint ? `sealed; ends in ${listing.keyHint}` : 'sealed' },
        { name: 'Ground', value: groundLabel(listing.ground) },
        {
          name: 'Attested',
          value: (
            <>
              <Moment at={listing.groundAttestedAt} />
              {listing.groundAttestedBy ? ` by ${listing.groundAttestedBy}` : ''}
            </>
          ),
        },
        {
          name: 'Last seen to work',
          value: verification?.verifiedAt ? <Moment at={verification.verifiedAt} /> : 'not yet',
        },
        ...(limits.length > 0 ? limits : [{ name: 'Capacity', value: 'no limit' }]),
        { name: 'Listed', value: <Moment at={listing.createdAt} /> },
        { name: 'Changed', value: <Moment at={listing.updatedAt} /> },
        {
          name: 'Id',
          value: (
            <Group gap={4} component="span" wrap="nowrap">
              <Text span size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                {listing.id}
              </Text>
              <CopyButton value={listing.id} label="Copy listing id" />
            </Group>
          ),
        },
      ]}
    />
  )
}
