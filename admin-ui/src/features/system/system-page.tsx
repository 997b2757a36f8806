import type { System } from '@bourse/gateway/api/admin'
import { Button, Card, SimpleGrid, Stack, Text } from '@mantine/core'
import { IconBook2 } from '@tabler/icons-react'
import type { ReactNode } from 'react'
import { DataTable } from '../../components/data-table.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { useRead } from '../../lib/use-read.ts'
import { JobTable } from './job-table.tsx'
import { SettingTable } from './setting-table.tsx'
import { bytesWords, durationWords } from './system-words.ts'

const REFETCH_MS = 10_000

export function SystemPage() {
  const system = useRead<System>('/api/admin/system', {}, { refetchMs: REFETCH_MS })
  return (
    <Page
      title="System"
      lead="What runs here, whether it keeps up, and how it is set."
      actions={
        <Button
          component="a"
          href="/api/docs/"
          target="_blank"
          rel="noopener"
          variant="default"
          leftSection={<IconBook2 size={16} aria-hidden />}
        >
          API reference
        </Button>
      }
    >
      <QueryView query={system} rows={12}>
        {(seen) => (
          <Stack gap="lg">
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <ProcessCard system={seen} />
              <DatabaseCard database={seen.database} />
            </SimpleGrid>
            <QueueCard queues={seen.queues} />
            <Section title="Jobs" about="What runs by itself, and how it went the last time since the start.">
              <JobTable jobs={seen.jobs} />
            </Section>
            <Section
              title="Configuration"
              about="Every variable there is. Secrets, and whatever could carry one, say only that they are set."
            >
              <SettingTable settings={seen.settings} />
            </Section>
            <Section title="Migrations" about="Applied to the database, the newest first.">
              <DataTable
                label="Migrations"
                dense
                rows={seen.database.migrations.toReversed()}
                rowKey={({ name }) => name}
                columns={[
                  { title: 'Name', cell: ({ name }) => name },
                  { title: 'Applied', cell: ({ appliedAt }) => <Moment at={appliedAt} /> },
                ]}
              />
            </Section>
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

function Section({ title, about, children }: { title: string; about: string; children: ReactNode }) {
  return (
    <Card component="section" aria-label={title}>
      <Text component="h2" fw={650}>
        {title}
      </Text>
      <Text size="sm" c="dimmed" mb="sm">
        {about}
      </Text>
      {children}
    </Card>
  )
}

function ProcessCard({ system }: { system: System }) {
  const { mean, p99, max } = system.eventLoopDelayMs
  return (
    <Section title="This process" about="One node of the gateway.">
      <Facts
        facts={[
          { name: 'Version', value: `${system.version}, ${system.mode} mode` },
          { name: 'Node.js', value: system.nodeVersion },
          { name: 'Node', value: `${system.nodeId}, its life no. ${system.nodeEpoch}` },
          { name: 'Started', value: <Moment at={system.startedAt} /> },
          { name: 'Up for', value: durationWords(system.uptimeSeconds) },
          { name: 'Memory', value: bytesWords(system.memoryBytes) },
          {
            name: 'Event loop late by',
            value: `${mean} ms on average, 99 % under ${p99} ms, at most ${max} ms`,
          },
          {
            name: 'Spool',
            value: system.spool.healthy
              ? `takes what is written; ${system.spool.failures} failures since the start`
              : 'the disk takes nothing: new requests are refused',
          },
        ]}
      />
    </Section>
  )
}

function DatabaseCard({ database }: { database: System['database'] }) {
  return (
    <Section title="Database" about="PostgreSQL, and our connections to it.">
      <Facts
        facts={[
          {
            name: 'Server',
            value: `${database.version}, ${database.kind === 'embedded' ? 'started by the gateway itself' : 'yours'}`,
          },
          { name: 'Size', value: bytesWords(database.sizeBytes) },
          ...database.connections.map(({ name, open, idle, waiting }) => ({
            name: `Connections, ${name}`,
            value: `${open - idle} busy, ${idle} idle, ${waiting} callers waiting`,
          })),
          { name: 'Migrations', value: database.migrations.length },
        ]}
      />
    </Section>
  )
}

function QueueCard({ queues }: { queues: System['queues'] }) {
  return (
    <Section title="Queues" about="A queue that stays long is one that does not keep up.">
      <DataTable
        label="Queues"
        dense
        rows={queues}
        rowKey={({ name }) => name}
        columns={[
          { title: 'Queue', cell: ({ name }) => name },
          {
            title: 'Waiting',
            align: 'end',
            cell: ({ waiting }) => <span className="figures">{waiting.toLocaleString('en-US')}</span>,
          },
          { title: 'What it is', cell: ({ about }) => about },
        ]}
      />
    </Section>
  )
}
