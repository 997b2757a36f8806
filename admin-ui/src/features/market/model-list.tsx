import { Collapse, Text, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconChevronRight } from '@tabler/icons-react'
import { useId } from 'react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatPrice, priceDecimals } from '../../lib/money.ts'
import classes from './model-list.module.css'
import { cheapest, isOnOffer, type MarketModel, type MarketOffer } from './queries.ts'

const noPrice = '–'

/** One line a model with its best price; its offers open below it. */
export function ModelList({ models }: { models: readonly MarketModel[] }) {
  const input = priceDecimals(models.flatMap((model) => cheapest(model, 'inputUsdPerMTok') ?? []))
  const output = priceDecimals(models.flatMap((model) => cheapest(model, 'outputUsdPerMTok') ?? []))
  return (
    <div>
      <div className={`${classes.summary} ${classes.head}`} aria-hidden>
        <span />
        <span>Model</span>
        <span className={classes.number}>Context</span>
        <span className={classes.number}>Input from</span>
        <span className={classes.number}>Output from</span>
        <span className={classes.number}>Offers</span>
      </div>
      {models.map((model) => (
        <ModelRow key={model.id} model={model} decimals={{ input, output }} />
      ))}
    </div>
  )
}

interface ModelRowProps {
  model: MarketModel
  decimals: { input: number; output: number }
}

function ModelRow({ model, decimals }: ModelRowProps) {
  const [opened, { toggle }] = useDisclosure(false)
  const panel = useId()
  const ready = model.offers.filter((offer) => offer.state === 'active').length
  const cells = [
    { name: 'Context', value: model.contextWindow?.toLocaleString('en-US') ?? noPrice },
    { name: 'Input from', value: priceOr(cheapest(model, 'inputUsdPerMTok'), decimals.input) },
    { name: 'Output from', value: priceOr(cheapest(model, 'outputUsdPerMTok'), decimals.output) },
    { name: 'Offers', value: `${ready} of ${model.offers.length}` },
  ]
  return (
    <div className={classes.row}>
      <UnstyledButton
        className={classes.summary}
        onClick={toggle}
        aria-expanded={opened}
        aria-controls={panel}
      >
        <IconChevronRight size={16} className={classes.caret} data-open={opened || undefined} aria-hidden />
        <span className={classes.name}>
          {model.id}
          {isOnOffer(model) ? null : (
            <Text component="span" size="xs" c="dimmed" ml="xs">
              nobody sells it now
            </Text>
          )}
        </span>
        {cells.map((cell) => (
          <span key={cell.name} className={`${classes.number} figures`}>
            <span className={classes.small}>{cell.name}</span>
            {cell.value}
          </span>
        ))}
      </UnstyledButton>
      <Collapse expanded={opened} id={panel} className={classes.offers}>
        <Offers model={model} />
      </Collapse>
    </div>
  )
}

function priceOr(price: string | undefined, decimals: number): string {
  return price === undefined ? noPrice : formatPrice(price, decimals)
}

function Offers({ model }: { model: MarketModel }) {
  const input = priceDecimals(model.offers.flatMap((offer) => offer.inputUsdPerMTok ?? []))
  const output = priceDecimals(model.offers.flatMap((offer) => offer.outputUsdPerMTok ?? []))
  const columns: Column<MarketOffer>[] = [
    { title: 'Provider', cell: (offer) => <TitleCell title={offer.provider}>{offer.listingId}</TitleCell> },
    { title: 'State', cell: (offer) => <StateBadge state={offer.state} /> },
    {
      title: 'Input / M tokens',
      align: 'end',
      cell: (offer) => <Price price={offer.inputUsdPerMTok} decimals={input} />,
    },
    {
      title: 'Output / M tokens',
      align: 'end',
      cell: (offer) => <Price price={offer.outputUsdPerMTok} decimals={output} />,
    },
  ]
  return (
    <DataTable
      label={`Offers of ${model.id}`}
      rows={model.offers}
      rowKey={(offer) => offer.listingId}
      columns={columns}
    />
  )
}

function Price({ price, decimals }: { price: string | undefined; decimals: number }) {
  return <span className="figures">{priceOr(price, decimals)}</span>
}
