import { Group } from '@mantine/core'
import { CsvButton } from '../../components/csv-button.tsx'
import { Page } from '../../components/page.tsx'
import { RangePicker } from '../../components/range-picker.tsx'
import { type RangeSearch, readRange } from '../../lib/range.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { type Group as By, GROUPS, rangeName, rangeSearch, useBounds } from './queries.ts'
import { UsageReport } from './usage-report.tsx'

const choices: readonly { value: By; label: string }[] = [
  { value: 'user', label: 'User' },
  { value: 'model', label: 'Model' },
  { value: 'seller', label: 'Seller' },
  { value: 'listing', label: 'Listing' },
  { value: 'day', label: 'Day' },
]

/** Who spent what, on which models, with which sellers, and what the platform took. */
export function RunUsagePage() {
  const { search, set } = usePageSearch()
  const range = readRange(search)
  const bounds = useBounds(range)
  const by =
    GROUPS.find((each) => each === search.by && choices.some(({ value }) => value === each)) ?? 'user'
  const asked = { ...bounds, organisation: search.organisation ?? 'all' }
  return (
    <Page
      title="Cost and usage"
      lead="Who spent what, on which models, with which sellers, and what the platform took of it."
      actions={
        <Group gap="xs">
          <RangePicker
            value={rangeName(range)}
            onChange={(name) => set({ range: name, from: undefined, to: undefined })}
            custom={{ range, onChange: ({ from, to }) => set({ from, to, range: undefined }) }}
          />
          <CsvButton path="/api/usage" search={{ ...asked, groupBy: by }} name={`market-usage-by-${by}`} />
        </Group>
      }
    >
      <UsageReport
        asked={asked}
        by={by}
        choices={choices}
        withShares
        rowSearch={({ id }) => requestsOf(by, id, range)}
      />
    </Page>
  )
}

/** To the requests behind a row. */
function requestsOf(by: By, id: string | null, range: RangeSearch): Record<string, string> | undefined {
  if (id === null || by === 'day') return undefined
  const name = by === 'user' ? 'organisation' : by
  return { side: 'market', ...rangeSearch(range), [name]: id }
}
