import {
  Button,
  Card,
  Chip,
  Group,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  TextInput,
} from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import {
  emptyWindow,
  type PlainValues,
  type PriceValues,
  WEEKDAYS,
  type Weekday,
  type WindowValues,
} from './price-values.ts'

interface PriceFieldsProps {
  /** Whose price, for people who cannot see where they are. */
  model: string
  values: PriceValues
  onChange: (values: PriceValues) => void
}

/** How a model is priced: of the list price or fixed, and over that by the hour and by load. */
export function PriceFields({ model, values, onChange }: PriceFieldsProps) {
  const set = (changes: Partial<PriceValues>): void => onChange({ ...values, ...changes })
  return (
    <Stack gap="sm">
      <PlainFields label={`Price of ${model}`} values={values} onChange={set} />
      <Switch
        label="Another price at some hours"
        description="Windows of the week in your own time, such as nights and weekends."
        checked={values.byHour}
        onChange={({ currentTarget: { checked } }) =>
          set({
            byHour: checked,
            ...(checked && values.windows.length === 0 ? { windows: [emptyWindow(values)] } : {}),
          })
        }
      />
      {values.byHour ? <Windows model={model} values={values} onChange={set} /> : null}
      <Switch
        label="Follow the load"
        description="Cheaper while the listing is idle, dearer as it fills, in steps of 5 %."
        checked={values.byLoad}
        onChange={({ currentTarget }) => set({ byLoad: currentTarget.checked })}
      />
      {values.byLoad ? (
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <TextInput
            label="While idle, times the price"
            leftSection="×"
            inputMode="decimal"
            value={values.floor}
            onChange={({ currentTarget }) => set({ floor: currentTarget.value })}
          />
          <TextInput
            label="While full, times the price"
            leftSection="×"
            inputMode="decimal"
            value={values.ceiling}
            onChange={({ currentTarget }) => set({ ceiling: currentTarget.value })}
          />
        </SimpleGrid>
      ) : null}
    </Stack>
  )
}

function PlainFields({
  label,
  values,
  onChange,
}: {
  label: string
  values: PlainValues
  onChange: (changes: Partial<PlainValues>) => void
}) {
  return (
    <Stack gap="xs">
      <SegmentedControl
        aria-label={label}
        value={values.kind}
        onChange={(kind) => onChange({ kind: kind as PlainValues['kind'] })}
        data={[
          { value: 'multiplier', label: 'Times the list price' },
          { value: 'fixed', label: 'Fixed' },
        ]}
      />
      {values.kind === 'multiplier' ? (
        <TextInput
          label="Times the list price"
          description="1 is the list price; it follows the provider's own."
          leftSection="×"
          inputMode="decimal"
          maw={240}
          value={values.factor}
          onChange={({ currentTarget }) => onChange({ factor: currentTarget.value })}
        />
      ) : (
        <SimpleGrid cols={{ base: 1, xs: 2, sm: 4 }}>
          <UsdField
            label="Input, USD / M tokens"
            value={values.input}
            onChange={(input) => onChange({ input })}
          />
          <UsdField
            label="Output, USD / M tokens"
            value={values.output}
            onChange={(output) => onChange({ output })}
          />
          <UsdField
            label="Cached input"
            value={values.cacheRead}
            onChange={(cacheRead) => onChange({ cacheRead })}
          />
          <UsdField
            label="USD per request"
            value={values.perRequest}
            onChange={(perRequest) => onChange({ perRequest })}
          />
        </SimpleGrid>
      )}
    </Stack>
  )
}

function UsdField({
  label,
  value,
  onChange,
}: {
  label: string
  value: string
  onChange: (value: string) => void
}) {
  return (
    <TextInput
      label={label}
      leftSection="$"
      inputMode="decimal"
      value={value}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  )
}

function Windows({
  model,
  values,
  onChange,
}: {
  model: string
  values: PriceValues
  onChange: (changes: Partial<PriceValues>) => void
}) {
  const { windows, timeZone } = values
  const change = (at: number, changes: Partial<WindowValues>): void =>
    onChange({ windows: windows.map((window, index) => (index === at ? { ...window, ...changes } : window)) })
  return (
    <Stack gap="sm">
      <TextInput
        label="Time zone of the windows"
        value={timeZone}
        maw={280}
        onChange={({ currentTarget }) => onChange({ timeZone: currentTarget.value })}
      />
      {windows.map((window, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: windows have no identity beside their place
        <Card key={at} padding="sm" component="section" aria-label={`Window ${at + 1} of ${model}`}>
          <WindowFields
            at={at}
            window={window}
            onChange={(changes) => change(at, changes)}
            onRemove={() => onChange({ windows: windows.filter((_, index) => index !== at) })}
          />
        </Card>
      ))}
      <Group>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconPlus size={14} aria-hidden />}
          onClick={() => onChange({ windows: [...windows, emptyWindow(values)] })}
        >
          Add a window
        </Button>
      </Group>
    </Stack>
  )
}

function WindowFields({
  at,
  window,
  onChange,
  onRemove,
}: {
  at: number
  window: WindowValues
  onChange: (changes: Partial<WindowValues>) => void
  onRemove: () => void
}) {
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <Chip.Group multiple value={window.days} onChange={(days) => onChange({ days: days as Weekday[] })}>
          <Group gap={4} role="group" aria-label={`Days of window ${at + 1}`}>
            {WEEKDAYS.map(({ value, label }) => (
              <Chip key={value} value={value} size="xs">
                {label}
              </Chip>
            ))}
          </Group>
        </Chip.Group>
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTrash size={14} aria-hidden />}
          aria-label={`Remove window ${at + 1}`}
          onClick={onRemove}
        >
          Remove
        </Button>
      </Group>
      <Group gap="sm">
        <TextInput
          label="From"
          value={window.from}
          w={90}
          onChange={({ currentTarget }) => onChange({ from: currentTarget.value })}
        />
        <TextInput
          label="To"
          value={window.to}
          w={90}
          onChange={({ currentTarget }) => onChange({ to: currentTarget.value })}
        />
        <Text size="xs" c="dimmed" mt="lg">
          {window.to <= window.from ? 'on the next day' : 'on the same day'}
        </Text>
      </Group>
      <PlainFields label={`Price in window ${at + 1}`} values={window} onChange={onChange} />
    </Stack>
  )
}
