import type { SpendingAlertShown } from '@bourse/gateway/api/analytics'
import type { KeyShown } from '@bourse/gateway/api/keys'
import { Modal, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { FormActions } from '../../components/form-actions.tsx'
import { parseUsdInput } from '../../lib/money.ts'
import { usePages } from '../../lib/use-pages.ts'
import { useWrite } from '../../lib/use-write.ts'

const path = '/api/spending-alerts'

interface Draft {
  when: 'day' | 'week' | 'month' | 'balance'
  amount: string
  key: string | null
}

const fresh: Draft = { when: 'month', amount: '', key: null }

export function SpendingAlertDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title={<Text fw={650}>New spending alert</Text>} size="md">
      {opened ? <AlertForm onClose={onClose} /> : null}
    </Modal>
  )
}

function AlertForm({ onClose }: { onClose: () => void }) {
  const keys = usePages<KeyShown>('/api/keys')
  const form = useForm<Draft>({
    initialValues: fresh,
    validate: {
      amount: (text) =>
        (parseUsdInput(text) ?? 0n) > 0n ? null : 'An amount in dollars, such as 20 or 0.50',
    },
  })
  const create = useWrite<Draft, SpendingAlertShown>([path], (draft) => ({
    path,
    method: 'POST',
    body: bodyOf(draft),
  }))
  const isSpend = form.values.when !== 'balance'
  return (
    <form onSubmit={form.onSubmit((draft) => create.mutate(draft, { onSuccess: onClose }))}>
      <Stack>
        <SegmentedControl
          aria-label="What to watch"
          fullWidth
          data={[
            { value: 'day', label: 'Day' },
            { value: 'week', label: 'Week' },
            { value: 'month', label: 'Month' },
            { value: 'balance', label: 'Balance' },
          ]}
          {...form.getInputProps('when')}
        />
        <TextInput
          label={
            isSpend ? `Tell me when this ${form.values.when} has cost` : 'Tell me when my balance falls below'
          }
          description={
            isSpend
              ? 'Days, weeks from Monday, and months of UTC. One mail each at most.'
              : 'One mail each time it falls below.'
          }
          leftSection="$"
          inputMode="decimal"
          data-autofocus
          {...form.getInputProps('amount')}
        />
        {isSpend ? (
          <Select
            label="Of one key only"
            placeholder="All keys"
            clearable
            clearButtonProps={{ 'aria-label': 'All keys' }}
            data={(keys.data ?? []).map(({ id, name, hint }) => ({ value: id, label: `${name} …${hint}` }))}
            {...form.getInputProps('key')}
          />
        ) : null}
        <FormActions act="Create alert" busy={create.isPending} error={create.error} onCancel={onClose} />
      </Stack>
    </form>
  )
}

function bodyOf({ when, amount, key }: Draft) {
  const amountNanos = (parseUsdInput(amount) ?? 0n).toString()
  if (when === 'balance') return { kind: 'balance', amountNanos }
  return { kind: 'spend', period: when, amountNanos, ...(key ? { key } : {}) }
}
