import type { AuditEventShown } from '@bourse/gateway/api/audit'
import { Button, Card, Group, TextInput } from '@mantine/core'
import { IconFileCertificate } from '@tabler/icons-react'
import { useState } from 'react'
import { DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { RangePicker } from '../../components/range-picker.tsx'
import { rangeBounds, readRange } from '../../lib/range.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { usePages } from '../../lib/use-pages.ts'
import { EventDetail } from './event-detail.tsx'

/** What actions happen to: the word before their point. */
const THINGS = [
  { value: 'user', label: 'Users' },
  { value: 'key', label: 'API keys' },
  { value: 'wallet', label: 'Wallets' },
  { value: 'payout', label: 'Payouts' },
  { value: 'listing', label: 'Listings' },
  { value: 'credentials', label: 'Sealed credentials' },
  { value: 'grounds', label: 'Accepted grounds' },
  { value: 'case', label: 'Trust cases' },
]

export function AuditPage() {
  const { search, set } = usePageSearch()
  const range = readRange(search)
  // Without a range in the address the whole log is shown.
  const hasRange = range.from !== undefined || range.range !== undefined
  const bounds = hasRange ? rangeBounds(range, Date.now()) : {}
  const { actor, action, subject, open } = search
  const events = usePages<AuditEventShown>('/api/audit', { actor, action, subject, ...bounds })
  const shown = events.data?.find(({ id }) => id === open)
  return (
    <Page title="Audit log" lead="Who did what, the newest first. Nothing here can be changed or deleted.">
      <Group gap="sm" align="flex-end">
        <FilterSelect name="action" label="Thing or action" data={THINGS} />
        <TextFilter key={`actor ${actor}`} name="actor" label="Who" placeholder="usr-…, key-… or system" />
        <TextFilter key={`subject ${subject}`} name="subject" label="On what" placeholder="Its id" />
        <RangePicker
          value={range.from === undefined ? range.range : undefined}
          onChange={(name) => set({ range: name, from: undefined, to: undefined })}
          custom={{ range, onChange: ({ from, to }) => set({ range: undefined, from, to }) }}
        />
        {hasRange || actor || action || subject ? (
          <Button
            variant="subtle"
            onClick={() =>
              set({
                actor: undefined,
                action: undefined,
                subject: undefined,
                range: undefined,
                from: undefined,
                to: undefined,
              })
            }
          >
            Show everything
          </Button>
        ) : null}
      </Group>
      <Card>
        <QueryView query={events} rows={10}>
          {(rows) => (
            <EventTable rows={rows} open={open} onOpen={(id) => set({ open: id }, { push: true })} />
          )}
        </QueryView>
        <LoadMore list={events} />
      </Card>
      <DetailDrawer
        title={shown?.action ?? 'Event'}
        opened={shown !== undefined}
        onClose={() => set({ open: undefined })}
      >
        {shown ? <EventDetail event={shown} /> : null}
      </DetailDrawer>
    </Page>
  )
}

function EventTable({
  rows,
  open,
  onOpen,
}: {
  rows: readonly AuditEventShown[]
  open: string | undefined
  onOpen: (id: string) => void
}) {
  if (rows.length === 0)
    return (
      <EmptyState icon={IconFileCertificate} title="Nothing matches">
        Nobody did such a thing in this time. Widen the range, or show everything.
      </EmptyState>
    )
  return (
    <DataTable
      label="Audit log"
      rows={rows}
      rowKey={({ id }) => id}
      dense
      stickyHead
      open={{ go: ({ id }) => onOpen(id), href: ({ id }) => `/run/audit?open=${id}`, current: open }}
      columns={[
        { title: 'When', cell: ({ at }) => <Moment at={at} /> },
        { title: 'What', cell: ({ action }) => action },
        { title: 'Who', cell: ({ actor }) => actor.id ?? 'the gateway itself' },
        { title: 'On what', cell: ({ subject }) => subject },
      ]}
    />
  )
}

/** Set when the field is left or Enter is pressed: a half-typed id finds nothing. */
function TextFilter({ name, label, placeholder }: { name: string; label: string; placeholder: string }) {
  const { search, set } = usePageSearch()
  const [text, setText] = useState(search[name] ?? '')
  const apply = (): void => {
    if (text.trim() !== (search[name] ?? '')) set({ [name]: text.trim() || undefined })
  }
  return (
    <TextInput
      aria-label={label}
      placeholder={`${label}: ${placeholder}`}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onBlur={apply}
      onKeyDown={(event) => {
        if (event.key === 'Enter') apply()
      }}
      w={240}
      maw="100%"
    />
  )
}
