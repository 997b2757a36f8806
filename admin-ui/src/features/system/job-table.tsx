import type { System } from '@bourse/gateway/api/admin'
import { Text } from '@mantine/core'
import { DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { durationWords } from './system-words.ts'

type Job = System['jobs'][number]

export function JobTable({ jobs }: { jobs: readonly Job[] }) {
  return (
    <DataTable
      label="Jobs"
      dense
      rows={jobs}
      rowKey={({ name }) => name}
      columns={[
        { title: 'Job', cell: ({ name }) => name },
        { title: 'Every', cell: ({ everyMs }) => durationWords(everyMs / 1000) },
        {
          title: 'Last run',
          cell: ({ lastBeganAt }) =>
            lastBeganAt === null ? (
              <Text c="dimmed" size="sm">
                not yet
              </Text>
            ) : (
              <Moment at={lastBeganAt} as="age" />
            ),
        },
        { title: 'Result', cell: (job) => <Result job={job} /> },
        {
          title: 'Took',
          align: 'end',
          cell: ({ lastDurationMs }) => (
            <span className="figures">{lastDurationMs === null ? '–' : `${lastDurationMs} ms`}</span>
          ),
        },
        {
          title: 'Runs',
          align: 'end',
          cell: ({ runs }) => <span className="figures">{runs.toLocaleString('en-US')}</span>,
        },
      ]}
    />
  )
}

function Result({ job: { running, lastResult, lastFailedAt } }: { job: Job }) {
  if (running) return <StateBadge state="running" />
  if (lastResult === null) return <>–</>
  return (
    <>
      <StateBadge state={lastResult} />
      {lastFailedAt !== null && lastResult === 'ok' ? (
        <Text size="xs" c="dimmed">
          failed last <Moment at={lastFailedAt} as="age" />
        </Text>
      ) : null}
    </>
  )
}
