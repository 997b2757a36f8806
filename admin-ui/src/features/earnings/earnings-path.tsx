import type { Earnings } from '@bourse/gateway/api/payments'
import { Card, Group, Text } from '@mantine/core'
import { IconArrowRight } from '@tabler/icons-react'
import { HeadlineMoney } from '../../components/money.tsx'
import { parseNanos } from '../../lib/money.ts'
import classes from './earnings-path.module.css'

interface Stage {
  title: string
  nanos: string
  note: string
  color: string
}

/** Pending → available → in flight → paid, as one picture: the amounts, and how the whole is shared among them. */
export function EarningsPath({ earnings }: { earnings: Earnings }) {
  const { holdDays } = earnings
  const stages: Stage[] = [
    {
      title: 'Pending',
      nanos: earnings.pendingNanos,
      note: holdDays === 0 ? 'Matures within a minute.' : `Earned; waits ${daysText(holdDays)}.`,
      color: 'var(--mantine-color-yellow-6)',
    },
    {
      title: 'Available',
      nanos: earnings.availableNanos,
      note: 'Yours: ask for a payout.',
      color: 'var(--mantine-color-violet-5)',
    },
    {
      title: 'In flight',
      nanos: earnings.inFlightNanos,
      note: 'In a payout that is not paid yet.',
      color: 'var(--mantine-color-cyan-6)',
    },
    {
      title: 'Paid',
      nanos: earnings.paidNanos,
      note: 'All that was ever paid to you.',
      color: 'var(--mantine-color-green-6)',
    },
  ]
  return (
    <Card component="section" aria-label="The way of your earnings">
      <ol className={classes.path}>
        {stages.map((stage, index) => (
          <li key={stage.title} className={classes.stage}>
            <Group gap={8} c="dimmed">
              <span className={classes.mark} style={{ background: stage.color }} aria-hidden />
              <Text component="h2" size="sm" fw={600}>
                {stage.title}
              </Text>
            </Group>
            <HeadlineMoney nanos={stage.nanos} />
            <Text size="xs" c="dimmed">
              {stage.note}
            </Text>
            {index < stages.length - 1 ? (
              <IconArrowRight className={classes.arrow} size={18} aria-hidden />
            ) : null}
          </li>
        ))}
      </ol>
      <Shares stages={stages} />
    </Card>
  )
}

/** For the eye only: the amounts above say the same. */
function Shares({ stages }: { stages: readonly Stage[] }) {
  const filled = stages.filter(({ nanos }) => parseNanos(nanos) > 0n)
  return (
    <div className={classes.bar} aria-hidden>
      {filled.map(({ title, nanos, color }) => (
        <div key={title} className={classes.share} style={{ background: color, flexGrow: Number(nanos) }} />
      ))}
    </div>
  )
}

function daysText(days: number): string {
  return days === 1 ? 'a full day' : `${days} full days`
}
