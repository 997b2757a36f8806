import type { OfferShown } from '@bourse/gateway/api/marketplace'
import { Button, Group, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { comparePrices, formatPrice, priceDecimals } from '../../lib/money.ts'
import classes from './market.module.css'
import { Known, PriceMarks } from './offer-table.tsx'
import { groundWord, milliseconds, percent, standingWord } from './offer-words.ts'
import { UseSeller } from './use-seller.tsx'

interface Line {
  name: string
  cell: (offer: OfferShown) => ReactNode
  /** Orders offers, the best first; left out: there is no best. */
  better?: (a: OfferShown, b: OfferShown) => number
  /** Whether there is a figure to compare; left out: always. */
  known?: (offer: OfferShown) => boolean
}

/** Up to four offers in columns; the best of each line is bold and says so. */
export function CompareOffers({ offers, onClear }: { offers: readonly OfferShown[]; onClear: () => void }) {
  return (
    <div>
      <Group justify="space-between" mb="xs">
        <Text component="h2" fw={650} size="md">
          {offers.length} offers side by side
        </Text>
        <Button size="xs" variant="default" onClick={onClear}>
          Stop comparing
        </Button>
      </Group>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className={classes.compare} tabIndex={0} aria-label="Comparison">
        <table>
          <thead>
            <tr>
              <td />
              {offers.map(({ listing, name }) => (
                <th key={listing} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {linesOf(offers).map((line) => (
              <ComparedLine key={line.name} line={line} offers={offers} />
            ))}
          </tbody>
        </table>
      </section>
    </div>
  )
}

function ComparedLine({ line, offers }: { line: Line; offers: readonly OfferShown[] }) {
  const { better, known = () => true } = line
  const told = offers.filter(known)
  const best = better && [...told].sort(better)[0]
  // When all are equal, or only one has a figure, nobody is better.
  const isBest = (offer: OfferShown): boolean =>
    better !== undefined &&
    best !== undefined &&
    known(offer) &&
    better(offer, best) === 0 &&
    told.some((other) => better(best, other) < 0)
  return (
    <tr>
      <th scope="row">{line.name}</th>
      {offers.map((offer) => (
        <td key={offer.listing} data-label={offer.name} className={isBest(offer) ? classes.best : undefined}>
          <span>
            {line.cell(offer)}
            {isBest(offer) ? (
              <Text span size="xs" c="dimmed">
                {' '}
                best
              </Text>
            ) : null}
          </span>
        </td>
      ))}
    </tr>
  )
}

function linesOf(offers: readonly OfferShown[]): Line[] {
  const decimals = (read: (offer: OfferShown) => string) => priceDecimals(offers.map(read))
  const input = decimals(({ usdPerMTok }) => usdPerMTok.input)
  const output = decimals(({ usdPerMTok }) => usdPerMTok.output)
  const cached = decimals(({ usdPerMTok }) => usdPerMTok.cacheRead)
  return [
    { name: 'Provider', cell: ({ providerName }) => providerName },
    {
      name: 'Input / M tokens',
      cell: ({ usdPerMTok }) => <span className="figures">{formatPrice(usdPerMTok.input, input)}</span>,
      better: (a, b) => comparePrices(a.usdPerMTok.input, b.usdPerMTok.input),
    },
    {
      name: 'Output / M tokens',
      cell: (offer) => (
        <>
          <span className="figures">{formatPrice(offer.usdPerMTok.output, output)}</span>
          <PriceMarks offer={offer} />
        </>
      ),
      better: (a, b) => comparePrices(a.usdPerMTok.output, b.usdPerMTok.output),
    },
    {
      name: 'Cached input',
      cell: ({ usdPerMTok }) => <span className="figures">{formatPrice(usdPerMTok.cacheRead, cached)}</span>,
      better: (a, b) => comparePrices(a.usdPerMTok.cacheRead, b.usdPerMTok.cacheRead),
    },
    {
      name: 'Per request',
      cell: ({ usdPerRequest }) => (usdPerRequest === '0' ? 'nothing' : formatPrice(usdPerRequest)),
      better: (a, b) => comparePrices(a.usdPerRequest, b.usdPerRequest),
    },
    {
      name: 'First token',
      cell: ({ speed }) => <Known value={speed.ttftMsP50}>{milliseconds}</Known>,
      better: (a, b) => rising(a.speed.ttftMsP50, b.speed.ttftMsP50),
      known: ({ speed }) => speed.ttftMsP50 !== null,
    },
    {
      name: 'Tokens / s',
      cell: ({ speed }) => <Known value={speed.tokensPerSP50}>{(tokens) => tokens.toFixed(0)}</Known>,
      better: (a, b) => falling(a.speed.tokensPerSP50, b.speed.tokensPerSP50),
      known: ({ speed }) => speed.tokensPerSP50 !== null,
    },
    {
      name: 'Succeeded, 24 h',
      cell: ({ reliability }) => <Known value={reliability.successShare}>{percent}</Known>,
      better: (a, b) => falling(a.reliability.successShare, b.reliability.successShare),
      known: ({ reliability }) => reliability.successShare !== null,
    },
    {
      name: 'Reputation',
      cell: ({ reputation }) => <Known value={reputation?.score ?? null}>{percent}</Known>,
      better: (a, b) => falling(a.reputation?.score ?? null, b.reputation?.score ?? null),
      known: ({ reputation }) => reputation !== null,
    },
    { name: 'Standing', cell: standingWord },
    { name: 'Ground', cell: ({ ground }) => groundWord(ground) },
    {
      name: 'Use',
      cell: ({ listing, name }) => <UseSeller listing={listing} name={name} />,
    },
  ]
}

/** Unknown figures are never the best. */
function rising(a: number | null, b: number | null): number {
  if (a === b) return 0
  if (a === null) return 1
  return b === null ? -1 : a - b
}

function falling(a: number | null, b: number | null): number {
  if (a === null || b === null) return rising(a, b)
  return b - a
}
