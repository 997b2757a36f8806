import type { ListingShown, PriceVersionShown } from '@bourse/gateway/api/marketplace'
import { Badge, Card } from '@mantine/core'
import { IconHistory } from '@tabler/icons-react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatPrice } from '../../lib/money.ts'
import { priceWords } from './price-values.ts'
import { usePriceVersions } from './queries.ts'

/** Every price that the listing has had or announced. */
export function PriceHistory({ listing }: { listing: ListingShown }) {
  const versions = usePriceVersions(listing.id)
  return (
    <Card>
      <QueryView query={versions}>
        {(all) =>
          all.length === 0 ? (
            <EmptyState icon={IconHistory} title="No price yet">
              The first price of each model appears here when the listing is created.
            </EmptyState>
          ) : (
            <DataTable label="Price history" dense columns={columns} rows={all} rowKey={({ id }) => id} />
          )
        }
      </QueryView>
      <LoadMore list={versions} />
    </Card>
  )
}

const columns: Column<PriceVersionShown>[] = [
  {
    title: 'Model',
    cell: ({ model, version }) => <TitleCell title={model}>version {version}</TitleCell>,
  },
  { title: 'State', cell: ({ state }) => <Badge color={colors[state]}>{state.replaceAll('_', ' ')}</Badge> },
  { title: 'Price', cell: ({ price }) => ruleWords(price) },
  { title: 'From', cell: ({ effectiveFrom }) => <Moment at={effectiveFrom} /> },
  {
    title: 'Until',
    cell: ({ effectiveUntil, state }) =>
      effectiveUntil ? (
        <Moment at={effectiveUntil} />
      ) : state === 'cancelled' ? (
        'never began'
      ) : (
        'further notice'
      ),
  },
]

const colors: Readonly<Record<PriceVersionShown['state'], string>> = {
  in_force: 'green',
  announced: 'indigo',
  past: 'gray',
  cancelled: 'gray',
}

function ruleWords(rule: PriceVersionShown['price']): string {
  if (rule.kind !== 'fixed') return priceWords(rule)
  return `${formatPrice(rule.perMTok.input)} in · ${formatPrice(rule.perMTok.output)} out / M`
}
