import { Group, SegmentedControl } from '@mantine/core'
import { CsvButton } from '../../components/csv-button.tsx'
import { Page } from '../../components/page.tsx'
import { RangePicker } from '../../components/range-picker.tsx'
import { type RangeSearch, readRange } from '../../lib/range.ts'
import { usePerson } from '../../lib/services.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { type Group as By, GROUPS, rangeName, rangeSearch, useBounds } from './queries.ts'
import { SpendingAlertsCard } from './spending-alerts-card.tsx'
import { UsageReport } from './usage-report.tsx'

const bought: readonly { value: By; label: string }[] = [
  { value: 'model', label: 'Model' },
  { value: 'day', label: 'Day' },
  { value: 'key', label: 'Key' },
  { value: 'seller', label: 'Seller' },
]
const sold: readonly { value: By; label: string }[] = [
  { value: 'listing', label: 'Listing' },
  { value: 'model', label: 'Model' },
  { value: 'day', label: 'Day' },
]

/** What did I spend, and on what? For sellers also: what did I sell? */
export function UsagePage() {
  const { search, set } = usePageSearch()
  const isSeller = usePerson()?.roles.includes('seller') ?? false
  const isSale = isSeller && search.side === 'sold'
  const range = readRange(search)
  const bounds = useBounds(range)
  const choices = isSale ? sold : bought
  const by =
    GROUPS.find((each) => each === search.by && choices.some(({ value }) => value === each)) ??
    choices[0]?.value ??
    'model'
  const asked = {
    ...bounds,
    ...(isSale ? { side: 'seller' } : {}),
    ...(search.key ? { key: search.key } : {}),
  }
  return (
    <Page
      title="Usage"
      lead={isSale ? 'What your listings sold, and what it earned you.' : 'What you spent, and on what.'}
      actions={
        <Group gap="xs">
          <RangePicker
            value={rangeName(range)}
            onChange={(name) => set({ range: name, from: undefined, to: undefined })}
            custom={{ range, onChange: ({ from, to }) => set({ from, to, range: undefined }) }}
          />
          <CsvButton path="/api/usage" search={{ ...asked, groupBy: by }} name={`usage-by-${by}`} />
        </Group>
      }
    >
      {isSeller ? (
        <Group>
          <SegmentedControl
            aria-label="Bought or sold"
            value={isSale ? 'sold' : 'bought'}
            data={[
              { value: 'bought', label: 'Bought' },
              { value: 'sold', label: 'Sold' },
            ]}
            onChange={(value) =>
              set({ side: value === 'sold' ? 'sold' : undefined, by: undefined, key: undefined })
            }
          />
        </Group>
      ) : null}
      <UsageReport
        asked={asked}
        by={by}
        choices={choices}
        isSale={isSale}
        rowSearch={({ id }) => requestsOf(by, id, { range, isSale })}
      />
      {isSale ? null : <SpendingAlertsCard />}
    </Page>
  )
}

/** To the requests behind a row. */
function requestsOf(
  by: By,
  id: string | null,
  { range, isSale }: { range: RangeSearch; isSale: boolean },
): Record<string, string> | undefined {
  if (id === null || by === 'day') return undefined
  return { ...rangeSearch(range), [by]: id, ...(isSale ? { side: 'sold' } : {}) }
}
