import type { PricePreviewShown, PriceRuleShown } from '@bourse/gateway/api/marketplace'
import { Alert, Card, Group, SimpleGrid, Stack, Text } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { DataTable } from '../../components/data-table.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { TrendChart } from '../../components/trend-chart.tsx'
import { decimalsFor, formatPrice, parseNanos, priceDecimals } from '../../lib/money.ts'
import { usePricePreview } from './queries.ts'

// One question for a word that is typed, not one a letter.
const typingMs = 350

/** What a price comes to, before it is asked: now, by load, over the week, and on the last 24 hours' requests. */
export function PricePreview({
  model,
  rule,
  listing,
}: {
  model: string
  /** A sentence in its place says what the form still lacks. */
  rule: PriceRuleShown | string
  listing?: string | undefined
}) {
  const said = typeof rule === 'string' ? undefined : JSON.stringify(rule)
  const [settled] = useDebouncedValue(said, typingMs)
  const preview = usePricePreview(
    settled === undefined
      ? undefined
      : {
          model,
          price: JSON.parse(settled) as PriceRuleShown,
          ...(listing === undefined ? {} : { listing }),
        },
  )
  if (typeof rule === 'string') return <Alert color="yellow">{rule}</Alert>
  if (preview.isError) return <ErrorPanel error={preview.error} />
  return preview.data ? (
    <Shown preview={preview.data} />
  ) : (
    <Text size="sm" c="dimmed" aria-busy>
      Working it out…
    </Text>
  )
}

function Shown({ preview }: { preview: PricePreviewShown }) {
  const { fill, listPrice, feeBps } = preview
  const idle = fill[0]
  const full = fill.at(-1)
  if (!idle || !full) return null
  const moves = idle.input !== full.input || idle.output !== full.output
  return (
    <Stack gap="sm">
      <Text size="sm">
        Buyers pay <strong className="figures">{formatPrice(idle.input)}</strong> in and{' '}
        <strong className="figures">{formatPrice(idle.output)}</strong> out per million tokens
        {moves ? ' while it is idle' : ''}
        {moves ? `, ${formatPrice(full.input)} and ${formatPrice(full.output)} while it is full` : ''}
        {idle.usdPerRequest === '0' ? '' : `, and ${formatPrice(idle.usdPerRequest)} per request`}.{' '}
        {listPrice
          ? `The list price is ${formatPrice(listPrice.input)} in and ${formatPrice(listPrice.output)} out. `
          : ''}
        You get {100 - feeBps / 100} % of it.
      </Text>
      {moves ? <ByFill preview={preview} /> : null}
      {preview.week.length > 1 ? <Week preview={preview} /> : null}
      <Replay preview={preview} />
    </Stack>
  )
}

function ByFill({ preview }: { preview: PricePreviewShown }) {
  return (
    <TrendChart
      title="Output price by how full the listing is, USD per million tokens"
      kind="lines"
      height={140}
      points={preview.fill.map(({ fill, output }) => ({
        at: `${Math.round(fill * 100)} %`,
        output: Number(output),
      }))}
      series={[{ name: 'output', label: 'Output / M tokens', color: 'indigo.6' }]}
      format={(usd) => `$${Number(usd.toFixed(6))}`}
    />
  )
}

function Week({ preview }: { preview: PricePreviewShown }) {
  const decimals = priceDecimals(preview.week.flatMap(({ input, output }) => [input, output]))
  return (
    <Card padding="sm">
      <Text size="sm" fw={600} mb="xs">
        The coming week, while idle
      </Text>
      <DataTable
        label="Prices of the coming week"
        dense
        rows={preview.week.slice(0, 14)}
        rowKey={({ from }) => from}
        columns={[
          { title: 'From', cell: ({ from }) => <Moment at={from} /> },
          {
            title: 'Input / M',
            align: 'end',
            cell: ({ input }) => <span className="figures">{formatPrice(input, decimals)}</span>,
          },
          {
            title: 'Output / M',
            align: 'end',
            cell: ({ output }) => <span className="figures">{formatPrice(output, decimals)}</span>,
          },
        ]}
      />
    </Card>
  )
}

function Replay({ preview: { replay } }: { preview: PricePreviewShown }) {
  if (!replay) return null
  if (replay.requests === 0)
    return (
      <Text size="sm" c="dimmed">
        It served nothing of this model in the last 24 hours, so there is nothing to bill again.
      </Text>
    )
  const sums = [replay.was, replay.idle, replay.full].map(({ sellerNanos }) => parseNanos(sellerNanos))
  const decimals = decimalsFor(sums)
  const isOne = replay.idle.sellerNanos === replay.full.sellerNanos
  const tiles = [
    { title: 'You earned', nanos: sums[0] },
    { title: isOne ? 'At this price' : 'At this price, always idle', nanos: sums[1] },
    ...(isOne ? [] : [{ title: 'At this price, always full', nanos: sums[2] }]),
  ]
  return (
    <Card padding="sm" component="section" aria-label="The last 24 hours at this price">
      <Text size="sm" fw={600} mb="xs">
        {replay.isComplete
          ? `The last 24 hours: ${replay.requests === 1 ? '1 request' : `${replay.requests.toLocaleString('en-US')} requests`}, billed again`
          : `The newest ${replay.requests.toLocaleString('en-US')} requests, billed again`}
      </Text>
      <SimpleGrid cols={{ base: 1, xs: tiles.length }}>
        {tiles.map(({ title, nanos = 0n }) => (
          <div key={title}>
            <Text size="xs" c="dimmed">
              {title}
            </Text>
            <Group gap={4}>
              <Money nanos={nanos} decimals={decimals} />
            </Group>
          </div>
        ))}
      </SimpleGrid>
      <Text size="xs" c="dimmed" mt="xs">
        By the arithmetic that bills. Another price would also have brought more or fewer requests; that
        nobody knows.
      </Text>
    </Card>
  )
}
