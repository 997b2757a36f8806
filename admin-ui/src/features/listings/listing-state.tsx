import type { ListingDashboardShown, ListingShown } from '@bourse/gateway/api/marketplace'
import { Anchor, Card, Group, Progress, SimpleGrid, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { HeadlineMoney, Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StatTile } from '../../components/stat-tile.tsx'
import { parseNanos } from '../../lib/money.ts'
import { LIMITS } from './listing-values.ts'
import { notChosenWords } from './listing-words.ts'
import { useDashboard } from './queries.ts'

/** How full a listing is, how well, what it earned, and why others were chosen. */
export function ListingState({ listing, isNarrow = false }: { listing: ListingShown; isNarrow?: boolean }) {
  const dashboard = useDashboard(listing.id)
  return (
    <QueryView query={dashboard} rows={6}>
      {(shown) => (
        <Stack gap="md">
          <Tiles shown={shown} isNarrow={isNarrow} />
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Capacity listing={listing} shown={shown} />
            <NotChosen shown={shown} />
          </SimpleGrid>
          <Trouble shown={shown} />
        </Stack>
      )}
    </QueryView>
  )
}

function Tiles({ shown, isNarrow }: { shown: ListingDashboardShown; isNarrow: boolean }) {
  const { earnings, successRate, fill, fillLastHour } = shown
  return (
    <SimpleGrid cols={isNarrow ? { base: 1, xs: 2 } : { base: 1, xs: 2, lg: 4 }}>
      <StatTile
        title="Full now"
        value={percent(fill)}
        trend={fillLastHour}
        note={
          fillLastHour.length > 1 ? `the last ${fillLastHour.length} minutes` : 'by the fullest of its limits'
        }
      />
      <StatTile
        title="Succeeded in the last hour"
        value={successRate === null ? '–' : percent(successRate)}
        note={successRate === null ? 'no attempt in the last hour' : 'of the attempts that count'}
      />
      <StatTile
        title="Earned today"
        value={<HeadlineMoney nanos={parseNanos(earnings.today.amountNanos)} />}
        note={`${requests(earnings.today.requests)} since midnight UTC`}
      />
      <StatTile
        title="Earned this month"
        value={<HeadlineMoney nanos={parseNanos(earnings.month.amountNanos)} />}
        note={
          <Group gap={4}>
            {earnings.total ? (
              <>
                <Money nanos={parseNanos(earnings.total.amountNanos)} /> in all
              </>
            ) : null}
            {isNarrow ? null : (
              <Anchor component={Link} to="/earnings" size="xs">
                All earnings
              </Anchor>
            )}
          </Group>
        }
      />
    </SimpleGrid>
  )
}

const headroomNames: Readonly<Record<string, string>> = Object.fromEntries(
  LIMITS.map(({ name, label }) => [name, label]),
)

function Capacity({ listing, shown }: { listing: ListingShown; shown: ListingDashboardShown }) {
  const limits = LIMITS.flatMap(({ name, label }) => {
    const limit = listing.capacity[name]
    return limit === null ? [] : [{ name, label, limit: String(limit) }]
  })
  return (
    <Card component="section" aria-label="Capacity used">
      <Text component="h2" fw={600} size="sm" mb="sm">
        Capacity used
      </Text>
      {limits.length === 0 ? (
        <Text size="sm" c="dimmed">
          No limit is set: it takes whatever its provider takes.
        </Text>
      ) : (
        <Stack gap="sm">
          {limits.map(({ name, label, limit }) => {
            const used = 1 - (leftOf(shown, name) ?? 1)
            return (
              <div key={name}>
                <Group justify="space-between" gap="xs">
                  <Text size="sm">{headroomNames[name] ?? label}</Text>
                  <Text size="sm" className="figures">
                    {percent(used)} of{' '}
                    {name.startsWith('usd') ? `$${limit}` : Number(limit).toLocaleString('en-US')}
                  </Text>
                </Group>
                <Progress value={used * 100} aria-label={`${label}: ${percent(used)} used`} />
              </div>
            )
          })}
        </Stack>
      )}
    </Card>
  )
}

/** The gateway counts money in nano-dollars and calls these limits so. */
function leftOf({ headroom }: ListingDashboardShown, name: string): number | undefined {
  return headroom[name] ?? headroom[name.replace('usd', 'nanos')]
}

function NotChosen({ shown: { notChosenLastHour } }: { shown: ListingDashboardShown }) {
  const reasons = Object.entries(notChosenLastHour).sort(([, a], [, b]) => b - a)
  const most = reasons[0]?.[1] ?? 1
  const total = reasons.reduce((sum, [, count]) => sum + count, 0)
  return (
    <Card component="section" aria-label="Why others were chosen">
      <Text component="h2" fw={600} size="sm" mb="sm">
        {total === 0
          ? 'Nobody was chosen before it in the last hour'
          : `Others were chosen about ${total.toLocaleString('en-US')} ${total === 1 ? 'time' : 'times'} in the last hour`}
      </Text>
      <Stack gap="xs">
        {reasons.map(([reason, count]) => (
          <div key={reason}>
            <Group justify="space-between" gap="xs">
              <Text size="sm">{notChosenWords(reason)}</Text>
              <Text size="sm" className="figures">
                {count.toLocaleString('en-US')}
              </Text>
            </Group>
            <Progress value={(count / most) * 100} aria-label={`${notChosenWords(reason)}: ${count}`} />
          </div>
        ))}
      </Stack>
      {total === 0 ? (
        <Text size="sm" c="dimmed">
          Requests that it could have served and that went to another are counted here, by reason.
        </Text>
      ) : null}
    </Card>
  )
}

function Trouble({ shown: { breakers, resting } }: { shown: ListingDashboardShown }) {
  const rows = [
    ...breakers.map(({ model, state, until }) => ({
      model,
      what: `breaker ${state.replaceAll('_', ' ')}`,
      until,
    })),
    ...resting.map(({ model, reason, until }) => ({
      model: model ?? 'the whole listing',
      what: notChosenWords(reason),
      until,
    })),
  ]
  if (rows.length === 0) return null
  return (
    <Card component="section" aria-label="What rests">
      <Text component="h2" fw={600} size="sm" mb="sm">
        What rests
      </Text>
      <DataTable
        label="What rests"
        dense
        rows={rows}
        rowKey={({ model, what }) => `${model} ${what}`}
        columns={[
          { title: 'Model', cell: ({ model }) => model },
          { title: 'Why', cell: ({ what }) => what },
          { title: 'Until', cell: ({ until }) => (until ? <Moment at={until} /> : 'something changes') },
        ]}
      />
    </Card>
  )
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`
}

function requests(count: number): string {
  return count === 1 ? '1 request' : `${count.toLocaleString('en-US')} requests`
}
