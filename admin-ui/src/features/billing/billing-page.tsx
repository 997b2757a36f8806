import type { BalanceShown } from '@bourse/gateway/api/users'
import { Alert, Button, SimpleGrid, Text } from '@mantine/core'
import { IconInfoCircle, IconPlus } from '@tabler/icons-react'
import { AccountHistory } from '../../components/account-history.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { useBalance } from '../../lib/use-balance.ts'
import { usePageSearch } from '../../lib/use-page-search.ts'
import { BalanceTiles } from './balance-tiles.tsx'
import { TopUpDialog } from './top-up-dialog.tsx'

const KINDS = [
  { value: 'requests', label: 'Requests' },
  { value: 'topups', label: 'Top-ups and credits' },
  { value: 'refunds', label: 'Refunds' },
  { value: 'other', label: 'Corrections and the rest' },
]

/** What do I have, what is held, and where did the rest go? */
export function BillingPage() {
  const balance = useBalance()
  const { search, set } = usePageSearch()
  const isPlay = balance.data?.mode === 'play'
  const topUp = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => set({ new: 'topup' })}>
      Add play money
    </Button>
  )
  return (
    <Page
      title="Billing"
      lead="What you have to spend, what running requests hold, and every movement with the balance after it."
      actions={isPlay ? topUp : undefined}
    >
      <QueryView query={balance} rows={3}>
        {(shown) => <Balance balance={shown} />}
      </QueryView>
      <AccountHistory
        side="buyer"
        title="Transactions"
        kinds={KINDS}
        empty="Choose a longer range, or send a request: its cost appears here the moment it is booked."
      />
      <TopUpDialog opened={isPlay && search.new === 'topup'} onClose={() => set({ new: undefined })} />
    </Page>
  )
}

function Balance({ balance }: { balance: BalanceShown }) {
  return (
    <>
      {balance.mode === 'play' ? (
        <Text size="sm" c="dimmed">
          This is play money: it pays for requests on this gateway, and is worth nothing anywhere else.
        </Text>
      ) : (
        <Alert icon={<IconInfoCircle aria-hidden />} color="indigo" title="How money comes in" radius="md">
          No way to pay is connected to this gateway yet, so a balance cannot be topped up here. Ask its
          operator.
        </Alert>
      )}
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <BalanceTiles balance={balance} />
      </SimpleGrid>
    </>
  )
}
