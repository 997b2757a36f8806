import { Alert, Card, Group, Text } from '@mantine/core'
import { IconCash } from '@tabler/icons-react'
import { CsvButton } from '../../components/csv-button.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { FilterSelect } from '../../components/filter-select.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { PayoutDecision } from './payout-decision.tsx'
import { PayoutDrawer } from './payout-drawer.tsx'
import { PayoutTable } from './payout-table.tsx'
import { usePayouts } from './queries.ts'
import { WaitingPayouts } from './waiting-payouts.tsx'

const STATES = [
  { value: 'open', label: 'Waiting for us' },
  { value: 'requested', label: 'To approve' },
  { value: 'approved', label: 'To pay' },
  { value: 'paid', label: 'Paid' },
  { value: 'refused', label: 'Refused' },
  { value: 'cancelled', label: 'Cancelled' },
  { value: 'failed', label: 'Failed' },
]

/** Which payouts wait for me, and what became of the others? */
export function RunPayoutsPage() {
  const { search, set } = usePageSearch()
  const { state, organisation } = search
  const filter = { state: STATES.some(({ value }) => value === state) ? state : undefined, organisation }
  const payouts = usePayouts(filter)
  const open = (id: string) => set({ open: id }, { push: true })
  return (
    <Page
      title="Payouts"
      lead="Approve what sellers ask for, pay it from your bank, and book it here with the bank’s reference."
      actions={<CsvButton path="/api/payouts" search={filter} name="payouts" />}
    >
      <WaitingPayouts opened={search.open} onOpen={open} />
      <Card component="section" aria-label="All payouts">
        <Group justify="space-between" mb="md" gap="sm">
          <Text component="h2" fw={650}>
            All payouts
          </Text>
          <FilterSelect name="state" label="State" data={STATES} />
        </Group>
        {organisation === undefined ? null : (
          <Alert
            mb="md"
            radius="md"
            withCloseButton
            closeButtonLabel="Show all sellers"
            onClose={() => set({ organisation: undefined })}
          >
            Only payouts of {organisation}.
          </Alert>
        )}
        <QueryView query={payouts} rows={6}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconCash} title="No payout here">
                {filter.state === undefined
                  ? 'When a seller asks to be paid, it appears here and waits for you.'
                  : 'Choose another state to see the others.'}
              </EmptyState>
            ) : (
              <PayoutTable payouts={all} sellers opened={search.open} onOpen={open} />
            )
          }
        </QueryView>
        <LoadMore list={payouts} />
      </Card>
      <PayoutDrawer
        id={search.open}
        onClose={() => set({ open: undefined })}
        more={(payout) => <PayoutDecision key={`${payout.id} ${payout.state}`} payout={payout} />}
      />
    </Page>
  )
}
