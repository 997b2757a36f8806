import type { UsageAnswer, UsageRow } from '@bourse/gateway/api/analytics'
import { Anchor, Card, Group, Progress, SegmentedControl, SimpleGrid, Text } from '@mantine/core'
import { IconChartBar } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { HeadlineMoney, Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StackedSpend } from '../../components/stacked-spend.tsx'
import { StatTile } from '../../components/stat-tile.tsx'
import { colorsOf, restColor } from '../../lib/color-of.ts'
import { formatMs } from '../../lib/format-ms.ts'
import { decimalsFor, formatUsd } from '../../lib/money.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { type Group as By, useUsageBy, useUsageOverTime } from './queries.ts'
import { sortUsage } from './sort-usage.ts'

interface UsageReportProps {
  /** Whose, and since when, for the API. */
  asked: Readonly<Record<string, string | undefined>>
  by: By
  choices: readonly { value: By; label: string }[]
  /** What sellers get is another column than what buyers pay. */
  isSale?: boolean
  /** Both shares beside the cost. */
  withShares?: boolean
  /** The requests behind a row, as that page's address says them. */
  rowSearch?: (row: UsageRow) => Readonly<Record<string, string>> | undefined
}

const words: Record<By, string> = {
  day: 'day',
  model: 'model',
  key: 'key',
  seller: 'seller',
  listing: 'listing',
  user: 'user',
}

/** Sums of a time: the figures that count, how they came about day by day, and a table by whatever is asked. */
export function UsageReport(props: UsageReportProps) {
  const { asked, by, choices } = props
  const { search, set } = usePageSearch()
  const sort = search.sort ?? ''
  const usage = useUsageBy(asked, by)
  const overTime = useUsageOverTime(asked, by)
  return (
    <>
      <QueryView query={usage} rows={3}>
        {(answer) => <Tiles usage={answer} isSale={props.isSale ?? false} />}
      </QueryView>
      <Group justify="space-between" gap="sm">
        <SegmentedControl
          aria-label="Sums by"
          data={[...choices]}
          value={by}
          onChange={(value) => set({ by: value === choices[0]?.value ? undefined : value })}
        />
        {usage.data ? (
          <Text size="xs" c="dimmed">
            Counted up to <Moment at={usage.data.asOf} />
          </Text>
        ) : null}
      </Group>
      <QueryView query={overTime.query} rows={6}>
        {(answer) => (
          <StackedSpend
            usage={answer}
            by={overTime.part}
            title={`${props.isSale ? 'Sold for' : 'Spent'} ${formatUsd(BigInt(answer.totals.costNanos))}, by ${overTime.part} and ${answer.groupBy}`}
          />
        )}
      </QueryView>
      <Card component="section" aria-label={`Usage by ${words[by]}`}>
        <QueryView query={usage} rows={8}>
          {(answer) =>
            answer.data.length === 0 ? (
              <EmptyState icon={IconChartBar} title="Nothing in this time">
                {props.isSale
                  ? 'Nobody has used your listings in it. Choose a longer time.'
                  : 'Send a request, or choose a longer time.'}
              </EmptyState>
            ) : (
              <DataTable
                label={`Usage by ${words[by]}`}
                dense
                rows={withRest({ ...answer, data: sortUsage(answer.data, sort) })}
                rowKey={(row) => row.id ?? row.name}
                columns={columnsOf(answer, props)}
                sort={{
                  by: sort.replace(/^-/, ''),
                  descending: sort.startsWith('-'),
                  onChange: ({ by, descending }) => set({ sort: `${descending ? '-' : ''}${by}` }),
                }}
              />
            )
          }
        </QueryView>
      </Card>
    </>
  )
}

/** What is beyond the table's length stands in its last line, so that the column adds up. */
function withRest({ data, rest }: UsageAnswer): UsageRow[] {
  return rest === null ? data : [...data, { id: null, name: 'All others', ...rest }]
}

function Tiles({ usage: { totals }, isSale }: { usage: UsageAnswer; isSale: boolean }) {
  const count = (value: number) => value.toLocaleString('en-US')
  const troubles = totals.failed + totals.refused
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
      <StatTile
        title={isSale ? 'Earned' : 'Spent'}
        value={<HeadlineMoney nanos={BigInt(isSale ? totals.sellerNanos : totals.costNanos)} />}
        note={
          isSale
            ? `of ${formatUsd(BigInt(totals.costNanos))} paid, ${formatUsd(BigInt(totals.feeNanos))} fee`
            : 'for requests that ended in this time'
        }
      />
      <StatTile
        title="Requests billed"
        value={count(totals.requests)}
        note={
          troubles === 0
            ? 'none failed or refused'
            : `${count(totals.failed)} failed, ${count(totals.refused)} refused`
        }
      />
      <StatTile
        title="Tokens"
        value={compact(totals.tokens.input + totals.tokens.output)}
        note={`${compact(totals.tokens.input)} in (${compact(totals.tokens.cacheRead)} cached), ${compact(totals.tokens.output)} out`}
      />
      <StatTile
        title="First token"
        value={formatMs(totals.ttftMsMean)}
        note={`mean of streams; whole answers took ${formatMs(totals.durationMsMean)}`}
      />
    </SimpleGrid>
  )
}

