import type { KeyShown } from '@bourse/gateway/api/keys'
import { Progress, Text } from '@mantine/core'
import { budgetShares } from '../lib/key-state.ts'
import { formatUsd } from '../lib/money.ts'
import { Moment } from './moment.tsx'

const spans = { day: 'a day', week: 'a week', month: 'a month', total: 'in all' } as const

/** How much of a key's budget is spent and held, as a bar and in words. */
export function BudgetBar({ budget }: { budget: NonNullable<KeyShown['budget']> }) {
  const { spent, held } = budgetShares(budget)
  const words = `${formatUsd(BigInt(budget.spentNanos))} of ${formatUsd(BigInt(budget.limitNanos))} ${spans[budget.period]}`
  return (
    <div>
      <Text size="sm" className="figures">
        {words}
      </Text>
      <Progress.Root size="sm" mt={4}>
        <Progress.Section
          value={spent}
          color={spent >= 100 ? 'red.6' : spent >= 80 ? 'yellow.6' : 'indigo.5'}
          aria-label={`${spent} % spent`}
        />
        {held > 0 ? <Progress.Section value={held} color="gray" aria-label={`${held} % held`} /> : null}
      </Progress.Root>
      {budget.resetsAt === null ? null : (
        <Text size="xs" c="dimmed" mt={2}>
          begins anew <Moment at={budget.resetsAt} as="day" />
        </Text>
      )}
    </div>
  )
}
