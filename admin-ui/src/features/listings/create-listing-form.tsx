import {
  Autocomplete,
  Checkbox,
  NativeSelect,
  PasswordInput,
  SimpleGrid,
  Stack,
  TagsInput,
  TextInput,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { FormActions } from '../../components/form-actions.tsx'
import { parseMultiplier } from '../../lib/multiplier.ts'
import { useModels } from '../market/queries.ts'
import { emptyListing, grounds, knownProviders, newListingOf, validateListing } from './listing-values.ts'
import type { NewListing } from './queries.ts'

interface CreateListingFormProps {
  busy: boolean
  error: unknown
  onSubmit: (listing: NewListing) => void
  onCancel: () => void
}

/** Provider, key, models, price, capacity and the ground on which it is offered. */
export function CreateListingForm({ busy, error, onSubmit, onCancel }: CreateListingFormProps) {
  const models = useModels()
  const form = useForm({ initialValues: emptyListing, validate: validateListing })
  return (
    <form noValidate autoComplete="off" onSubmit={form.onSubmit((values) => onSubmit(newListingOf(values)))}>
      <Stack>
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <Autocomplete
            label="Provider"
            data={knownProviders}
            openOnFocus={false}
            data-autofocus
            {...form.getInputProps('provider')}
          />
          <TextInput
            label="Name"
            placeholder="bay · OpenAI"
            maxLength={100}
            {...form.getInputProps('name')}
          />
        </SimpleGrid>
        <PasswordInput
          label="Provider key"
          description="Sealed when it arrives; nobody can read it back, you included."
          autoComplete="new-password"
          {...form.getInputProps('key')}
        />
        <TextInput
          label="Base URL"
          placeholder="the provider's own"
          inputMode="url"
          {...form.getInputProps('baseUrl')}
        />
        <TagsInput
          label="Models"
          description="As author/model, such as openai/gpt-4o-mini. Enter adds one."
          data={(models.data ?? []).map((model) => model.id)}
          splitChars={[',', ' ']}
          acceptValueOnBlur
          {...form.getInputProps('models')}
        />
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <TextInput
            label="Price"
            description={priceMeaning(form.values.multiplier)}
            leftSection="×"
            inputMode="decimal"
            {...form.getInputProps('multiplier')}
          />
          <NumberField label="Requests at once" {...form.getInputProps('concurrency')} />
          <NumberField label="Requests a minute" {...form.getInputProps('requestsPerMinute')} />
          <NumberField label="Tokens a minute" {...form.getInputProps('tokensPerMinute')} />
        </SimpleGrid>
        <NativeSelect
          label="Ground"
          description="Why you may offer this key."
          data={grounds}
          {...form.getInputProps('ground')}
        />
        <Checkbox
          label="I attest that the provider's terms allow this listing on this ground."
          {...form.getInputProps('attested', { type: 'checkbox' })}
        />
        <FormActions act="Create listing" busy={busy} error={error} onCancel={onCancel} />
      </Stack>
    </form>
  )
}

function NumberField(props: { label: string }) {
  return <TextInput description="Empty for no limit." inputMode="numeric" {...props} />
}

function priceMeaning(typed: string): string {
  const ppm = parseMultiplier(typed)
  if (ppm === undefined) return 'Times the list price of each model.'
  if (ppm === 1_000_000) return 'The list price of each model.'
  return ppm < 1_000_000 ? 'Below the list price of each model.' : 'Above the list price of each model.'
}
