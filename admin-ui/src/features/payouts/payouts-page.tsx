import type { PayoutShown } from '@bourse/gateway/api/payments'
import { Button, Card, Text } from '@mantine/core'
import { IconCash } from '@tabler/icons-react'
import { useState } from 'react'
import { ConfirmDialog } from '../../components/confirm-dialog.tsx'
import { CsvButton } from '../../components/csv-button.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { formatUsd, parseNanos } from '../../lib/money.ts'
import { usePerson } from '../../lib/services.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { PayoutCard } from './payout-card.tsx'
import { PayoutDrawer } from './payout-drawer.tsx'
import { PayoutTable } from './payout-table.tsx'
import { useEarnings, useOwnPayouts, usePayoutAct } from './queries.ts'

/** Can I be paid now, and what became of what I asked for? */
export function PayoutsPage() {
  const { search, set } = usePageSearch()
  const organisation = usePerson()?.organisationId
  const earnings = useEarnings(organisation)
  const payouts = useOwnPayouts()
  const [cancelling, setCancelling] = useState<PayoutShown>()
  return (
    <Page
      title="My payouts"
      lead="Ask to be paid what has matured. An operator approves it, pays it to the account you have agreed on, and books it with the bank’s reference."
      actions={<CsvButton path="/api/payouts" search={{ organisation }} name="payouts" />}
    >
      <QueryView query={earnings} rows={4}>
        {(shown) => <PayoutCard earnings={shown} />}
      </QueryView>
      <Card component="section" aria-label="History">
        <Text component="h2" fw={650} mb="md">
          History
        </Text>
        <QueryView query={payouts}>
          {(all) =>
            all.length === 0 ? (
              <EmptyState icon={IconCash} title="No payout yet">
                When you ask for one, it stands here until it is paid, and after that with its bank reference.
              </EmptyState>
            ) : (
              <PayoutTable
                payouts={all}
                opened={search.open}
                onOpen={(id) => set({ open: id }, { push: true })}
                actions={(payout) =>
                  payout.state === 'requested' ? (
                    <Button size="xs" variant="default" onClick={() => setCancelling(payout)}>
                      Cancel
                    </Button>
                  ) : null
                }
              />
            )
          }
        </QueryView>
        <LoadMore list={payouts} />
      </Card>
      <PayoutDrawer id={search.open} onClose={() => set({ open: undefined })} />
      {cancelling ? <CancelDialog payout={cancelling} onClose={() => setCancelling(undefined)} /> : null}
    </Page>
  )
}

function CancelDialog({ payout, onClose }: { payout: PayoutShown; onClose: () => void }) {
  const cancel = usePayoutAct('cancel')
  const amount = formatUsd(parseNanos(payout.amountNanos))
  return (
    <ConfirmDialog
      opened
      title={`Cancel the payout of ${amount}?`}
      confirm="Cancel the payout"
      busy={cancel.isPending}
      error={cancel.error}
      onConfirm={() => cancel.mutate({ id: payout.id }, { onSuccess: onClose })}
      onClose={onClose}
    >
      The money is available to you again at once. You can ask for another payout then.
    </ConfirmDialog>
  )
}
