import type { PayoutDetail } from '@bourse/gateway/api/payments'
import { Button, Card, Group, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { notifications } from '@mantine/notifications'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { formatUsd, parseNanos } from '../../lib/money.ts'
import { usePayoutAct } from './queries.ts'

/** Books what the bank has paid. Sending it again with the same reference changes nothing. */
export function BookForm({ payout, onFail }: { payout: PayoutDetail; onFail: () => void }) {
  const book = usePayoutAct('book')
  const form = useForm({
    initialValues: { bankReference: '', note: '' },
    validate: {
      bankReference: (text) =>
        text.trim() === '' ? 'Copy the reference of the transfer from your bank' : null,
    },
  })
  const amount = formatUsd(parseNanos(payout.amountNanos))
  const submit = ({ bankReference, note }: { bankReference: string; note: string }): void => {
    const body = { bankReference: bankReference.trim(), ...(note.trim() === '' ? {} : { note: note.trim() }) }
    book.mutate(
      { id: payout.id, body },
      {
        onSuccess: () =>
          notifications.show({
            color: 'green',
            title: 'Booked as paid',
            message: `${amount} to ${payout.organisation.name}.`,
          }),
      },
    )
  }
  return (
    <Card component="section" aria-label="Book as paid" padding="md">
      <form noValidate onSubmit={form.onSubmit(submit)}>
        <Stack gap="sm">
          <Text component="h3" fw={650}>
            Book as paid
          </Text>
          <Text size="sm">
            Pay {amount} to {payout.organisation.name} from your bank first, to the account you have agreed
            on. This gateway sends no money itself; it books what you paid.
          </Text>
          <TextInput
            label="Bank reference"
            description="Of the transfer, as your bank has it. Each reference books one payout."
            maxLength={100}
            {...form.getInputProps('bankReference')}
          />
          <TextInput
            label="Note"
            description="The seller reads it. May be empty."
            maxLength={500}
            {...form.getInputProps('note')}
          />
          {book.isError ? <ErrorPanel error={book.error} /> : null}
          <Group>
            <Button type="submit" loading={book.isPending}>
              Book {amount} as paid
            </Button>
            <Button variant="default" onClick={onFail}>
              It could not be paid …
            </Button>
          </Group>
        </Stack>
      </form>
    </Card>
  )
}
