import type { ModelOnOffer } from '@bourse/gateway/api/marketplace'
import { Group, Text } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatPrice, priceDecimals } from '../../lib/money.ts'

/** The models on offer, one a row, with the cheapest price of an offer that would serve now. */
export function ModelTable({
  models,
  onOpen,
}: {
  models: readonly ModelOnOffer[]
  onOpen: (model: string) => void
}) {
  const cheapest = models.flatMap((model) => model.cheapest ?? [])
  const input = priceDecimals(cheapest.map((price) => price.input))
  const output = priceDecimals(cheapest.map((price) => price.output))
  const columns: Column<ModelOnOffer>[] = [
    {
      title: 'Model',
      cell: ({ id, title }) => <TitleCell title={id}>{title === id ? null : title}</TitleCell>,
    },
    {
      title: 'Context',
      align: 'end',
      cell: ({ contextWindow }) => (
        <span className="figures">{contextWindow?.toLocaleString('en-US') ?? 'unknown'}</span>
      ),
    },
    {
      title: 'Input from, per M tokens',
      align: 'end',
      cell: ({ cheapest: price }) => <Price usd={price?.input} decimals={input} />,
    },
    {
      title: 'Output from, per M tokens',
      align: 'end',
      cell: ({ cheapest: price }) => <Price usd={price?.output} decimals={output} />,
    },
    {
      title: 'Offers available',
      align: 'end',
      cell: ({ offers, healthyOffers }) => (
        <Group gap={4} justify="flex-end" wrap="nowrap">
          <span className="figures">{healthyOffers}</span>
          <Text span size="xs" c="dimmed">
            of {offers}
          </Text>
        </Group>
      ),
    },
  ]
  return (
    <DataTable
      label="Models on offer"
      columns={columns}
      rows={models}
      rowKey={({ id }) => id}
      open={{
        go: ({ id }) => onOpen(id),
        href: ({ id }) => `/market?model=${encodeURIComponent(id)}`,
      }}
    />
  )
}

function Price({ usd, decimals }: { usd: string | undefined; decimals: number }) {
  if (usd === undefined)
    return (
      <Text span size="sm" c="dimmed">
        nobody available
      </Text>
    )
  return <span className="figures">{formatPrice(usd, decimals)}</span>
}
