import type { PayoutDetail } from '@bourse/gateway/api/payments'
import { Alert, Anchor, Button, Card, Group, Stack, Text } from '@mantine/core'
import { IconAlertTriangle, IconEye } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ErrorPanel } from '../../components/error-panel.tsx'
import { Facts } from '../../components/facts.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { BookForm } from './book-form.tsx'
import { useEarnings, usePayoutAct } from './queries.ts'
import { ReasonForm } from './reason-form.tsx'

/** For operators: who the seller is, where he stands, what can be done, and where it is in the ledger. */
export function PayoutDecision({ payout }: { payout: PayoutDetail }) {
  return (
    <Stack gap="lg">
      {payout.state === 'requested' ? <Approval payout={payout} /> : null}
      {payout.state === 'approved' ? <Payment payout={payout} /> : null}
      <FourEyes payout={payout} />
      <SellerFacts payout={payout} />
      <Journals payout={payout} />
    </Stack>
  )
}

function Approval({ payout }: { payout: PayoutDetail }) {
  const approve = usePayoutAct('approve')
  const [refusing, setRefusing] = useState(false)
  if (refusing)
    return (
      <ReasonForm
        act="refuse"
        id={payout.id}
        title="Refuse this payout"
        explanation="The money is available to the seller again at once, and he reads your reason."
        button="Refuse the payout"
        onCancel={() => setRefusing(false)}
      />
    )
  return (
    <Stack gap="xs">
      <Group>
        <Button loading={approve.isPending} onClick={() => approve.mutate({ id: payout.id })}>
          Approve
        </Button>
        <Button variant="default" onClick={() => setRefusing(true)}>
          Refuse …
        </Button>
      </Group>
      <Text size="xs" c="dimmed">
        Approving books nothing: the money is set aside already. Then pay it from your bank and book it here.
      </Text>
      {approve.isError ? <ErrorPanel error={approve.error} /> : null}
    </Stack>
  )
}

function Payment({ payout }: { payout: PayoutDetail }) {
  const [failing, setFailing] = useState(false)
  if (failing)
    return (
      <ReasonForm
        act="fail"
        id={payout.id}
        title="This payout could not be paid"
        explanation="Only if your bank has certainly not paid it. The money is available to the seller again at once, and he reads your reason."
        button="Give the money back"
        onCancel={() => setFailing(false)}
      />
    )
  return <BookForm payout={payout} onFail={() => setFailing(true)} />
}

function FourEyes({ payout: { fourEyes } }: { payout: PayoutDetail }) {
  if (fourEyes === null) return null
  return fourEyes ? (
    <Alert color="green" radius="md" icon={<IconEye aria-hidden />}>
      Approved and booked by two people.
    </Alert>
  ) : (
    <Alert color="yellow" radius="md" icon={<IconAlertTriangle aria-hidden />}>
      Approved and booked by the same person.
    </Alert>
  )
}

function SellerFacts({ payout: { organisation } }: { payout: PayoutDetail }) {
  const earnings = useEarnings(organisation.id)
  return (
    <Card component="section" aria-label="Where the seller stands" padding="md">
      <Group justify="space-between" mb="sm">
        <Text component="h3" fw={650} style={{ overflowWrap: 'anywhere' }}>
          {organisation.name}
        </Text>
        <Anchor
          component={Link}
          to="/run/payouts"
          search={{ organisation: organisation.id } as never}
          size="sm"
        >
          All payouts of this seller
        </Anchor>
      </Group>
      <QueryView query={earnings} rows={5}>
        {(shown) => (
          <Facts
            facts={[
              { name: 'Pending', value: <Money nanos={shown.pendingNanos} /> },
              { name: 'Available', value: <Money nanos={shown.availableNanos} /> },
              { name: 'In flight', value: <Money nanos={shown.inFlightNanos} /> },
              { name: 'In reserve', value: <Money nanos={shown.reserveNanos} /> },
              { name: 'Paid so far', value: <Money nanos={shown.paidNanos} /> },
              { name: 'Owes us', value: <Money nanos={shown.owedNanos} /> },
            ]}
          />
        )}
      </QueryView>
    </Card>
  )
}

const NAMES: Readonly<Record<string, string>> = {
  payout_requested: 'Set aside',
  payout_failed: 'Given back',
  payout_paid_manually: 'Paid from the bank',
}

function Journals({ payout: { journals } }: { payout: PayoutDetail }) {
  if (journals.length === 0) return null
  return (
    <Card component="section" aria-label="In the ledger" padding="md">
      <Text component="h3" fw={650} mb="sm">
        In the ledger
      </Text>
      <Facts
        facts={journals.map(({ id, code }) => ({
          name: NAMES[code] ?? code.replaceAll('_', ' '),
          value: (
            <Anchor
              component={Link}
              to="/run/ledger"
              search={{ journal: id } as never}
              ff="monospace"
              size="sm"
              style={{ overflowWrap: 'anywhere' }}
            >
              {id}
            </Anchor>
          ),
        }))}
      />
    </Card>
  )
}
