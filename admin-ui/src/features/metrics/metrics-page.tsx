import type { MetricsPlaces, MetricsTicket } from '@bourse/gateway/api/admin'
import { Alert, Button, Card, Group, List, Stack, Text } from '@mantine/core'
import { IconExternalLink, IconInfoCircle } from '@tabler/icons-react'
import { CodeBlock } from '../../components/code-block.tsx'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'

type Place = MetricsPlaces['places'][number]

const WORDS = {
  grafana: {
    title: 'Grafana',
    about: 'Dashboards. You are known there by your address, as an editor.',
    variable: 'GRAFANA_URL=http://127.0.0.1:3000',
    settings: `[server]
root_url = %(protocol)s://%(domain)s/admin/grafana/
serve_from_sub_path = true

[auth.proxy]
enabled = true
header_name = X-WEBAUTH-USER
header_property = email
headers = Email:X-WEBAUTH-EMAIL Role:X-WEBAUTH-ROLE
whitelist = 127.0.0.1

[live]
max_connections = 0`,
    note: 'Grafana believes those headers, so nobody but this gateway may reach it: let it listen on a private address only.',
  },
  prometheus: {
    title: 'Prometheus',
    about: 'Queries and targets. Only what reads is passed on.',
    variable: 'PROMETHEUS_URL=http://127.0.0.1:9090',
    settings:
      'prometheus --web.external-url=http://localhost/admin/prometheus --web.listen-address=127.0.0.1:9090',
    note: 'It reads /metrics of this gateway; with GATEWAY_METRICS_TOKEN set it needs that token as its bearer.',
  },
} as const

export function MetricsPage() {
  const places = useRead<MetricsPlaces>('/api/admin/metrics')
  return (
    <Page
      title="Metrics"
      lead="How the gateway did over time, in Grafana and Prometheus, behind your sign-in here."
    >
      <QueryView query={places} rows={6}>
        {({ places: all }) => (
          <Stack gap="lg">
            {all.map((place) => (
              <PlaceCard key={place.name} place={place} />
            ))}
            <Alert icon={<IconInfoCircle aria-hidden />} color="gray" title="What was tested">
              This way in was tested with a stand-in for Grafana and with a real Prometheus 2.42. Live
              streaming (websockets) is not passed on; panels refresh by asking. Links that open a new tab
              stay closed.
            </Alert>
          </Stack>
        )}
      </QueryView>
    </Page>
  )
}

function PlaceCard({ place }: { place: Place }) {
  const { title, about, variable, settings, note } = WORDS[place.name]
  return (
    <Card component="section" aria-label={title}>
      <Group justify="space-between" align="flex-start" gap="md">
        <div>
          <Group gap="sm">
            <Text component="h2" fw={650}>
              {title}
            </Text>
            <StateBadge state={place.path === null ? 'not set up' : 'set up'} />
          </Group>
          <Text c="dimmed" size="sm" mt={4}>
            {about}
          </Text>
        </div>
        {place.path === null ? null : <OpenButton path={place.path} title={title} />}
      </Group>
      {place.path === null ? (
        <Stack gap="sm" mt="md">
          <List type="ordered" size="sm" spacing="sm">
            <List.Item>
              Tell this gateway where it is, and start it again.
              <CodeBlock label="Environment" code={variable} />
            </List.Item>
            <List.Item>
              Tell {title} under which path it is seen.
              <CodeBlock label={`Settings of ${title}`} code={settings} />
            </List.Item>
          </List>
          <Text size="sm" c="dimmed">
            {note}
          </Text>
        </Stack>
      ) : null}
    </Card>
  )
}

/** Fetches the ticket first: a page in a new tab carries nothing but a cookie. */
function OpenButton({ path, title }: { path: string; title: string }) {
  const ticket = useWrite<void, MetricsTicket>([], () => ({
    path: '/api/admin/metrics-ticket',
    method: 'POST',
  }))
  const open = async (): Promise<void> => {
    await ticket.mutateAsync()
    // Without a way back to this window: that page is another program's.
    window.open(path, '_blank', 'noopener,noreferrer')
  }
  return (
    <Stack gap="xs" align="flex-end">
      <Button
        leftSection={<IconExternalLink size={16} aria-hidden />}
        loading={ticket.isPending}
        onClick={() => void open().catch(() => undefined)}
      >
        Open {title}
      </Button>
      {ticket.isError ? <ErrorPanel error={ticket.error} /> : null}
    </Stack>
  )
}
