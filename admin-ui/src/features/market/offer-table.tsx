import type { OfferShown } from '@bourse/gateway/api/marketplace'
import { Badge, Box, Checkbox, Group, Text, Tooltip } from '@mantine/core'
import type { ReactNode } from 'react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { formatPrice, priceDecimals } from '../../lib/money.ts'
import { milliseconds, noRecord, percent, scheduleWord, standingWord } from './offer-words.ts'
import { ShareBar } from './share-bar.tsx'
import { UseSeller } from './use-seller.tsx'

interface OfferTableProps {
  offers: readonly OfferShown[]
  compared: readonly string[]
  onCompare: (listing: string) => void
  onOpen: (listing: string) => void
  open: string | undefined
}

/** Offers of one model, a row each: price, speed, reliability, reputation, and the way to use one. */
export function OfferTable({ offers, compared, onCompare, onOpen, open }: OfferTableProps) {
  return (
    <DataTable
      label="Offers"
      columns={columnsOf({ offers, compared, onCompare })}
      rows={offers}
      rowKey={({ listing }) => listing}
      open={{ go: ({ listing }) => onOpen(listing), current: open }}
    />
  )
}

function columnsOf({
  offers,
  compared,
  onCompare,
}: Pick<OfferTableProps, 'offers' | 'compared' | 'onCompare'>): Column<OfferShown>[] {
  const dearest = Math.max(...offers.flatMap(({ usdPerMTok }) => [Number(usdPerMTok.output)]), 0)
  const dearestInput = Math.max(...offers.map(({ usdPerMTok }) => Number(usdPerMTok.input)), 0)
  const fastest = Math.max(...offers.map(({ speed }) => speed.tokensPerSP50 ?? 0), 0)
  const input = priceDecimals(offers.map(({ usdPerMTok }) => usdPerMTok.input))
  const output = priceDecimals(offers.map(({ usdPerMTok }) => usdPerMTok.output))
  return [
    {
      title: 'Seller',
      cell: (offer) => (
        <Box miw={150}>
          <TitleCell title={offer.name}>
            {offer.providerName} · {standingWord(offer)}
          </TitleCell>
        </Box>
      ),
    },
    {
      title: 'Input / M',
      align: 'end',
      cell: ({ usdPerMTok }) => (
        <ShareBar share={part(Number(usdPerMTok.input), dearestInput)}>
          {formatPrice(usdPerMTok.input, input)}
        </ShareBar>
      ),
    },
    {
      title: 'Output / M',
      align: 'end',
      cell: (offer) => (
        <>
          <ShareBar share={part(Number(offer.usdPerMTok.output), dearest)}>
            {formatPrice(offer.usdPerMTok.output, output)}
          </ShareBar>
          <PriceMarks offer={offer} />
        </>
      ),
    },
    {
      title: 'First token · pace',
      align: 'end',
      cell: ({ speed }) => (
        <>
          <Known value={speed.ttftMsP50}>{milliseconds}</Known>
          {speed.tokensPerSP50 === null ? null : (
            <Text size="xs" c="dimmed" component="div">
              <ShareBar share={part(speed.tokensPerSP50, fastest)}>
                {speed.tokensPerSP50.toFixed(0)} tokens/s
              </ShareBar>
            </Text>
          )}
        </>
      ),
    },
    {
      title: 'Succeeded 24 h',
      align: 'end',
      cell: ({ reliability }) => (
        <Known value={reliability.successShare}>
          {(share) => <ShareBar share={share}>{percent(share)}</ShareBar>}
        </Known>
      ),
    },
    {
      title: 'Reputation',
      align: 'end',
      cell: ({ reputation }) => (
        <Known value={reputation?.score ?? null}>
          {(score) => <ShareBar share={score}>{percent(score)}</ShareBar>}
        </Known>
      ),
    },
    {
      title: 'Actions',
      actions: true,
      cell: ({ listing, name }) => (
        <Group gap="sm" justify="flex-end" wrap="nowrap" display="inline-flex">
          <Tooltip label="Compare">
            <Checkbox
              size="xs"
              aria-label={`Compare ${name}`}
              checked={compared.includes(listing)}
              onChange={() => onCompare(listing)}
            />
          </Tooltip>
          <UseSeller listing={listing} name={name} />
        </Group>
      ),
    },
  ]
}

/** How the price will move: an announced one, and one that moves by itself. */
export function PriceMarks({ offer }: { offer: OfferShown }) {
  const moves = scheduleWord(offer)
  const { announced } = offer
  if (!moves && !announced) return null
  return (
    <Group gap={4} justify="flex-end" mt={4}>
      {moves ? <Badge size="sm">{moves}</Badge> : null}
      {announced ? (
        <Text size="xs" c="dimmed" ta="right">
          {formatPrice(announced.usdPerMTok.input)} / {formatPrice(announced.usdPerMTok.output)} from{' '}
          <Moment at={announced.effectiveFrom} />
        </Text>
      ) : null}
    </Group>
  )
}

/** A figure, or that there is none yet: nothing is made up. */
export function Known({ value, children }: { value: number | null; children: (value: number) => ReactNode }) {
  if (value === null)
    return (
      <Text span size="xs" c="dimmed">
        {noRecord}
      </Text>
    )
  return <span className="figures">{children(value)}</span>
}

function part(value: number, most: number): number | null {
  return most > 0 ? value / most : null
}
