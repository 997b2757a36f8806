import type { Earnings } from '@bourse/gateway/api/payments'
import { Alert, Button, Card, Group, List, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { IconInfoCircle } from '@tabler/icons-react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { HeadlineMoney } from '../../components/money.tsx'
import { formatUsd, parseNanos, parseUsdInput } from '../../lib/money.ts'
import { useRequestPayout } from './queries.ts'

const CENT = 10_000_000n

/** What can be paid out now, and the way to ask for it; or why not. */
export function PayoutCard({ earnings }: { earnings: Earnings }) {
  const { obstacles, payableNanos, minNanos } = earnings.payout
  return (
    <Card component="section" aria-label="Ask for a payout">
      <Group justify="space-between" align="flex-start" gap="xl">
        <div>
          <Text component="h2" size="sm" fw={600} c="dimmed">
            Can be paid out now
          </Text>
          <HeadlineMoney nanos={payableNanos} />
          <Text size="xs" c="dimmed">
            Whole cents of what is available; {formatUsd(parseNanos(minNanos))} or more at a time.
          </Text>
        </div>
        {obstacles.length === 0 ? (
          <PayoutForm key={payableNanos} payable={parseNanos(payableNanos)} min={parseNanos(minNanos)} />
        ) : (
          <Alert
            color="yellow"
            radius="md"
            icon={<IconInfoCircle aria-hidden />}
            title="Not possible at the moment"
            maw={560}
          >
            {obstacles.length === 1 ? (
              obstacles[0]?.text
            ) : (
              <List size="sm" spacing={4}>
                {obstacles.map(({ code, text }) => (
                  <List.Item key={code}>{text}</List.Item>
                ))}
              </List>
            )}
          </Alert>
        )}
      </Group>
    </Card>
  )
}

function PayoutForm({ payable, min }: { payable: bigint; min: bigint }) {
  const request = useRequestPayout()
  const form = useForm({
    initialValues: { amountUsd: formatUsd(payable).replace(/[$,]/g, '') },
    validate: {
      amountUsd: (text) => {
        const nanos = parseUsdInput(text)
        if (nanos === undefined || nanos % CENT !== 0n) return 'Write dollars and whole cents, such as 12.50'
        if (nanos < min) return `At least ${formatUsd(min)}`
        return nanos > payable ? `At most ${formatUsd(payable)}` : null
      },
    },
  })
  const submit = ({ amountUsd }: { amountUsd: string }): void => {
    const amountNanos = parseUsdInput(amountUsd) ?? 0n
    request.mutate(
      { amountNanos },
      {
        onSuccess: () =>
          notifications.show({
            color: 'green',
            title: 'Payout asked for',
            message: `${formatUsd(amountNanos)} is set aside and waits for an operator.`,
          }),
      },
    )
  }
  return (
    <form noValidate onSubmit={form.onSubmit(submit)}>
      <Group align="flex-end" gap="sm">
        <TextInput
          label="Amount in USD"
          inputMode="decimal"
          leftSection="$"
          w={180}
          {...form.getInputProps('amountUsd')}
        />
        <Button type="submit" loading={request.isPending}>
          Ask for this payout
        </Button>
      </Group>
      {request.isError ? <ErrorPanel error={request.error} /> : null}
    </form>
  )
}
