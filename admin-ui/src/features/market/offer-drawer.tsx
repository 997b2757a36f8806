import type { OfferShown } from '@bourse/gateway/api/marketplace'
import { Badge, Group, Stack, Text } from '@mantine/core'
import { IconSearch } from '@tabler/icons-react'
import { CopyButton } from '../../components/copy-button.tsx'
import { DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { formatPrice, priceDecimals } from '../../lib/money.ts'
import { Known } from './offer-table.tsx'
import {
  FEATURES,
  groundWord,
  milliseconds,
  noRecord,
  percent,
  scheduleWord,
  standingSentence,
  standingWord,
} from './offer-words.ts'
import { useOffer } from './queries.ts'
import { UseSeller } from './use-seller.tsx'

/** One offer beside the list: everything that is known of it. */
export function OfferDrawer({
  model,
  listing,
  onClose,
}: {
  model: string
  listing: string | undefined
  onClose: () => void
}) {
  const found = useOffer(model, listing)
  const offer = found.data?.data.find((each) => each.listing === listing)
  return (
    <DetailDrawer title={offer?.name ?? 'Offer'} opened={listing !== undefined} onClose={onClose}>
      <QueryView query={found} rows={8}>
        {() =>
          offer ? (
            <OfferDetail offer={offer} />
          ) : (
            <EmptyState icon={IconSearch} title="This offer is not on the market">
              Its seller has paused it, or it was taken off. The other offers are in the list.
            </EmptyState>
          )
        }
      </QueryView>
    </DetailDrawer>
  )
}

function OfferDetail({ offer }: { offer: OfferShown }) {
  const { speed, reliability, reputation, headroom } = offer
  return (
    <Stack gap="lg">
      <Group justify="space-between" gap="sm">
        <Badge color={offer.standing === 'available' ? 'green' : 'yellow'}>{standingWord(offer)}</Badge>
        <UseSeller listing={offer.listing} name={offer.name} size="sm" />
      </Group>
      <Text size="sm">
        {standingSentence(offer)}{' '}
        {offer.standingUntil ? (
          <>
            Expected back <Moment at={offer.standingUntil} />.
          </>
        ) : null}
      </Text>
      <Facts
        facts={[
          { name: 'Model', value: offer.model },
          { name: 'Provider', value: offer.providerName },
          {
            name: 'Who answers',
            value: offer.backing === 'key' ? 'the provider itself' : 'a server of the seller’s',
          },
          { name: 'Ground', value: groundWord(offer.ground) },
          { name: 'Context', value: offer.contextWindow?.toLocaleString('en-US') ?? 'unknown' },
          { name: 'Longest answer', value: `${offer.maxOutputTokens.toLocaleString('en-US')} tokens` },
          { name: 'First token, median', value: <Known value={speed.ttftMsP50}>{milliseconds}</Known> },
          {
            name: 'Tokens a second, median',
            value: <Known value={speed.tokensPerSP50}>{(tokens) => tokens.toFixed(0)}</Known>,
          },
          {
            name: 'Succeeded',
            value:
              reliability.successShare === null ? (
                noRecord
              ) : (
                <>
                  {percent(reliability.successShare)} of {reliability.attempts.toLocaleString('en-US')}{' '}
                  attempts since <Moment at={reliability.since} />
                </>
              ),
          },
          {
            name: 'Reputation',
            value: reputation
              ? `score ${percent(reputation.score)}, from ${reputation.samples === 1 ? '1 attempt' : `${reputation.samples.toLocaleString('en-US')} attempts`}`
              : noRecord,
          },
          { name: 'Room left', value: headroom === null ? 'no limit set' : percent(headroom) },
          { name: 'Does not take', value: <Lacking lacks={offer.lacks} /> },
          {
            name: 'Listing',
            value: (
              <Group gap={4} component="span" wrap="nowrap">
                <Text span size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
                  {offer.listing}
                </Text>
                <CopyButton value={offer.listing} label="Copy listing id" />
              </Group>
            ),
          },
        ]}
      />
      <Prices offer={offer} />
    </Stack>
  )
}

function Lacking({ lacks }: { lacks: readonly string[] }) {
  if (lacks.length === 0) return 'nothing that we know of'
  const labels = new Map(FEATURES.map(({ value, label }) => [value, label.toLowerCase()]))
  return lacks.map((name) => labels.get(name) ?? name.replaceAll('_', ' ')).join(', ')
}

const CLASSES = [
  ['input', 'Input'],
  ['cacheRead', 'Cached input'],
  ['cacheWrite', 'Written to the cache'],
  ['output', 'Output'],
  ['audioInput', 'Audio in'],
  ['audioOutput', 'Audio out'],
] as const

function Prices({ offer }: { offer: OfferShown }) {
  const { usdPerMTok, announced, tiers = [] } = offer
  const moves = scheduleWord(offer)
  const decimals = priceDecimals(CLASSES.map(([name]) => usdPerMTok[name]))
  const next = announced?.usdPerMTok
  return (
    <Stack gap="xs">
      <Text fw={600} size="sm" component="h3">
        USD per million tokens{moves ? `, moving ${moves}` : ''}
      </Text>
      <DataTable
        label="Prices"
        dense
        rows={CLASSES}
        rowKey={([name]) => name}
        columns={[
          { title: 'Class', cell: ([, label]) => label },
          {
            title: 'Now',
            align: 'end',
            cell: ([name]) => <span className="figures">{formatPrice(usdPerMTok[name], decimals)}</span>,
          },
          ...(next
            ? [
                {
                  title: 'Announced',
                  align: 'end' as const,
                  cell: ([name]: (typeof CLASSES)[number]) => (
                    <span className="figures">{formatPrice(next[name], decimals)}</span>
                  ),
                },
              ]
            : []),
        ]}
      />
      {offer.usdPerRequest === '0' ? null : (
        <Text size="sm">And {formatPrice(offer.usdPerRequest)} per request.</Text>
      )}
      {tiers.map((tier) => (
        <Text size="sm" key={tier.aboveInputTokens}>
          Above {tier.aboveInputTokens.toLocaleString('en-US')} prompt tokens:{' '}
          {formatPrice(tier.usdPerMTok.input)} in, {formatPrice(tier.usdPerMTok.output)} out.
        </Text>
      ))}
      {announced ? (
        <Text size="sm" c="dimmed">
          The announced price holds from <Moment at={announced.effectiveFrom} />.
        </Text>
      ) : null}
    </Stack>
  )
}
