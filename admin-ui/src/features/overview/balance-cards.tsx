import { Card, Group, SimpleGrid, Skeleton, Text } from '@mantine/core'
import { type Icon, IconLock, IconReceipt2, IconWallet } from '@tabler/icons-react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { HeadlineMoney } from '../../components/money.tsx'
import { type Balance, useBalance } from './queries.ts'

const figures: readonly { title: string; icon: Icon; of: (balance: Balance) => bigint; means: string }[] = [
  {
    title: 'Available',
    icon: IconWallet,
    of: (balance) => balance.availableNanos,
    means: 'What new requests can spend now.',
  },
  {
    title: 'Held',
    icon: IconLock,
    of: (balance) => balance.heldNanos,
    means: 'Reserved by requests that are running; what they do not use comes back.',
  },
  {
    title: 'Balance',
    icon: IconReceipt2,
    of: (balance) => balance.balanceNanos,
    means: 'Available and held together, as the ledger has it.',
  },
]

/** An empty wallet says how it is filled. */
const nothingToSpend = 'Nothing to spend yet. An operator adds credit under Users.'

/** Available, held and balance: three different things, each with its meaning. */
export function BalanceCards() {
  const balance = useBalance()
  if (balance.isError && balance.data === undefined) {
    return <ErrorPanel error={balance.error} onRetry={() => void balance.refetch()} />
  }
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md" aria-busy={balance.isPending}>
      {figures.map(({ title, icon: Glyph, of, means }) => (
        <Card key={title} component="section" aria-label={title}>
          <Group gap={8} c="dimmed">
            <Glyph size={17} stroke={1.7} aria-hidden />
            <Text component="h2" size="sm" fw={600}>
              {title}
            </Text>
          </Group>
          <Group h={44} align="center">
            {balance.data ? <HeadlineMoney nanos={of(balance.data)} /> : <Skeleton height={28} width={140} />}
          </Group>
          <Text size="xs" c="dimmed">
            {title === 'Available' && balance.data && balance.data.availableNanos <= 0n
              ? nothingToSpend
              : means}
          </Text>
        </Card>
      ))}
    </SimpleGrid>
  )
}
