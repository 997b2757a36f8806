import { Accordion, Button, Group, Select, Stack, Text, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconTrash } from '@tabler/icons-react'
import { useState } from 'react'
import { type ModelValues, newModel } from './listing-values.ts'
import { PriceFields } from './price-fields.tsx'
import { PricePreview } from './price-preview.tsx'
import { priceWords, ruleOf } from './price-values.ts'
import { useCatalogModels } from './queries.ts'

interface ModelFieldsProps {
  models: readonly ModelValues[]
  /** By the place of a model, and `models` for the list. */
  faults: Readonly<Record<string, string>>
  /** The listing, once there is one. */
  listing?: string | undefined
  onChange: (models: ModelValues[]) => void
}

/** The models of a listing with their prices, and the way to add one from the catalogue. */
export function ModelFields({ models, faults, listing, onChange }: ModelFieldsProps) {
  const [open, setOpen] = useState<string | null>(models.length === 1 ? (models[0]?.model ?? null) : null)
  const add = (model: string): void => {
    if (models.some((each) => each.model === model)) return
    onChange([...models, newModel(model, zoneHere())])
    setOpen(model)
  }
  return (
    <Stack gap="sm">
      <AddModel known={models.map(({ model }) => model)} fault={faults.models} onAdd={add} />
      <Accordion variant="separated" value={open} onChange={setOpen} order={3}>
        {models.map((values, at) => (
          <Accordion.Item key={values.model} value={values.model}>
            <Accordion.Control>
              <Text size="sm" fw={600} style={{ overflowWrap: 'anywhere' }}>
                {values.model}
              </Text>
              <Summary values={values} fault={faults[`models.${at}`]} />
            </Accordion.Control>
            <Accordion.Panel>
              {open === values.model ? (
                <OneModel
                  values={values}
                  listing={listing}
                  onChange={(changed) =>
                    onChange(models.map((each, index) => (index === at ? changed : each)))
                  }
                  onRemove={() => onChange(models.filter((_, index) => index !== at))}
                />
              ) : null}
            </Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Stack>
  )
}

function Summary({ values, fault }: { values: ModelValues; fault: string | undefined }) {
  const rule = ruleOf(values.price)
  const said = fault ?? (typeof rule === 'string' ? rule : priceWords(rule))
  return (
    <Text size="xs" c={fault ? 'red' : 'dimmed'}>
      {said}
    </Text>
  )
}

function OneModel({
  values,
  listing,
  onChange,
  onRemove,
}: {
  values: ModelValues
  listing: string | undefined
  onChange: (values: ModelValues) => void
  onRemove: () => void
}) {
  return (
    <Stack gap="md">
      <TextInput
        label="The provider's own name for it"
        description="Empty: the name behind the slash."
        value={values.upstreamModel}
        maxLength={200}
        onChange={({ currentTarget }) => onChange({ ...values, upstreamModel: currentTarget.value })}
      />
      <PriceFields
        model={values.model}
        values={values.price}
        onChange={(price) => onChange({ ...values, price })}
      />
      <PricePreview model={values.model} rule={ruleOf(values.price)} listing={listing} />
      <Group justify="flex-end">
        <Button
          size="xs"
          variant="default"
          leftSection={<IconTrash size={14} aria-hidden />}
          onClick={onRemove}
          aria-label={`Take off ${values.model}`}
        >
          Take off
        </Button>
      </Group>
    </Stack>
  )
}

function AddModel({
  known,
  fault,
  onAdd,
}: {
  known: readonly string[]
  fault: string | undefined
  onAdd: (model: string) => void
}) {
  const [typed, setTyped] = useState('')
  const [q] = useDebouncedValue(typed, 200)
  const models = useCatalogModels(q)
  const found = (models.data ?? []).filter(({ id }) => !known.includes(id))
  return (
    <Select
      label="Add a model"
      description="From the catalogue; type a part of its name."
      placeholder="gpt-4o-mini"
      searchable
      data={found.map(({ id, listPrice }) => ({
        value: id,
        label: listPrice ? id : `${id} (no list price: ask a fixed one)`,
      }))}
      // The gateway has found them; the list here is shown as it came.
      filter={({ options }) => options}
      value={null}
      searchValue={typed}
      onSearchChange={setTyped}
      onChange={(model) => {
        if (model) onAdd(model)
        setTyped('')
      }}
      nothingFoundMessage={models.isFetching ? 'Looking…' : 'No such model in the catalogue'}
      error={fault}
    />
  )
}

/** Where the seller sits, for windows of the week. */
export function zoneHere(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
}
