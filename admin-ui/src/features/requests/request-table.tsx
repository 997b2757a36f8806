import type { RequestShown } from '@bourse/gateway/api/analytics'
import { ColorSwatch, Group, Text } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Money } from '../../components/money.tsx'
import type { RowOpening } from '../../components/row-opener.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { colorOf } from '../../lib/color-of.ts'
import { formatMs } from '../../lib/format-ms.ts'
import { decimalsFor } from '../../lib/money.ts'
import { formatMoment, formatUtc } from '../../lib/time.ts'
import type { Side } from './queries.ts'
import { outcomeWord } from './request-words.ts'

export function RequestTable({
  rows,
  side,
  colors,
  open,
}: {
  rows: readonly RequestShown[]
  side: Side
  /** Of the models in the chart above. */
  colors: ReadonlyMap<string, string>
  open: RowOpening<RequestShown>
}) {
  return (
    <DataTable
      label="Requests"
      dense
      rows={rows}
      rowKey={({ id }) => id}
      open={open}
      columns={columnsOf(rows, { side, colors })}
    />
  )
}

function columnsOf(
  rows: readonly RequestShown[],
  { side, colors }: { side: Side; colors: ReadonlyMap<string, string> },
): Column<RequestShown>[] {
  const decimals = decimalsFor(rows.map((row) => amountOf(row, side) ?? 0n))
  return [
    { title: 'Time', cell: ({ at }) => <TimeOf at={at} /> },
    ...(side === 'market'
      ? [{ title: 'Bought by', cell: ({ organisation }: RequestShown) => organisation?.name ?? '' }]
      : []),
    { title: 'Model', cell: (row) => <ModelOf row={row} colors={colors} /> },
    { title: side === 'sold' ? 'Listing' : 'Served by', cell: servedBy },
    { title: 'Outcome', cell: (row) => <OutcomeOf row={row} /> },
    { title: 'Tokens in / out', align: 'end', cell: tokensOf },
    {
      title: 'First token',
      align: 'end',
      cell: ({ ttftMs }) => <span className="figures">{formatMs(ttftMs)}</span>,
    },
    {
      title: 'Total',
      align: 'end',
      cell: ({ durationMs }) => <span className="figures">{formatMs(durationMs)}</span>,
    },
    {
      title: side === 'sold' ? 'Earned' : 'Cost',
      align: 'end',
      cell: (row) => {
        const nanos = amountOf(row, side)
        return nanos === undefined ? (
          <Text span c="dimmed">
            –
          </Text>
        ) : (
          <Money nanos={nanos} decimals={decimals} />
        )
      },
    },
  ]
}

function amountOf({ costNanos, sellerNanos }: RequestShown, side: Side): bigint | undefined {
  const nanos = side === 'sold' ? sellerNanos : costNanos
  return nanos === null ? undefined : BigInt(nanos)
}

/** The time of day alone when it was today. */
function TimeOf({ at }: { at: string }) {
  const isToday = new Date(at).toDateString() === new Date().toDateString()
  const shown = isToday
    ? new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' }).format(new Date(at))
    : formatMoment(at)
  return (
    <time dateTime={at} title={formatUtc(at)} className="figures">
      {shown}
    </time>
  )
}

function ModelOf({
  row: { model, modelAsked },
  colors,
}: {
  row: RequestShown
  colors: ReadonlyMap<string, string>
}) {
  if (model === null)
    return (
      <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
        {modelAsked ?? 'none named'}
      </Text>
    )
  const color = (colors.get(model) ?? colorOf(model)).replace('.', '-')
  return (
    <Group gap={6} wrap="nowrap">
      <ColorSwatch size={9} color={`var(--mantine-color-${color})`} withShadow={false} aria-hidden />
      <span style={{ overflowWrap: 'anywhere', minWidth: 110 }}>{model}</span>
    </Group>
  )
}

/** `acme → bay`: who was tried before who served. */
function servedBy({ attempts, listing, outcome }: RequestShown) {
  const tried = (attempts ?? []).map((attempt) => attempt.listing.name)
  const names = tried.length > 1 ? tried : listing ? [listing.name] : []
  if (names.length === 0)
    return (
      <Text span size="sm" c="dimmed">
        {outcome === 'refused' ? 'not sent' : 'nobody'}
      </Text>
    )
  return <span style={{ overflowWrap: 'anywhere' }}>{names.join(' → ')}</span>
}

function OutcomeOf({ row }: { row: RequestShown }) {
  const failovers = (row.attempts?.length ?? 1) - 1
  const more = [
    row.outcome === 'failed' || row.outcome === 'refused' ? row.error?.replaceAll('_', ' ') : undefined,
    failovers > 0 ? `${failovers} failover${failovers > 1 ? 's' : ''}` : undefined,
    row.stream ? 'stream' : undefined,
  ].filter((each) => each !== undefined)
  return (
    <span title={outcomeWord(row)}>
      <StateBadge state={row.outcome} />
      {more.length === 0 ? null : (
        <Text span size="xs" c="dimmed" ml={6}>
          {more.join(' · ')}
        </Text>
      )}
    </span>
  )
}

function tokensOf({ tokens }: RequestShown) {
  if (!tokens)
    return (
      <Text span c="dimmed">
        –
      </Text>
    )
  const count = (value: number) => value.toLocaleString('en-US')
  return (
    <span className="figures">
      {count(tokens.input)} / {count(tokens.output)}
      {tokens.cacheRead > 0 ? ` (${count(tokens.cacheRead)})` : ''}
    </span>
  )
}
