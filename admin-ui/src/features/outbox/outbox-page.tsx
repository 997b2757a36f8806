import type { MailShown } from '@bourse/gateway/api/mail'
import type { PublicSettings } from '@bourse/gateway/api/users'
import { Alert, Card, Group, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconMail, IconMailOff, IconSearch } from '@tabler/icons-react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Moment } from '../../components/moment.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { usePages } from '../../lib/use-pages.ts'
import { useRead } from '../../lib/use-read.ts'
import { MailView } from './mail-view.tsx'

const typingMs = 250
const refetchMs = 10_000

/** Which mails has this gateway written, and did they go out? */
export function OutboxPage() {
  const { search, set } = usePageSearch()
  const { state, to, open } = search
  const mails = usePages<MailShown>('/api/outbox', { state, to }, { refetchMs })
  const apply = useDebouncedCallback((text: string) => set({ to: text.trim() || undefined }), typingMs)
  return (
    <Page
      title="Outbox"
      lead="The mails this gateway has written, and whether they went out. Kept for 30 days."
    >
      <WayNotice />
      <Group gap="sm">
        <TextInput
          aria-label="Mails to this address"
          placeholder="To, the whole address"
          leftSection={<IconSearch size={16} aria-hidden />}
          defaultValue={to ?? ''}
          onChange={({ currentTarget }) => apply(currentTarget.value)}
          w={{ base: '100%', xs: 260 }}
        />
        <FilterSelect
          name="state"
          label="State"
          data={[
            { value: 'queued', label: 'Queued' },
            { value: 'sent', label: 'Sent' },
            { value: 'failed', label: 'Failed' },
            { value: 'kept', label: 'Kept' },
          ]}
        />
      </Group>
      <Card>
        <QueryView query={mails} rows={5}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconMail} title="No mail here">
                {state || to
                  ? 'No mail of the last 30 days is in this state and to this address.'
                  : 'Invitations, links to choose a password and notices about accounts appear here. Invite somebody on the Users page.'}
              </EmptyState>
            ) : (
              <DataTable
                label="Mails"
                rows={all}
                rowKey={(mail) => mail.id}
                columns={columns}
                open={{
                  go: (mail) => set({ open: mail.id }, { push: true }),
                  href: (mail) => `/run/outbox?open=${mail.id}`,
                  current: open,
                }}
              />
            )
          }
        </QueryView>
        <LoadMore list={mails} />
      </Card>
      <DetailDrawer title="Mail" opened={open !== undefined} onClose={() => set({ open: undefined })}>
        {open === undefined ? null : <MailView key={open} id={open} />}
      </DetailDrawer>
    </Page>
  )
}

const columns: Column<MailShown>[] = [
  { title: 'Mail', cell: (mail) => <TitleCell title={mail.subject}>{mail.to}</TitleCell> },
  { title: 'About', cell: (mail) => mail.kind },
  { title: 'State', cell: (mail) => <StateBadge state={mail.state} /> },
  { title: 'Written', cell: (mail) => <Moment at={mail.createdAt} /> },
]

/** How mails leave, where they do not leave by themselves. */
function WayNotice() {
  const { data } = useRead<PublicSettings>('/api/public-settings')
  if (data === undefined || data.mail === 'smtp') return null
  const isPlay = data.mail === 'kept'
  return (
    <Alert
      color={isPlay ? 'indigo' : 'yellow'}
      icon={<IconMailOff aria-hidden />}
      title={isPlay ? 'Nothing is sent in play mode without a mail server' : 'No mail server is set'}
    >
      <Stack gap={4}>
        <Text size="sm">
          {isPlay
            ? 'Mails are kept here; open one to read its text and to copy its link.'
            : 'Mails wait here until one is set, and those whose link is over by then are not sent.'}
        </Text>
        <Text size="sm">
          Set <code>SMTP_URL</code> and <code>MAIL_FROM</code> and start the gateway again.
        </Text>
      </Stack>
    </Alert>
  )
}
