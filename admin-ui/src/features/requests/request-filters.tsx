import type { RequestShown, UsageAnswer } from '@bourse/gateway/api/analytics'
import { Group } from '@mantine/core'
import { FilterSelect } from '../../components/filter-select.tsx'
import type { Side } from './queries.ts'

const outcomes = [
  { value: 'trouble', label: 'any trouble' },
  { value: 'answered', label: 'answered' },
  { value: 'free', label: 'free' },
  { value: 'left', label: 'client left' },
  { value: 'failed', label: 'failed' },
  { value: 'refused', label: 'refused' },
]

/** Filters offer what is in sight: of the list, and the models that cost most. */
export function RequestFiltersBar({
  rows,
  usage,
  side,
}: {
  rows: readonly RequestShown[]
  usage: UsageAnswer | undefined
  side: Side
}) {
  const parts = usage?.data.flatMap(({ parts: of = [] }) => of) ?? []
  const models = [...rows.map(({ model }) => model), ...parts.map(({ id }) => id)]
  return (
    <Group gap="xs" mb="sm">
      <FilterSelect
        name="model"
        label="Model"
        data={[...new Set(models)].filter((id) => id !== null).toSorted()}
      />
      {side === 'sold' ? null : (
        <FilterSelect name="key" label="Key" data={named(rows.map(({ key }) => key))} />
      )}
      {side === 'sold' ? null : (
        <FilterSelect name="seller" label="Seller" data={named(rows.map(({ seller }) => seller))} />
      )}
      <FilterSelect name="listing" label="Listing" data={named(rows.map(({ listing }) => listing))} />
      {side === 'market' ? (
        <FilterSelect
          name="organisation"
          label="Bought by"
          data={named(rows.map((row) => row.organisation))}
        />
      ) : null}
      <FilterSelect name="outcome" label="Outcome" data={outcomes} />
    </Group>
  )
}

function named(things: readonly ({ id: string; name: string } | null | undefined)[]) {
  const names = new Map(things.flatMap((each) => (each ? [[each.id, each.name] as const] : [])))
  return [...names]
    .map(([value, label]) => ({ value, label }))
    .toSorted((left, right) => left.label.localeCompare(right.label))
}
