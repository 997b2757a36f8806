import type { OfferShown } from '@bourse/gateway/api/marketplace'
import { Anchor, Card, Group, Stack, Switch, Text, TextInput } from '@mantine/core'
import { IconArrowLeft, IconSearch } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { CopyButton } from '../../components/copy-button.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { formatMoment } from '../../lib/time.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { CompareOffers } from './compare-offers.tsx'
import { FeatureFilter } from './market-filters.tsx'
import { OfferDrawer } from './offer-drawer.tsx'
import { OfferTable } from './offer-table.tsx'
import { useOffers } from './queries.ts'

const mostCompared = 4

const SORTS = [
  { value: 'price', label: 'Cheapest first' },
  { value: 'speed', label: 'Fastest first' },
  { value: 'reliability', label: 'Most reliable first' },
  { value: 'reputation', label: 'Best reputation first' },
]

/** Who sells this model, and whose offer do I take? */
export function OffersPage({ model }: { model: string }) {
  const { search, set } = usePageSearch()
  const { q, features, healthy, sort, provider, open } = search
  const offers = useOffers({ model, q, features, healthy, sort, provider })
  const compared = search.compare?.split(',').filter((id) => id !== '') ?? []
  const mark = (listing: string): void => {
    const left = compared.filter((id) => id !== listing)
    const next = left.length < compared.length ? left : [...compared, listing].slice(-mostCompared)
    set({ compare: next.join(',') })
  }
  const show = (listing: string | undefined): void => set({ open: listing })
  return (
    <Page
      title={model}
      lead="Every offer of this model side by side. Use one, and your key goes there from the next request on."
      actions={<CopyButton value={model} label={`Copy ${model}`} text="Copy model id" />}
    >
      <Anchor component={Link} to="/market" size="sm">
        <Group gap={4} component="span">
          <IconArrowLeft size={15} aria-hidden /> All models
        </Group>
      </Anchor>
      <Card>
        <Filters />
        <QueryView query={offers} rows={6}>
          {(all) => (
            <Stack gap="lg">
              {all.length === 0 ? (
                <Nobody isFiltered={Boolean(q || features || healthy || provider)} />
              ) : (
                <OfferTable offers={all} compared={compared} onCompare={mark} onOpen={show} open={open} />
              )}
              <Compared offers={all} ids={compared} onClear={() => set({ compare: undefined })} />
            </Stack>
          )}
        </QueryView>
        <LoadMore list={offers} />
        <Text size="xs" c="dimmed" mt="md">
          {offers.dataUpdatedAt > 0
            ? `Prices and standing of ${formatMoment(new Date(offers.dataUpdatedAt).toISOString())}; looked at again every 15 seconds. Tick up to four offers to see them side by side.`
            : ' '}
        </Text>
      </Card>
      <OfferDrawer model={model} listing={open} onClose={() => show(undefined)} />
    </Page>
  )
}

function Filters() {
  const { search, set } = usePageSearch()
  return (
    <Group mb="md" gap="sm">
      <TextInput
        aria-label="Search offers"
        placeholder="Search by seller or provider"
        leftSection={<IconSearch size={16} aria-hidden />}
        value={search.q ?? ''}
        onChange={({ currentTarget }) => set({ q: currentTarget.value })}
        flex="1 1 12rem"
        maw={{ sm: 280 }}
      />
      <FeatureFilter />
      <FilterSelect name="sort" label="Cheapest first" data={SORTS} />
      <Switch
        label="Available now only"
        checked={search.healthy === 'true'}
        onChange={({ currentTarget }) => set({ healthy: currentTarget.checked ? 'true' : undefined })}
      />
    </Group>
  )
}

function Compared({
  offers,
  ids,
  onClear,
}: {
  offers: readonly OfferShown[]
  ids: readonly string[]
  onClear: () => void
}) {
  const chosen = ids.flatMap((id) => offers.find(({ listing }) => listing === id) ?? [])
  return chosen.length < 2 ? null : <CompareOffers offers={chosen} onClear={onClear} />
}

function Nobody({ isFiltered }: { isFiltered: boolean }) {
  return isFiltered ? (
    <EmptyState icon={IconSearch} title="No offer passes these filters">
      Ask for fewer features, or show also those that are not available now.
    </EmptyState>
  ) : (
    <EmptyState icon={IconSearch} title="Nobody sells this model now">
      It may come back; the other models are on the market page.
    </EmptyState>
  )
}
