import type { ProviderShown } from '@bourse/gateway/api/marketplace'
import {
  Checkbox,
  Fieldset,
  PasswordInput,
  Radio,
  Select,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { FormActions } from '../../components/form-actions.tsx'
import { groundsFor } from './ground-words.ts'
import { faultsOf, type Ground, LIMITS, type ListingValues } from './listing-values.ts'
import { ModelFields } from './model-fields.tsx'

interface ListingFormProps {
  initial: ListingValues
  providers: readonly ProviderShown[]
  customEndpoints: boolean
  priceNoticeMs: number
  /** The listing that is changed; undefined for a new one. */
  listing?: string
  busy: boolean
  error: unknown
  act: string
  onSubmit: (values: ListingValues) => void
  onCancel: () => void
}

/** Provider, key, models with their prices, limits, and the ground on which it may be offered. */
export function ListingForm(props: ListingFormProps) {
  const { providers, listing, busy, error, act, onSubmit, onCancel } = props
  const [values, setValues] = useState(props.initial)
  const [tried, setTried] = useState(false)
  const isNew = listing === undefined
  const faults = tried ? faultsOf(values, { isNew }) : {}
  const set = (changes: Partial<ListingValues>): void => setValues((before) => ({ ...before, ...changes }))
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    setTried(true)
    if (Object.keys(faultsOf(values, { isNew })).length === 0) onSubmit(values)
  }
  const provider = providers.find(({ id }) => id === values.provider)
  return (
    <form noValidate autoComplete="off" onSubmit={submit}>
      <Stack gap="lg">
        <Where {...props} values={values} faults={faults} set={set} />
        <Fieldset legend="Models and prices">
          <Text size="xs" c="dimmed" mb="sm">
            A first price holds at once. A changed one is announced to buyers{' '}
            {noticeWords(props.priceNoticeMs)} before it holds, and never touches a request that runs.
          </Text>
          <ModelFields
            models={values.models}
            faults={faults}
            listing={listing}
            onChange={(models) => set({ models })}
          />
        </Fieldset>
        <Limits values={values} faults={faults} set={set} />
        <GroundFields provider={provider} values={values} faults={faults} set={set} />
        {tried && Object.keys(faults).length > 0 ? (
          <Text size="sm" c="red" role="alert">
            {Object.values(faults)[0]}.
          </Text>
        ) : null}
        <FormActions act={act} busy={busy} error={error} onCancel={onCancel} />
      </Stack>
    </form>
  )
}

interface PartProps {
  values: ListingValues
  faults: Readonly<Record<string, string>>
  set: (changes: Partial<ListingValues>) => void
}

function Where({ values, faults, set, providers, customEndpoints, listing }: ListingFormProps & PartProps) {
  const isNew = listing === undefined
  const provider = providers.find(({ id }) => id === values.provider)
  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <Select
          label="Provider"
          searchable
          data={providers.map(({ id, name }) => ({ value: id, label: name }))}
          value={values.provider || null}
          onChange={(chosen) => set({ provider: chosen ?? '', ground: '' })}
          disabled={!isNew}
          error={faults.provider}
          data-autofocus={isNew || undefined}
        />
        <TextInput
          label="Name"
          description="Buyers see it."
          placeholder="bay · OpenAI"
          maxLength={100}
          value={values.name}
          onChange={({ currentTarget }) => set({ name: currentTarget.value })}
          error={faults.name}
        />
      </SimpleGrid>
      <PasswordInput
        label={isNew ? 'Provider key' : 'New provider key'}
        description={
          isNew
            ? 'Sealed when it arrives; nobody can read it back, you included.'
            : 'Leave it empty to keep the sealed one. A new key is verified before it serves.'
        }
        autoComplete="new-password"
        value={values.key}
        onChange={({ currentTarget }) => set({ key: currentTarget.value })}
        error={faults.key}
      />
      <TextInput
        label="Base URL"
        description={
          customEndpoints
            ? 'Empty: the provider’s own. A server of your own must speak its format.'
            : 'Empty: the provider’s own. Servers of one’s own are not accepted on this gateway.'
        }
        placeholder={provider?.baseUrl ?? 'https://…/v1'}
        inputMode="url"
        value={values.baseUrl}
        onChange={({ currentTarget }) => set({ baseUrl: currentTarget.value })}
        error={faults.baseUrl}
      />
    </Stack>
  )
}

function Limits({ values, faults, set }: PartProps) {
  return (
    <Fieldset legend="Capacity">
      <Text size="xs" c="dimmed" mb="sm">
        Never exceeded: a request that does not fit goes to another seller. Empty is no limit.
      </Text>
      <SimpleGrid cols={{ base: 1, xs: 2, sm: 3 }}>
        {LIMITS.map(({ name, label }) => (
          <TextInput
            key={name}
            label={label}
            inputMode="decimal"
            value={values.capacity[name]}
            onChange={({ currentTarget }) =>
              set({ capacity: { ...values.capacity, [name]: currentTarget.value } })
            }
            error={faults[`capacity.${name}`]}
          />
        ))}
      </SimpleGrid>
    </Fieldset>
  )
}

function GroundFields({
  provider,
  values,
  faults,
  set,
}: PartProps & { provider: ProviderShown | undefined }) {
  const choices = groundsFor(provider, values.baseUrl)
  return (
    <Fieldset legend="Ground">
      <Text size="xs" c="dimmed" mb="sm">
        Some providers forbid to resell their keys. Say on what ground you may offer this one; the operator
        decides which grounds are accepted for each provider.
      </Text>
      <Radio.Group
        aria-label="On what ground it is offered"
        value={values.ground}
        onChange={(ground) => set({ ground: ground as Ground, attested: false })}
        error={faults.ground}
      >
        <Stack gap="xs">
          {choices.map(({ value, label, means, isAccepted }) => (
            <Radio
              key={value}
              value={value}
              label={label}
              description={isAccepted ? means : `${means} Not accepted for this provider here.`}
              disabled={!isAccepted && values.ground !== value}
            />
          ))}
        </Stack>
      </Radio.Group>
      <Checkbox
        mt="md"
        label="I attest that this ground is true and that the provider's terms allow this listing on it."
        checked={values.attested}
        onChange={({ currentTarget }) => set({ attested: currentTarget.checked })}
        error={faults.attested}
      />
      {provider ? (
        <Text size="xs" c="dimmed" mt="xs">
          It is written down with your name and the time, and can be changed later.
        </Text>
      ) : null}
    </Fieldset>
  )
}

function noticeWords(ms: number): string {
  if (ms === 0) return 'no time'
  if (ms < 120_000) return `${ms / 1_000} seconds`
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} minutes` : `${Math.round(ms / 3_600_000)} hours`
}
