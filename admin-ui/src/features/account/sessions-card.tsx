import type { SessionShown } from '@bourse/gateway/api/users'
import { Badge, Button } from '@mantine/core'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Moment } from '../../components/moment.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { deviceOf } from './device.ts'
import { useEndSession, useSessions } from './queries.ts'
import { SectionCard } from './section-card.tsx'

export function SessionsCard() {
  const sessions = useSessions()
  const end = useEndSession()
  const columns: Column<SessionShown>[] = [
    {
      title: 'Where',
      cell: (session) => (
        <TitleCell title={deviceOf(session.userAgent)}>{session.ipAddress ?? 'address unknown'}</TitleCell>
      ),
    },
    { title: 'Signed in', cell: (session) => <Moment at={session.createdAt} /> },
    { title: 'Ends if unused', cell: (session) => <Moment at={session.expiresAt} /> },
    {
      title: 'Actions',
      actions: true,
      cell: (session) =>
        session.current ? (
          <Badge color="green">this one</Badge>
        ) : (
          <Button
            size="xs"
            variant="default"
            aria-label={`End the session of ${deviceOf(session.userAgent)} from ${session.ipAddress ?? 'an unknown address'}`}
            loading={end.isPending && end.variables === session.id}
            onClick={() => end.mutate(session.id)}
          >
            End
          </Button>
        ),
    },
  ]
  return (
    <SectionCard title="Sessions" lead="A session ends after 12 hours without use, and after a week.">
      <QueryView query={sessions} rows={3}>
        {({ data }) => (
          <>
            <DataTable label="Sessions" rows={data} rowKey={(session) => session.id} columns={columns} />
            {end.isError ? <ErrorPanel error={end.error} /> : null}
            {data.length > 1 ? (
              <Button
                variant="default"
                w="fit-content"
                loading={end.isPending && end.variables === 'others'}
                onClick={() => end.mutate('others')}
              >
                End all others
              </Button>
            ) : null}
          </>
        )}
      </QueryView>
    </SectionCard>
  )
}
