import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { useState } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { newIdempotencyKey } from '../../lib/idempotency-key.ts'
import { formatUsd, parseUsdInput } from '../../lib/money.ts'
import { useAddCredit } from './queries.ts'

/** Gives a user play money. Sending the form again after a lost answer cannot pay twice. */
export function AddCreditDialog({
  user,
  onClose,
}: {
  user: { id: string; name: string }
  onClose: () => void
}) {
  const credit = useAddCredit()
  // Changes with what is paid: the same key with another amount is refused by the gateway.
  const [intent, setIntent] = useState({ paid: '', idempotencyKey: '' })
  const form = useForm({
    initialValues: { amountUsd: '', reason: '' },
    validate: {
      amountUsd: (amount) =>
        (parseUsdInput(amount) ?? 0n) > 0n ? null : 'Write dollars above 0, such as 25 or 12.50',
      reason: (reason) =>
        reason.trim() === '' ? 'Say why: it appears on the statement and in the audit log' : null,
    },
  })
  const submit = (values: { amountUsd: string; reason: string }): void => {
    const amountNanos = parseUsdInput(values.amountUsd) ?? 0n
    const paid = `${amountNanos} ${values.reason.trim()}`
    const same = intent.paid === paid ? intent : { paid, idempotencyKey: newIdempotencyKey() }
    setIntent(same)
    const request = {
      userId: user.id,
      amountNanos,
      reason: values.reason.trim(),
      idempotencyKey: same.idempotencyKey,
    }
    credit.mutate(request, {
      onSuccess: () => {
        notifications.show({
          color: 'green',
          title: 'Credit added',
          message: `${user.name} has ${formatUsd(amountNanos)} more to spend.`,
        })
        onClose()
      },
    })
  }
  return (
    <Modal opened onClose={onClose} title={<Text fw={650}>Add credit for {user.name}</Text>}>
      <form noValidate onSubmit={form.onSubmit(submit)}>
        <Stack>
          <TextInput
            label="Amount in USD"
            description="Play money: it can be spent on this gateway and never paid out."
            inputMode="decimal"
            leftSection="$"
            data-autofocus
            {...form.getInputProps('amountUsd')}
          />
          <TextInput
            label="Reason"
            maxLength={500}
            placeholder="Welcome credit"
            {...form.getInputProps('reason')}
          />
          {credit.isError ? <ErrorPanel error={credit.error} /> : null}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={credit.isPending}>
              Add credit
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
