import { NumberInput, Select, SimpleGrid, Textarea } from '@mantine/core'

export interface SettingValues {
  system: string
  /** Empty: the model's own. */
  temperature: number | string
  maxTokens: number | string
}

interface SettingsProps {
  models: readonly string[]
  model: string | undefined
  onModel: (model: string | undefined) => void
  values: SettingValues
  onValues: (values: SettingValues) => void
}

/** Which model, and what goes with every question. */
export function Settings({ models, model, onModel, values, onValues }: SettingsProps) {
  const own = 'the model’s own'
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <Select
          label="Model"
          data={model === undefined || models.includes(model) ? [...models] : [model, ...models]}
          value={model ?? null}
          onChange={(chosen) => onModel(chosen ?? undefined)}
          searchable
          allowDeselect={false}
          nothingFoundMessage="No such model is on offer"
        />
        <NumberInput
          label="Temperature"
          placeholder={own}
          min={0}
          max={2}
          step={0.1}
          decimalScale={2}
          value={values.temperature}
          onChange={(temperature) => onValues({ ...values, temperature })}
        />
        <NumberInput
          label="Longest answer in tokens"
          placeholder={own}
          min={1}
          max={1_000_000}
          allowDecimal={false}
          value={values.maxTokens}
          onChange={(maxTokens) => onValues({ ...values, maxTokens })}
        />
      </SimpleGrid>
      <Textarea
        label="System prompt"
        placeholder="none"
        autosize
        minRows={1}
        maxRows={8}
        value={values.system}
        onChange={(event) => onValues({ ...values, system: event.currentTarget.value })}
      />
    </>
  )
}
