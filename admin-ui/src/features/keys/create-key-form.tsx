import { NativeSelect, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { FormActions } from '../../components/form-actions.tsx'
import { parseUsdInput } from '../../lib/money.ts'
import type { NewKey } from './queries.ts'

const dayMs = 86_400_000

interface KeyValues {
  name: string
  expiresInDays: string
  budgetUsd: string
  budgetPeriod: string
  requestsPerMinute: string
}

interface CreateKeyFormProps {
  busy: boolean
  error: unknown
  onSubmit: (key: NewKey) => void
  onCancel: () => void
}

export function CreateKeyForm({ busy, error, onSubmit, onCancel }: CreateKeyFormProps) {
  const form = useForm<KeyValues>({
    initialValues: {
      name: '',
      expiresInDays: '',
      budgetUsd: '',
      budgetPeriod: 'month',
      requestsPerMinute: '',
    },
    validate: {
      name: (name) => (name.trim() === '' ? 'Give it a name you will recognise, such as “laptop”' : null),
      budgetUsd: (budget) =>
        budget === '' || parseUsdInput(budget) ? null : 'Write dollars such as 20 or 12.50',
      requestsPerMinute: (rate) =>
        rate === '' || /^[1-9]\d{0,5}$/.test(rate) ? null : 'Write a whole number above 0',
    },
  })
  return (
    <form noValidate onSubmit={form.onSubmit((values) => onSubmit(newKeyOf(values, Date.now())))}>
      <Stack>
        <TextInput
          label="Name"
          description="Where the key will be used."
          maxLength={100}
          data-autofocus
          {...form.getInputProps('name')}
        />
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <NativeSelect
            label="Expires"
            data={[
              { value: '', label: 'Never' },
              { value: '7', label: 'In 7 days' },
              { value: '30', label: 'In 30 days' },
              { value: '90', label: 'In 90 days' },
            ]}
            {...form.getInputProps('expiresInDays')}
          />
          <TextInput
            label="Requests a minute"
            placeholder="no limit"
            inputMode="numeric"
            {...form.getInputProps('requestsPerMinute')}
          />
          <TextInput
            label="Budget in USD"
            placeholder="no limit"
            inputMode="decimal"
            {...form.getInputProps('budgetUsd')}
          />
          <NativeSelect
            label="Budget renews"
            disabled={form.values.budgetUsd === ''}
            data={[
              { value: 'day', label: 'Every day' },
              { value: 'week', label: 'Every week' },
              { value: 'month', label: 'Every month' },
              { value: 'total', label: 'Never' },
            ]}
            {...form.getInputProps('budgetPeriod')}
          />
        </SimpleGrid>
        <FormActions act="Create key" busy={busy} error={error} onCancel={onCancel} />
      </Stack>
    </form>
  )
}

function newKeyOf(values: KeyValues, nowMs: number): NewKey {
  const budget = parseUsdInput(values.budgetUsd)
  const period = values.budgetPeriod as NonNullable<NewKey['budget']>['period']
  const days = Number.parseInt(values.expiresInDays, 10)
  return {
    name: values.name.trim(),
    ...(Number.isNaN(days) ? {} : { expiresAt: new Date(nowMs + days * dayMs).toISOString() }),
    ...(values.requestsPerMinute === ''
      ? {}
      : { requestsPerMinute: Number.parseInt(values.requestsPerMinute, 10) }),
    ...(budget === undefined ? {} : { budget: { limitNanos: budget.toString(), period } }),
  }
}
