import {
  Accordion,
  Checkbox,
  Fieldset,
  MultiSelect,
  NativeSelect,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import { type UseFormReturnType, useForm } from '@mantine/form'
import { FormActions } from '../../components/form-actions.tsx'
import { type KeyValues, keyFaults } from './key-values.ts'
import { PolicyFields } from './policy-fields.tsx'
import { useChoices } from './use-choices.ts'

type KeyForm = UseFormReturnType<KeyValues>

interface KeyFormProps {
  values: KeyValues
  act: string
  busy: boolean
  error: unknown
  onSubmit: (values: KeyValues) => void
  onCancel: () => void
}

/** Everything that a key may do and spend; most people need the name only. */
export function KeyForm({ values, act, busy, error, onSubmit, onCancel }: KeyFormProps) {
  const form: KeyForm = useForm<KeyValues>({ initialValues: values, validate: keyFaults })
  const choices = useChoices({
    models: values.models,
    sellers: [...values.order, ...values.only, ...values.ignore],
  })
  return (
    <form noValidate onSubmit={form.onSubmit(onSubmit)}>
      <Stack>
        <TextInput
          label="Name"
          description="Where the key will be used."
          maxLength={100}
          data-autofocus
          {...form.getInputProps('name')}
        />
        <SpendingFields form={form} />
        <Accordion variant="separated" multiple defaultValue={[]}>
          <Accordion.Item value="limits">
            <Accordion.Control>Limits and rights</Accordion.Control>
            <Accordion.Panel>
              <LimitFields form={form} />
            </Accordion.Panel>
          </Accordion.Item>
          <Accordion.Item value="models">
            <Accordion.Control>Models</Accordion.Control>
            <Accordion.Panel>
              <MultiSelect
                label="Models it may use"
                description="None chosen: every model, also those that come later."
                data={choices.models}
                searchable
                clearable
                clearButtonProps={{ 'aria-label': 'Clear models' }}
                nothingFoundMessage="No such model is on offer"
                maxValues={200}
                {...form.getInputProps('models')}
              />
            </Accordion.Panel>
          </Accordion.Item>
          <Accordion.Item value="policy">
            <Accordion.Control>Who answers, and at which price</Accordion.Control>
            <Accordion.Panel>
              <PolicyFields form={form} sellers={choices.sellers} />
            </Accordion.Panel>
          </Accordion.Item>
        </Accordion>
        {form.isValid() ? null : (
          <Text size="sm" c="dimmed" aria-live="polite">
            {Object.keys(form.errors).length > 0 ? 'Some fields need another look; open the sections.' : ''}
          </Text>
        )}
        <FormActions act={act} busy={busy} error={error} onCancel={onCancel} />
      </Stack>
    </form>
  )
}

function SpendingFields({ form }: { form: KeyForm }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
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
      <NativeSelect
        label="Expires"
        data={[
          { value: '', label: 'Never' },
          { value: '1', label: 'In a day' },
          { value: '7', label: 'In 7 days' },
          { value: '30', label: 'In 30 days' },
          { value: '90', label: 'In 90 days' },
          { value: 'at', label: 'At a time' },
        ]}
        {...form.getInputProps('expires')}
      />
      {form.values.expires === 'at' ? (
        <TextInput
          type="datetime-local"
          label="Expires at"
          description="In your time zone."
          {...form.getInputProps('expiresAt')}
        />
      ) : null}
    </SimpleGrid>
  )
}

function LimitFields({ form }: { form: KeyForm }) {
  const count = { inputMode: 'numeric' as const, placeholder: 'no limit' }
  return (
    <Stack>
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <TextInput label="Requests a minute" {...count} {...form.getInputProps('requestsPerMinute')} />
        <TextInput label="Tokens a minute" {...count} {...form.getInputProps('tokensPerMinute')} />
        <TextInput
          label="Longest answer in tokens"
          description="For requests that name no maximum."
          {...count}
          placeholder="the model’s own"
          {...form.getInputProps('defaultMaxOutputTokens')}
        />
      </SimpleGrid>
      <Fieldset legend="It may" variant="unstyled">
        <Checkbox.Group {...form.getInputProps('scopes')}>
          <Stack gap="xs">
            <Checkbox value="inference" label="Call models" description="And spend your balance." />
            <Checkbox
              value="read"
              label="Read"
              description="Your balance, statements, receipts, prices and why a seller was chosen."
            />
          </Stack>
        </Checkbox.Group>
      </Fieldset>
    </Stack>
  )
}
