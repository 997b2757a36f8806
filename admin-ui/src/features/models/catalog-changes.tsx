import type { CatalogVersionShown, ModelChangeShown } from '@bourse/gateway/api/catalog'
import { Card, Group, Stack, Text } from '@mantine/core'
import { IconHistory } from '@tabler/icons-react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { formatPrice } from '../../lib/money.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { useCatalogChanges } from './queries.ts'

const CAUSES = [
  { value: 'start', label: 'updates of the gateway' },
  { value: 'calendar', label: 'prices with a date or hour' },
]

/** Each catalogue that was loaded and what it changed against the one before. */
export function CatalogChanges() {
  const { search, set } = usePageSearch()
  const versions = useCatalogChanges({ cause: search.cause })
  return (
    <Card>
      <Group mb="md">
        <FilterSelect name="cause" label="Whatever the cause" data={CAUSES} />
      </Group>
      <QueryView query={versions}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={IconHistory} title="No change is kept">
              When an update of the price data or of the override file changes a model or a price, it is told
              here.
            </EmptyState>
          ) : (
            <>
              <DataTable
                label="Catalogues that were loaded"
                columns={columns}
                rows={all}
                rowKey={({ id }) => id}
                open={{ go: ({ id }) => set({ version: id }), current: search.version }}
              />
              <VersionDrawer
                version={all.find(({ id }) => id === search.version)}
                onClose={() => set({ version: undefined })}
              />
            </>
          )
        }
      </QueryView>
      <LoadMore list={versions} />
    </Card>
  )
}

const columns: Column<CatalogVersionShown>[] = [
  { title: 'Loaded', cell: ({ loadedAt }) => <Moment at={loadedAt} /> },
  {
    title: 'Because',
    cell: ({ cause }) => (cause === 'start' ? 'a gateway started' : 'of the date or hour'),
  },
  { title: 'Models', align: 'end', cell: ({ models }) => <Count value={models} /> },
  { title: 'New', align: 'end', cell: ({ added }) => <Count value={added} /> },
  { title: 'Gone', align: 'end', cell: ({ removed }) => <Count value={removed} /> },
  { title: 'Dearer', align: 'end', cell: ({ dearer }) => <Count value={dearer} /> },
  { title: 'Cheaper', align: 'end', cell: ({ cheaper }) => <Count value={cheaper} /> },
]

function Count({ value }: { value: number }) {
  return <span className="figures">{value.toLocaleString('en-US')}</span>
}

function VersionDrawer({
  version,
  onClose,
}: {
  version: CatalogVersionShown | undefined
  onClose: () => void
}) {
  return (
    <DetailDrawer title="What this catalogue changed" opened={version !== undefined} onClose={onClose}>
      {version ? (
        <Stack gap="sm">
          <Text size="xs" c="dimmed" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
            {version.hash}
          </Text>
          {version.changes.length === 0 ? (
            <Text size="sm">Nothing: it is the first one that was kept, with {version.models} models.</Text>
          ) : (
            <DataTable
              label="Changes"
              dense
              columns={changeColumns}
              rows={version.changes}
              rowKey={({ model }) => model}
            />
          )}
          {version.isCut ? <Text size="sm">There were more; only the first are kept.</Text> : null}
        </Stack>
      ) : null}
    </DetailDrawer>
  )
}

const words: Readonly<Record<ModelChangeShown['what'], string>> = {
  added: 'new',
  removed: 'gone',
  price: 'another price',
  price_known: 'has a price now',
  price_unknown: 'lost its price',
  context: 'another context',
}

const changeColumns: Column<ModelChangeShown>[] = [
  { title: 'Model', cell: ({ model }) => model },
  { title: 'What', cell: ({ what }) => words[what] },
  { title: 'Before', cell: (change) => shown(change, 'before') },
  { title: 'Now', cell: (change) => shown(change, 'after') },
  {
    title: 'Input, output',
    align: 'end',
    cell: ({ inputPercent, outputPercent }) => (
      <span className="figures">
        {inputPercent === null && outputPercent === null
          ? ''
          : `${signed(inputPercent)}, ${signed(outputPercent)}`}
      </span>
    ),
  },
]

function shown(change: ModelChangeShown, side: 'before' | 'after'): string {
  if (change.what === 'context') {
    const context = side === 'before' ? change.contextBefore : change.contextAfter
    return context === null ? 'unknown' : `${context.toLocaleString('en-US')} tokens`
  }
  const price = change[side]
  if (price) return `${formatPrice(price.input)} / ${formatPrice(price.output)}`
  const isThere = side === 'before' ? change.what !== 'added' : change.what !== 'removed'
  return isThere ? 'no price' : 'not there'
}

function signed(percent: number | null): string {
  if (percent === null) return 'not known'
  return `${percent > 0 ? '+' : percent < 0 ? '\u2212' : ''}${Math.abs(percent)} %`
}
