import type { BalanceShown } from '@bourse/gateway/api/users'
import { SimpleGrid, Skeleton } from '@mantine/core'
import { IconCalendar, IconCalendarMonth, IconLock, IconWallet } from '@tabler/icons-react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { HeadlineMoney } from '../../components/money.tsx'
import { StatTile } from '../../components/stat-tile.tsx'
import { type DaySpent, dailySpend } from '../../lib/daily-spend.ts'
import { useBalance } from '../../lib/use-balance.ts'
import { spendDays, useSpent } from './queries.ts'

/** Available, held and spent: three different things, each with its meaning. */
export function MoneyTiles() {
  const balance = useBalance()
  const spent = useSpent()
  const days = spent.data && dailySpend(spent.data.data, { nowMs: Date.now(), days: spendDays })
  const failed = [balance, spent].find(({ isError, data }) => isError && data === undefined)
  const retry = (): void => {
    void balance.refetch()
    void spent.refetch()
  }
  if (failed) return <ErrorPanel error={failed.error} onRetry={retry} />
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="md">
      <StatTile
        title="Available"
        icon={IconWallet}
        value={<Amount nanos={balance.data?.availableNanos} />}
        note={availableMeans(balance.data)}
      />
      <StatTile
        title="Held"
        icon={IconLock}
        value={<Amount nanos={balance.data?.heldNanos} />}
        note="Reserved by requests that are running; what they do not use comes back."
      />
      <StatTile
        title="Spent today"
        icon={IconCalendar}
        value={<Amount nanos={days?.at(-1)?.costNanos} />}
        note={requestsOf(days?.slice(-1))}
      />
      <StatTile
        title={`Spent in ${spendDays} days`}
        icon={IconCalendarMonth}
        value={<Amount nanos={spent.data?.totals.costNanos} />}
        note={requestsOf(days)}
        {...(days ? { trend: days.map(({ costNanos }) => Number(costNanos)) } : {})}
      />
    </SimpleGrid>
  )
}

function Amount({ nanos }: { nanos: bigint | string | undefined }) {
  return nanos === undefined ? (
    <Skeleton height={28} width={130} aria-busy aria-label="Loading" />
  ) : (
    <HeadlineMoney nanos={nanos} />
  )
}

function availableMeans(balance: BalanceShown | undefined): string {
  if (balance && BigInt(balance.availableNanos) <= 0n)
    return 'Nothing to spend. Billing says how to add money.'
  return 'What new requests can spend now.'
}

function requestsOf(days: readonly DaySpent[] | undefined): string {
  if (!days) return ' '
  const requests = days.reduce((sum, day) => sum + day.requests, 0)
  return requests === 1 ? '1 request' : `${requests.toLocaleString()} requests`
}
