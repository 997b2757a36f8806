import type { ListingShown } from '@bourse/gateway/api/marketplace'
import { Anchor, Card, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatPrice, priceDecimals } from '../../lib/money.ts'
import { priceWords } from './price-values.ts'

type Offered = ListingShown['models'][number]

/** What a listing offers: each model, how it is priced, what it costs now and what is announced. */
export function ListingModels({ listing }: { listing: ListingShown }) {
  const decimals = priceDecimals(
    listing.models.flatMap(({ usdPerMTok }) => (usdPerMTok ? [usdPerMTok.input, usdPerMTok.output] : [])),
  )
  const columns: Column<Offered>[] = [
    {
      title: 'Model',
      cell: ({ model, upstreamModel }) => (
        <TitleCell title={model}>
          {model.endsWith(`/${upstreamModel}`) ? null : `sent as ${upstreamModel}`}
        </TitleCell>
      ),
    },
    { title: 'Priced', cell: ({ price }) => (price ? priceWords(price) : 'no price') },
    {
      title: 'Input / M',
      align: 'end',
      cell: ({ usdPerMTok }) => <Usd usd={usdPerMTok?.input} decimals={decimals} />,
    },
    {
      title: 'Output / M',
      align: 'end',
      cell: ({ usdPerMTok }) => <Usd usd={usdPerMTok?.output} decimals={decimals} />,
    },
    { title: 'Announced', cell: (offered) => <AnnouncedPrice offered={offered} /> },
    {
      title: 'Actions',
      actions: true,
      cell: ({ model }) => (
        <Anchor
          component={Link}
          to="/market"
          search={{ model, open: listing.id } as never}
          size="sm"
          aria-label={`${model} on the market page`}
        >
          On the market
        </Anchor>
      ),
    },
  ]
  return (
    <Card>
      <DataTable label="Models" columns={columns} rows={listing.models} rowKey={({ model }) => model} />
    </Card>
  )
}

function Usd({ usd, decimals }: { usd: string | undefined; decimals: number }) {
  if (usd === undefined)
    return (
      <Text span size="xs" c="dimmed">
        not known
      </Text>
    )
  return <span className="figures">{formatPrice(usd, decimals)}</span>
}

function AnnouncedPrice({ offered: { announcedPrice } }: { offered: Offered }) {
  if (!announcedPrice)
    return (
      <Text span size="xs" c="dimmed">
        nothing
      </Text>
    )
  const { usdPerMTok, price, effectiveFrom } = announcedPrice
  return (
    <Text size="sm" component="div">
      {usdPerMTok
        ? `${formatPrice(usdPerMTok.input)} / ${formatPrice(usdPerMTok.output)}`
        : priceWords(price)}
      <Text size="xs" c="dimmed" component="div">
        from <Moment at={effectiveFrom} />
      </Text>
    </Text>
  )
}
