import { MultiSelect } from '@mantine/core'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { FEATURES } from './offer-words.ts'

/** Those that take all of what is named; part of the address. */
export function FeatureFilter() {
  const { search, set } = usePageSearch()
  const chosen = search.features?.split(',').filter((name) => name !== '') ?? []
  return (
    <MultiSelect
      aria-label="Must take"
      placeholder={chosen.length === 0 ? 'Must take' : ''}
      data={[...FEATURES]}
      value={chosen}
      onChange={(names) => set({ features: names.join(',') })}
      clearable
      clearButtonProps={{ 'aria-label': 'Clear what it must take' }}
      miw={160}
      maw={320}
    />
  )
}
