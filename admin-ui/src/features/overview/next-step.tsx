import { Alert, Button, Group, Text } from '@mantine/core'
import { IconRocket } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { keyState } from '../../lib/key-state.ts'
import { useBalance } from '../../lib/use-balance.ts'
import { useLatestRequests, useNewestKeys } from './queries.ts'

/** What a newcomer does next; nothing once requests are coming in. */
export function NextStep() {
  const keys = useNewestKeys()
  const latest = useLatestRequests()
  const balance = useBalance()
  if (!keys.data || !latest.data || !balance.data || latest.data.data.length > 0) return null
  const hasKey = keys.data.data.some((key) => keyState(key, Date.now()) === 'active')
  const hasMoney = BigInt(balance.data.availableNanos) > 0n
  const step = hasMoney ? (hasKey ? steps.request : steps.key) : steps.money
  return (
    <Alert icon={<IconRocket aria-hidden />} title={step.title}>
      <Group justify="space-between" gap="md">
        <Text size="sm">{step.means}</Text>
        <Button component={Link} to={step.to} size="sm">
          {step.act}
        </Button>
      </Group>
    </Alert>
  )
}

const steps = {
  money: {
    title: 'Your wallet is empty',
    means: 'Requests are paid from your balance. Billing says how money gets there.',
    to: '/billing',
    act: 'Open billing',
  },
  key: {
    title: 'Create your first key',
    means: 'Any OpenAI client works with it: change its base URL and its key, nothing else.',
    to: '/start',
    act: 'Get started',
  },
  request: {
    title: 'Send your first request',
    means: 'You have a key. A snippet for your language is ready to copy.',
    to: '/start',
    act: 'Show the snippet',
  },
} as const
