import type { SpendingAlertShown } from '@bourse/gateway/api/analytics'
import { Badge, Button, Card, Group, Text, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconBell } from '@tabler/icons-react'
import { DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { showUndo } from '../../components/show-undo.tsx'
import { formatUsd } from '../../lib/money.ts'
import { useRead } from '../../lib/use-read.ts'
import { useWrite } from '../../lib/use-write.ts'
import { SpendingAlertDialog } from './spending-alert-dialog.tsx'

const path = '/api/spending-alerts'
const lookAgainMs = 30_000

/** Alerts on what is spent or left: what they wait for, and how far it is. */
export function SpendingAlertsCard() {
  const alerts = useRead<{ data: SpendingAlertShown[] }>(path, {}, { refetchMs: lookAgainMs })
  const [opened, dialog] = useDisclosure(false)
  return (
    <Card component="section" aria-labelledby="spending-alerts">
      <Group justify="space-between" mb="sm">
        <Title order={2} size="h4" id="spending-alerts">
          Spending alerts
        </Title>
        <Button variant="default" onClick={dialog.open}>
          New alert
        </Button>
      </Group>
      <QueryView query={alerts} rows={2}>
        {({ data }) =>
          data.length === 0 ? (
            <EmptyState icon={IconBell} title="No alerts yet">
              Be written to when a day, week or month has cost so much, or when your balance falls below an
              amount. A key's budget stops requests; an alert only tells you.
            </EmptyState>
          ) : (
            <Alerts alerts={data} />
          )
        }
      </QueryView>
      <SpendingAlertDialog opened={opened} onClose={dialog.close} />
    </Card>
  )
}

function Alerts({ alerts }: { alerts: readonly SpendingAlertShown[] }) {
  const remove = useWrite<SpendingAlertShown, undefined>([path], ({ id }) => ({
    path: `${path}/${id}`,
    method: 'DELETE',
  }))
  const restore = useWrite<SpendingAlertShown, SpendingAlertShown>([path], (alert) => ({
    path,
    method: 'POST',
    body: again(alert),
  }))
  const take = (alert: SpendingAlertShown): void =>
    remove.mutate(alert, {
      onSuccess: () =>
        showUndo({ message: `Removed: ${sentenceOf(alert)}`, onUndo: () => restore.mutate(alert) }),
    })
  return (
    <DataTable
      label="Spending alerts"
      rows={alerts}
      rowKey={({ id }) => id}
      columns={[
        { title: 'Tells you when', cell: sentenceOf },
        {
          title: 'Now',
          align: 'end',
          cell: (alert) => <Money nanos={BigInt(alert.nowNanos)} />,
        },
        {
          title: 'State',
          cell: ({ reached }) => (
            <Badge color={reached ? 'yellow' : 'gray'}>{reached ? 'reached' : 'waiting'}</Badge>
          ),
        },
        {
          title: 'Last mail',
          cell: ({ firedAt, to }) =>
            firedAt === null ? (
              <Text size="sm" c="dimmed">
                none yet; to {to}
              </Text>
            ) : (
              <Moment at={firedAt} />
            ),
        },
        {
          title: 'Remove',
          actions: true,
          cell: (alert) => (
            <Button
              size="compact-sm"
              variant="subtle"
              color="gray"
              aria-label={`Remove: ${sentenceOf(alert)}`}
              onClick={() => take(alert)}
            >
              Remove
            </Button>
          ),
        },
      ]}
    />
  )
}

function sentenceOf({ kind, period, amountNanos, key }: SpendingAlertShown): string {
  const amount = formatUsd(BigInt(amountNanos))
  if (kind === 'balance') return `my balance falls below ${amount}`
  return `${key ? `the key “${key.name}” has` : 'I have'} spent ${amount} in a ${period}`
}

function again({ kind, period, amountNanos, key }: SpendingAlertShown) {
  if (kind === 'balance') return { kind, amountNanos }
  return { kind, period, amountNanos, ...(key ? { key: key.id } : {}) }
}
