import type { RequestShown } from '@bourse/gateway/api/analytics'
import { Badge, Card, Group, SegmentedControl, Text } from '@mantine/core'
import { IconListDetails } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { CsvButton } from '../../components/csv-button.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { NewRowsPill } from '../../components/new-rows-pill.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { RangePicker } from '../../components/range-picker.tsx'
import { StackedSpend } from '../../components/stacked-spend.tsx'
import { colorsOfParts } from '../../lib/color-of.ts'
import { formatMs } from '../../lib/format-ms.ts'
import { formatUsd } from '../../lib/money.ts'
import { usePerson } from '../../lib/services.ts'
import { type LiveState, useLive } from '../../lib/use-live.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { type RequestFilters, type Side, useRequestFilters, useRequests, useSpendByModel } from './queries.ts'
import { RequestDetail } from './request-detail.tsx'
import { RequestFiltersBar } from './request-filters.tsx'
import { RequestTable } from './request-table.tsx'

/** Nothing that is new can be at the end of a range that is over. */
const isOpenEnded = ({ range }: RequestFilters): boolean => range.to === undefined

export function RequestsPage() {
  const { search, set } = usePageSearch()
  const filters = useRequestFilters()
  const list = useRequests(filters.asked)
  const usage = useSpendByModel(filters)
  const live = useNewRows(filters)
  const rows = list.data?.rows ?? []
  return (
    <Page
      title="Requests"
      lead={leads[filters.side]}
      actions={
        <Group gap="xs">
          <RangePicker
            value={filters.range.from === undefined ? (filters.range.range ?? '24h') : undefined}
            onChange={(range) => set({ range, from: undefined, to: undefined })}
            custom={{ range: filters.range, onChange: ({ from, to }) => set({ from, to, range: undefined }) }}
          />
          <CsvButton path="/api/requests" search={filters.asked} name="requests" />
        </Group>
      }
    >
      <Group justify="space-between" gap="sm">
        <SideChoice side={filters.side} />
        <Summary usage={usage.data?.totals} speed={list.data?.speed} live={live.state} />
      </Group>
      <QueryView query={usage} rows={6}>
        {(answer) => (
          <StackedSpend
            usage={answer}
            by="model"
            title={`${filters.side === 'sold' ? 'Sold for' : 'Spent'} ${formatUsd(BigInt(answer.totals.costNanos))}, by model and ${answer.groupBy}`}
          />
        )}
      </QueryView>
      <Card component="section" aria-label="The requests">
        <RequestFiltersBar rows={rows} usage={usage.data} side={filters.side} />
        <NewRowsPill count={live.count} onShow={live.show} />
        <QueryView query={list} rows={12}>
          {({ rows: shown }) =>
            shown.length === 0 ? (
              <Nothing filters={filters} />
            ) : (
              <>
                <RequestTable
                  rows={shown}
                  side={filters.side}
                  colors={colorsOfParts(usage.data)}
                  open={{
                    go: ({ id }: RequestShown) => set({ open: id }, { push: true }),
                    href: ({ id }: RequestShown) => `/requests/${id}`,
                    current: search.open,
                  }}
                />
                <LoadMore list={list} />
              </>
            )
          }
        </QueryView>
      </Card>
      <DetailDrawer
        title="Request"
        opened={search.open !== undefined}
        onClose={() => set({ open: undefined })}
      >
        {search.open === undefined ? null : <RequestDetail id={search.open} />}
      </DetailDrawer>
    </Page>
  )
}

const leads: Record<Side, string> = {
  bought: 'What each of your requests cost, how fast it was, and who served it.',
  sold: 'What your listings served, how fast, and what it earned. Who bought it stays private.',
  market: 'Every request of the market, who bought it and who served it.',
}

function SideChoice({ side }: { side: Side }) {
  const { set } = usePageSearch()
  const roles = usePerson()?.roles ?? []
  const choices = [
    { value: 'bought', label: 'Bought' },
    ...(roles.includes('seller') ? [{ value: 'sold', label: 'Sold' }] : []),
    ...(roles.includes('operator') ? [{ value: 'market', label: 'Whole market' }] : []),
  ]
  if (choices.length === 1) return <span />
  return (
    <SegmentedControl
      aria-label="Whose requests"
      value={side}
      data={choices}
      onChange={(value) =>
        set({ side: value === 'bought' ? undefined : value, key: undefined, organisation: undefined })
      }
    />
  )
}

interface SummaryProps {
  usage: { requests: number; failed: number; refused: number; costNanos: string } | undefined
  speed: { of: number; ttftMsP95: number } | null | undefined
  live: LiveState
}

function Summary({ usage, speed, live }: SummaryProps) {
  return (
    <Group gap="sm">
      {usage === undefined ? null : (
        <Text size="sm" className="figures" style={{ whiteSpace: 'normal' }}>
          <strong>{usage.requests.toLocaleString('en-US')}</strong> billed ·{' '}
          {formatUsd(BigInt(usage.costNanos))}
          {usage.failed + usage.refused > 0
            ? ` · ${usage.failed.toLocaleString('en-US')} failed, ${usage.refused.toLocaleString('en-US')} refused`
            : ''}
          {speed ? (
            <span title={`Of the newest ${speed.of} streams here`}>
              {' '}
              · p95 first token {formatMs(speed.ttftMsP95)}
            </span>
          ) : null}
        </Text>
      )}
      <Badge color={live === 'live' ? 'green' : 'gray'} variant={live === 'live' ? 'light' : 'outline'}>
        {live === 'live' ? 'live' : live === 'connecting' ? 'connecting' : 'not live'}
      </Badge>
    </Group>
  )
}

/** Counts what ends while the page is open; shown when asked for. */
function useNewRows(filters: RequestFilters) {
  const queryClient = useQueryClient()
  const [seen, setSeen] = useState<{ of: string; ids: ReadonlySet<string> }>({ of: '', ids: new Set() })
  const { from: _from, to: _to, ...followed } = filters.asked
  const of = JSON.stringify(followed)
  const state = useLive('/api/requests/stream', followed, {
    enabled: isOpenEnded(filters),
    onEvent: ({ type, data }) => {
      if (type === 'reset') void refresh()
      if (type !== 'request') return
      const { id } = JSON.parse(data) as RequestShown
      setSeen((before) => ({ of, ids: new Set(before.of === of ? [...before.ids, id] : [id]) }))
    },
  })

  async function refresh(): Promise<void> {
    setSeen({ of, ids: new Set() })
    await queryClient.invalidateQueries({
      predicate: ({ queryKey: [key] }) => key === '/api/requests' || key === '/api/usage',
    })
  }
  return { state, count: seen.of === of ? seen.ids.size : 0, show: () => void refresh() }
}

function Nothing({ filters }: { filters: RequestFilters }) {
  const { search } = usePageSearch()
  const isFiltered = ['model', 'key', 'seller', 'listing', 'outcome'].some(
    (name) => search[name] !== undefined,
  )
  if (isFiltered)
    return (
      <EmptyState icon={IconListDetails} title="No request like this">
        Take a filter away, or choose a longer time.
      </EmptyState>
    )
  return (
    <EmptyState icon={IconListDetails} title="No requests in this time">
      {filters.side === 'sold'
        ? 'Nobody has used your listings in it. My listings says how they stand in the market.'
        : 'Get started has a request to copy; it appears here a second after its end.'}
    </EmptyState>
  )
}
