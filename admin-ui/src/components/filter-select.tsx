import { Select } from '@mantine/core'
import { usePageSearch } from '../lib/use-page-search.ts'

interface FilterSelectProps {
  /** The name in the address. */
  name: string
  /** What is chosen, such as `Model`; also what stands there while nothing is. */
  label: string
  data: readonly (string | { value: string; label: string })[]
}

/** A filter of a list that lives in the page's address. Empty: everything. */
export function FilterSelect({ name, label, data }: FilterSelectProps) {
  const { search, set } = usePageSearch()
  const value = search[name] ?? null
  // A shared address may name something that this list does not offer; it is shown all the same.
  const isKnown =
    value === null || data.some((item) => (typeof item === 'string' ? item : item.value) === value)
  return (
    <Select
      aria-label={label}
      placeholder={label}
      data={isKnown ? [...data] : [{ value, label: value }, ...data]}
      value={value}
      onChange={(chosen) => set({ [name]: chosen ?? undefined })}
      searchable
      clearable
      clearButtonProps={{ 'aria-label': `Clear ${label}` }}
      nothingFoundMessage="Nothing by that name"
      maw={220}
    />
  )
}
