import type { CatalogModelShown } from '@bourse/gateway/api/catalog'
import { Anchor, Card, Group, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { CopyButton } from '../../components/copy-button.tsx'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Facts } from '../../components/facts.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StatTile } from '../../components/stat-tile.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatPrice, priceDecimals } from '../../lib/money.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { useCatalog, useCatalogModel } from './queries.ts'

const WITHOUT = [
  { value: 'price', label: 'without a list price' },
  { value: 'offers', label: 'without an offer' },
]

/** Every model of the catalogue with its list price, context and offers. */
export function CatalogModels() {
  const { search, set } = usePageSearch()
  const { q, without, open } = search
  const catalog = useCatalog({ q, without })
  const linked = useCatalogModel(open)
  return (
    <QueryView query={catalog} rows={10}>
      {({ models, totals }) => (
        <Stack gap="md">
          <SimpleGrid cols={{ base: 1, xs: 3 }}>
            <StatTile title="Models" value={totals.total} note="in the catalogue" />
            <StatTile
              title="Without a list price"
              value={totals.withoutPrice}
              note="only a fixed price can be asked"
            />
            <StatTile title="Without an offer" value={totals.withoutOffers} note="nobody sells them now" />
          </SimpleGrid>
          <Card>
            <Group mb="md" gap="sm">
              <TextInput
                aria-label="Search models"
                placeholder="Part of a name or alias"
                leftSection={<IconSearch size={16} aria-hidden />}
                value={q ?? ''}
                onChange={({ currentTarget }) => set({ q: currentTarget.value })}
                flex="1 1 12rem"
                maw={{ sm: 320 }}
              />
              <FilterSelect name="without" label="All models" data={WITHOUT} />
            </Group>
            {models.length === 0 ? (
              <EmptyState icon={IconSearch} title="No model matches">
                Try a part of its name, or take the filter away.
              </EmptyState>
            ) : (
              <DataTable
                label="Models"
                dense
                columns={columnsOf(models)}
                rows={models}
                rowKey={({ id }) => id}
                open={{ go: ({ id }) => set({ open: id }), current: open }}
              />
            )}
            <LoadMore list={catalog} />
          </Card>
          <ModelDrawer
            model={open === undefined ? undefined : (models.find(({ id }) => id === open) ?? linked)}
            onClose={() => set({ open: undefined })}
          />
        </Stack>
      )}
    </QueryView>
  )
}

function columnsOf(models: readonly CatalogModelShown[]): Column<CatalogModelShown>[] {
  const input = priceDecimals(models.flatMap(({ listPrice }) => listPrice?.input ?? []))
  const output = priceDecimals(models.flatMap(({ listPrice }) => listPrice?.output ?? []))
  return [
    { title: 'Model', cell: ({ id, title }) => <TitleCell title={id}>{title}</TitleCell> },
    {
      title: 'Input / M',
      align: 'end',
      cell: ({ listPrice }) => <Usd usd={listPrice?.input} decimals={input} />,
    },
    {
      title: 'Output / M',
      align: 'end',
      cell: ({ listPrice }) => <Usd usd={listPrice?.output} decimals={output} />,
    },
    {
      title: 'Context',
      align: 'end',
      cell: ({ contextWindow }) => (
        <span className="figures">{contextWindow?.toLocaleString('en-US') ?? 'unknown'}</span>
      ),
    },
    {
      title: 'Priced by',
      cell: ({ sources, pricedSince }) => (
        <Text size="xs" c="dimmed" component="div">
          {sourceWord(sources.listPrice)}
          {pricedSince ? (
            <>
              {' '}
              since <Moment at={pricedSince} as="day" />
            </>
          ) : null}
        </Text>
      ),
    },
    { title: 'Offers', align: 'end', cell: ({ offers }) => <span className="figures">{offers}</span> },
  ]
}

function sourceWord(source = 'unknown'): string {
  return source.startsWith('config/') ? 'the override file' : 'the price package'
}

function Usd({ usd, decimals }: { usd: string | undefined; decimals: number }) {
  if (usd === undefined)
    return (
      <Text span size="xs" c="dimmed">
        no price
      </Text>
    )
  return <span className="figures">{formatPrice(usd, decimals)}</span>
}

const sourceNames: Readonly<Record<string, string>> = {
  listPrice: 'List price',
  contextWindow: 'Context',
  maxOutputTokens: 'Longest answer',
  tokenizer: 'Tokens counted',
  createdS: 'Released',
}

function ModelDrawer({ model, onClose }: { model: CatalogModelShown | undefined; onClose: () => void }) {
  return (
    <DetailDrawer title={model?.id ?? 'Model'} opened={model !== undefined} onClose={onClose}>
      {model ? <ModelDetail model={model} /> : null}
    </DetailDrawer>
  )
}

function ModelDetail({ model }: { model: CatalogModelShown }) {
  const { listPrice, sources, aliases, lacks } = model
  return (
    <Stack gap="md">
      <Group gap="xs">
        <CopyButton value={model.id} label="Copy model id" />
        {model.offers > 0 ? (
          <Anchor component={Link} to="/market" search={{ model: model.id } as never} size="sm">
            {model.offers === 1 ? 'Its offer on the market' : `Its ${model.offers} offers on the market`}
          </Anchor>
        ) : (
          <Text size="sm">Nobody sells it now.</Text>
        )}
      </Group>
      <Facts
        facts={[
          { name: 'Name', value: model.title },
          { name: 'Also called', value: aliases.length === 0 ? 'nothing else' : aliases.join(', ') },
          { name: 'Input / M tokens', value: listPrice ? formatPrice(listPrice.input) : 'no list price' },
          { name: 'Output / M tokens', value: listPrice ? formatPrice(listPrice.output) : 'no list price' },
          ...(listPrice
            ? [
                { name: 'Cached input', value: formatPrice(listPrice.cacheRead) },
                { name: 'Written to the cache', value: formatPrice(listPrice.cacheWrite) },
                ...listPrice.tiers.map(({ aboveInputTokens, input, output }) => ({
                  name: `Above ${aboveInputTokens.toLocaleString('en-US')} tokens`,
                  value: `${formatPrice(input)} in, ${formatPrice(output)} out`,
                })),
              ]
            : []),
          { name: 'Context', value: model.contextWindow?.toLocaleString('en-US') ?? 'unknown' },
          { name: 'Longest answer', value: `${model.maxOutputTokens.toLocaleString('en-US')} tokens` },
          { name: 'Does not take', value: lacks.length === 0 ? 'nothing that we know of' : lacks.join(', ') },
        ]}
      />
      <Text component="h3" fw={600} size="sm">
        Where these come from
      </Text>
      <Facts
        facts={Object.entries(sources).map(([name, value]) => ({ name: sourceNames[name] ?? name, value }))}
      />
    </Stack>
  )
}
