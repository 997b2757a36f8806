import type { TopupShown } from '@bourse/gateway/api/payments'
import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import { FormActions } from '../../components/form-actions.tsx'
import { newIdempotencyKey } from '../../lib/idempotency-key.ts'
import { formatUsd, parseNanos, parseUsdInput } from '../../lib/money.ts'
import { useWrite } from '../../lib/use-write.ts'

const MOST_NANOS = 100_000_000_000n
const SUGGESTED = ['10', '25', '100']

interface Wish {
  amountNanos: bigint
  idempotencyKey: string
}

/** Puts play money into one's own wallet. Sending the form again after a lost answer adds nothing. */
export function TopUpDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>Add play money</Text>} size="md">
      {opened ? <TopUpForm onClose={onClose} /> : null}
    </Modal>
  )
}

function TopUpForm({ onClose }: { onClose: () => void }) {
  const topUp = useWrite<Wish, TopupShown>(
    ['/api/balance', '/api/statements', '/api/transactions'],
    ({ amountNanos, idempotencyKey }) => ({
      path: '/api/topups',
      method: 'POST',
      body: { amountNanos: amountNanos.toString() },
      headers: { 'idempotency-key': idempotencyKey },
    }),
  )
  // Changes with the amount: the same key with another amount is refused by the gateway.
  const [intent, setIntent] = useState<Wish>()
  const form = useForm({
    initialValues: { amountUsd: '25' },
    validate: {
      amountUsd: (text) => {
        const amount = parseUsdInput(text) ?? 0n
        return amount > 0n && amount <= MOST_NANOS
          ? null
          : 'Write dollars above 0 and at most 100, such as 25 or 12.50'
      },
    },
  })
  const submit = ({ amountUsd }: { amountUsd: string }): void => {
    const amountNanos = parseUsdInput(amountUsd) ?? 0n
    const wish =
      intent?.amountNanos === amountNanos ? intent : { amountNanos, idempotencyKey: newIdempotencyKey() }
    setIntent(wish)
    topUp.mutate(wish, {
      onSuccess: ({ balance }) => {
        const available = formatUsd(parseNanos(balance.availableNanos))
        notifications.show({
          color: 'green',
          title: 'Play money added',
          message: `${available} is available.`,
        })
        onClose()
      },
    })
  }
  return (
    <form noValidate onSubmit={form.onSubmit(submit)}>
      <Stack>
        <TextInput
          label="Amount in USD"
          description="At most $100 at once and $500 within 24 hours."
          inputMode="decimal"
          leftSection="$"
          data-autofocus
          {...form.getInputProps('amountUsd')}
        />
        <Group gap="xs">
          {SUGGESTED.map((amount) => (
            <Button
              key={amount}
              size="xs"
              variant="default"
              onClick={() => form.setFieldValue('amountUsd', amount)}
            >
              ${amount}
            </Button>
          ))}
        </Group>
        <FormActions act="Add play money" busy={topUp.isPending} error={topUp.error} onCancel={onClose} />
      </Stack>
    </form>
  )
}
