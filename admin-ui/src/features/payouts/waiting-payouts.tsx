import type { PayoutShown } from '@bourse/gateway/api/payments'
import { Card, Text } from '@mantine/core'
import { IconCircleCheck } from '@tabler/icons-react'
import { EmptyState } from '../../components/empty-state.tsx'
import { LoadMore } from '../../components/load-more.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { formatUsd, parseNanos } from '../../lib/money.ts'
import { PayoutTable } from './payout-table.tsx'
import { usePayouts } from './queries.ts'

/** What waits for an operator: to be approved, and to be paid. */
export function WaitingPayouts({
  opened,
  onOpen,
}: {
  opened: string | undefined
  onOpen: (id: string) => void
}) {
  const waiting = usePayouts({ state: 'open' })
  return (
    <Card component="section" aria-label="Waiting for you">
      <QueryView query={waiting} rows={3}>
        {(all) => (
          <>
            <Text component="h2" fw={650} mb="md">
              {waiting.hasNextPage ? 'Waiting for you' : titleOf(all)}
            </Text>
            {all.length === 0 ? (
              <EmptyState icon={IconCircleCheck} title="Nothing waits for you">
                Sellers ask for payouts under My payouts; what they ask for appears here within seconds.
              </EmptyState>
            ) : (
              <PayoutTable payouts={all} sellers waiting opened={opened} onOpen={onOpen} />
            )}
          </>
        )}
      </QueryView>
      <LoadMore list={waiting} />
    </Card>
  )
}

function titleOf(all: readonly PayoutShown[]): string {
  if (all.length === 0) return 'Waiting for you'
  const sum = (state: PayoutShown['state']) => {
    const some = all.filter((payout) => payout.state === state)
    const nanos = some.reduce((total, { amountNanos }) => total + parseNanos(amountNanos), 0n)
    return some.length === 0 ? undefined : `${some.length} (${formatUsd(nanos)})`
  }
  const [approve, pay] = [sum('requested'), sum('approved')]
  return `Waiting for you: ${[approve && `${approve} to approve`, pay && `${pay} to pay`].filter(Boolean).join(', ')}`
}
