import type { Earnings } from '@bourse/gateway/api/payments'
import { Alert, Button, SimpleGrid, Stack } from '@mantine/core'
import { IconAlertTriangle, IconCash, IconShieldLock } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { AccountHistory } from '../../components/account-history.tsx'
import { Page } from '../../components/page.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { formatUsd, parseNanos } from '../../lib/money.ts'
import { useRead } from '../../lib/use-read.ts'
import { EarningsPath } from './earnings-path.tsx'
import { ListingEarnings } from './listing-earnings.tsx'
import { MaturingCard } from './maturing-card.tsx'

const KINDS = [
  { value: 'requests', label: 'Requests served' },
  { value: 'earnings', label: 'Maturing and reserve' },
  { value: 'payouts', label: 'Payouts' },
  { value: 'refunds', label: 'Refunds' },
  { value: 'other', label: 'Corrections and the rest' },
]

const EVERY_MS = 30_000

/** What did I earn, when can I have it, and which listing brought it? */
export function EarningsPage() {
  const earnings = useRead<Earnings>('/api/earnings', {}, { refetchMs: EVERY_MS })
  return (
    <Page
      title="Earnings"
      lead="What your listings earned, and how far it is on its way to you."
      actions={
        <Button
          renderRoot={(props) => <Link to="/payouts" {...props} />}
          leftSection={<IconCash size={16} aria-hidden />}
        >
          Go to payouts
        </Button>
      }
    >
      <QueryView query={earnings} rows={6}>
        {(shown) => (
          <Stack gap="lg">
            <Warnings earnings={shown} />
            <EarningsPath earnings={shown} />
            <SimpleGrid cols={{ base: 1, md: 2 }}>
              <MaturingCard earnings={shown} />
              <ListingEarnings />
            </SimpleGrid>
          </Stack>
        )}
      </QueryView>
      <AccountHistory
        side="seller"
        title="Statement"
        kinds={KINDS}
        empty="Choose a longer range. When a listing of yours serves a request, your share appears here."
      />
    </Page>
  )
}

/** What is not on its way: in reserve, or owed. */
function Warnings({ earnings }: { earnings: Earnings }) {
  const reserve = parseNanos(earnings.reserveNanos)
  const owed = parseNanos(earnings.owedNanos)
  return (
    <>
      {reserve > 0n ? (
        <Alert color="yellow" radius="md" icon={<IconShieldLock aria-hidden />} title="Earnings in reserve">
          {formatUsd(reserve)} waits while a listing of yours is examined. It comes back, as old as it is,
          when the case is cleared; My listings shows the evidence and lets you dispute it.
        </Alert>
      ) : null}
      {owed > 0n ? (
        <Alert color="red" radius="md" icon={<IconAlertTriangle aria-hidden />} title="You owe the platform">
          {formatUsd(owed)} is taken from what matures next. Payouts go on after that.
        </Alert>
      ) : null}
    </>
  )
}
