import { Checkbox, MultiSelect, Radio, SimpleGrid, Stack, TextInput } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import type { KeyValues } from './key-values.ts'
import { SORTS } from './policy-words.ts'
import type { Choices } from './use-choices.ts'

/** How requests of the key choose among offers. A request may narrow it further, never widen it. */
export function PolicyFields({
  form,
  sellers,
}: {
  form: UseFormReturnType<KeyValues>
  sellers: Choices['sellers']
}) {
  const named = {
    data: sellers,
    searchable: true,
    clearable: true,
    maxValues: 100,
    nothingFoundMessage: 'Nobody by that name is on offer',
  }
  return (
    <Stack>
      <Radio.Group label="When several can serve" {...form.getInputProps('sort')}>
        <Stack gap="xs" mt={6}>
          {SORTS.map(({ value, label, means }) => (
            <Radio key={value} value={value} label={label} description={means} />
          ))}
        </Stack>
      </Radio.Group>
      <MultiSelect
        label="Only these"
        description="Nobody else serves this key."
        {...named}
        clearButtonProps={{ 'aria-label': 'Clear only these' }}
        {...form.getInputProps('only')}
      />
      <MultiSelect
        label="These first"
        description="Tried in the order in which you choose them."
        {...named}
        clearButtonProps={{ 'aria-label': 'Clear these first' }}
        {...form.getInputProps('order')}
      />
      <MultiSelect
        label="Never these"
        {...named}
        clearButtonProps={{ 'aria-label': 'Clear never these' }}
        {...form.getInputProps('ignore')}
      />
      <Checkbox
        label="Try others when the first choice fails"
        description="Off: a request fails with the first choice, or with the ones named above."
        {...form.getInputProps('allowFallbacks', { type: 'checkbox' })}
      />
      <Checkbox
        label="Only offers that honour every parameter"
        description="Otherwise an offer may serve without one that it does not know."
        {...form.getInputProps('requireParameters', { type: 'checkbox' })}
      />
      <PriceFields form={form} />
    </Stack>
  )
}

function PriceFields({ form }: { form: UseFormReturnType<KeyValues> }) {
  const price = { inputMode: 'decimal' as const, placeholder: 'any' }
  return (
    <SimpleGrid cols={{ base: 1, xs: 3 }}>
      <TextInput
        label="Highest input price"
        description="USD per million tokens"
        {...price}
        {...form.getInputProps('maxPromptUsd')}
      />
      <TextInput
        label="Highest output price"
        description="USD per million tokens"
        {...price}
        {...form.getInputProps('maxCompletionUsd')}
      />
      <TextInput
        label="Highest fee"
        description="USD per request"
        {...price}
        {...form.getInputProps('maxRequestUsd')}
      />
    </SimpleGrid>
  )
}