function compact(value: number): string {
  return new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 }).format(value)
}

function columnsOf(
  { data, totals }: UsageAnswer,
  { by, isSale = false, withShares = false, rowSearch }: UsageReportProps,
): Column<UsageRow>[] {
  const nanosOf = (row: UsageRow) => BigInt(isSale ? row.sellerNanos : row.costNanos)
  const decimals = decimalsFor(data.map(nanosOf))
  const whole = BigInt(isSale ? totals.sellerNanos : totals.costNanos)
  const count = (value: number) => <span className="figures">{value.toLocaleString('en-US')}</span>
  // As the chart above has them: it leaves out what cost nothing.
  const colors = colorsOf(data.flatMap(({ id, costNanos }) => (id === null || costNanos === '0' ? [] : [id])))
  const colorIn = ({ id }: UsageRow) => (by === 'day' ? 'indigo' : (colors.get(id ?? '') ?? restColor))
  const inputOf = ({ tokens }: UsageRow) => count(tokens.input)
  const outputOf = ({ tokens }: UsageRow) => count(tokens.output)
  const money = (title: string, read: (row: UsageRow) => bigint): Column<UsageRow> => ({
    title,
    align: 'end',
    cell: (row) => <Money nanos={read(row)} decimals={decimals} />,
  })
  return [
    { title: titles[by], cell: (row) => <NameOf row={row} by={by} search={rowSearch?.(row)} /> },
    {
      title: 'Share',
      cell: (row) => <Share part={nanosOf(row)} whole={whole} name={row.name} color={colorIn(row)} />,
    },
    { title: 'Requests', sortBy: 'requests', align: 'end', cell: (row) => count(row.requests) },
    { title: 'Failed', sortBy: 'failed', align: 'end', cell: (row) => count(row.failed) },
    ...(withShares
      ? [
          {
            title: 'Tokens in / out',
            sortBy: 'tokens',
            align: 'end' as const,
            cell: ({ tokens }: UsageRow) => (
              <>
                {count(tokens.input)} / {count(tokens.output)}
              </>
            ),
          },
        ]
      : [
          { title: 'Tokens in', sortBy: 'input', align: 'end' as const, cell: inputOf },
          { title: 'Tokens out', sortBy: 'output', align: 'end' as const, cell: outputOf },
        ]),
    {
      title: 'First token',
      align: 'end',
      cell: (row) => <span className="figures">{formatMs(row.ttftMsMean)}</span>,
    },
    { ...money(isSale ? 'Earned' : 'Cost', nanosOf), sortBy: 'cost' },
    ...(withShares
      ? [
          {
            title: 'To sellers · fee',
            align: 'end' as const,
            cell: (row: UsageRow) => (
              <div>
                <Money nanos={row.sellerNanos} decimals={decimals} />
                <Text size="xs" c="dimmed">
                  <Money nanos={row.feeNanos} decimals={decimals} />
                </Text>
              </div>
            ),
          },
        ]
      : []),
  ]
}

const titles: Record<By, string> = {
  day: 'Day',
  model: 'Model',
  key: 'Key',
  seller: 'Seller',
  listing: 'Listing',
  user: 'User',
}

function NameOf({
  row,
  by,
  search,
}: {
  row: UsageRow
  by: By
  search: Readonly<Record<string, string>> | undefined
}) {
  if (by === 'day' && row.id !== null) return <Moment at={row.id} as="day" />
  if (search === undefined) return <span style={nameStyle}>{row.name}</span>
  return (
    <Anchor
      component={Link}
      {...({ to: '/requests', search } as object)}
      size="sm"
      underline="always"
      style={nameStyle}
    >
      {row.name}
    </Anchor>
  )
}

/** Wide enough for a name to be read, whatever else the row has to say. */
const nameStyle = { display: 'inline-block', overflowWrap: 'anywhere', minWidth: 150 } as const

/** For the eye; the amounts beside it are exact. */
function Share({ part, whole, name, color }: { part: bigint; whole: bigint; name: string; color: string }) {
  const percent = whole === 0n ? 0 : Number((part * 1000n) / whole) / 10
  return (
    <Group gap={6} wrap="nowrap" miw={80}>
      <Progress
        value={percent}
        color={color}
        style={{ flex: 1 }}
        aria-label={`${percent} % of the whole: ${name}`}
      />
      <Text size="xs" className="figures" c="dimmed">
        {percent} %
      </Text>
    </Group>
  )
}
