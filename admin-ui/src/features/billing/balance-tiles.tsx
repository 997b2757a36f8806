import type { BalanceShown } from '@bourse/gateway/api/users'
import { IconChartBar, IconLock, IconWallet } from '@tabler/icons-react'
import { HeadlineMoney } from '../../components/money.tsx'
import { StatTile } from '../../components/stat-tile.tsx'
import { dailySpend } from '../../lib/daily-spend.ts'
import { useSpend } from '../../lib/use-spend.ts'

const DAYS = 30

/** Three different things: what can be spent, what running requests have set aside, and what is gone. */
export function BalanceTiles({ balance }: { balance: BalanceShown }) {
  const spend = useSpend({ days: DAYS })
  const days = spend.data ? dailySpend(spend.data.data, { nowMs: Date.now(), days: DAYS }) : undefined
  const spentNanos = days?.reduce((sum, { costNanos }) => sum + costNanos, 0n)
  return (
    <>
      <StatTile
        title="Available"
        icon={IconWallet}
        value={<HeadlineMoney nanos={balance.availableNanos} />}
        note="What your next request can spend."
      />
      <StatTile
        title="Held"
        icon={IconLock}
        value={<HeadlineMoney nanos={balance.heldNanos} />}
        note="Set aside for requests that are running; what they do not cost comes back when they end."
      />
      <StatTile
        title={`Spent in ${DAYS} days`}
        icon={IconChartBar}
        value={spentNanos === undefined ? '…' : <HeadlineMoney nanos={spentNanos} />}
        note="What requests have cost. Gone, with a receipt for each."
        // For drawing only.
        {...(days ? { trend: days.map(({ costNanos }) => Number(costNanos)) } : {})}
      />
    </>
  )
}
