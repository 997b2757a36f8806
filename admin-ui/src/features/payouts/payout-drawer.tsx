import type { PayoutDetail } from '@bourse/gateway/api/payments'
import { Anchor, Group, Stack, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { CopyButton } from '../../components/copy-button.tsx'
import { DetailDrawer } from '../../components/detail-drawer.tsx'
import { Facts } from '../../components/facts.tsx'
import { Moment } from '../../components/moment.tsx'
import { HeadlineMoney } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { usePayout } from './queries.ts'

interface PayoutDrawerProps {
  id: string | undefined
  onClose: () => void
  /** For operators: who did what, the journals, and what can be done. */
  more?: (payout: PayoutDetail) => ReactNode
}

export function PayoutDrawer({ id, onClose, more }: PayoutDrawerProps) {
  const payout = usePayout(id)
  return (
    <DetailDrawer title="Payout" opened={id !== undefined} onClose={onClose}>
      {id === undefined ? null : (
        <QueryView query={payout} rows={8}>
          {(shown) => (
            <Stack gap="lg">
              <Group justify="space-between">
                <HeadlineMoney nanos={shown.amountNanos} />
                <StateBadge state={shown.state} />
              </Group>
              <PayoutFacts payout={shown} />
              {more?.(shown)}
            </Stack>
          )}
        </QueryView>
      )}
    </DetailDrawer>
  )
}

const CONCLUDED: Readonly<Record<PayoutDetail['state'], string>> = {
  requested: 'Concluded',
  approved: 'Concluded',
  paid: 'Booked as paid',
  refused: 'Refused',
  cancelled: 'Cancelled',
  failed: 'Failed',
}

function PayoutFacts({ payout }: { payout: PayoutDetail }) {
  const { id, state, note, bankReference } = payout
  return (
    <Facts
      facts={[
        { name: 'Payout', value: <WithCopy text={id} label="Copy the payout’s id" /> },
        { name: 'Asked', value: <By at={payout.requestedAt} who={payout.requestedBy} /> },
        { name: 'Approved', value: <By at={payout.approvedAt} who={payout.approvedBy} /> },
        { name: CONCLUDED[state], value: <By at={payout.concludedAt} who={payout.concludedBy} /> },
        {
          name: 'Bank reference',
          value: bankReference ? <WithCopy text={bankReference} label="Copy the bank reference" /> : '–',
        },
        { name: 'Note', value: <span style={{ overflowWrap: 'anywhere' }}>{note ?? '–'}</span> },
      ]}
    />
  )
}

function By({ at, who }: { at: string | null; who: { id: string; name: string } | null }) {
  if (at === null) return '–'
  return (
    <>
      <Moment at={at} />
      {who ? (
        <>
          {' by '}
          <Anchor
            component={Link}
            to="/run/users"
            search={{ open: who.id } as never}
            size="sm"
            underline="always"
          >
            {who.name === '' ? who.id : who.name}
          </Anchor>
        </>
      ) : null}
    </>
  )
}

function WithCopy({ text, label }: { text: string; label: string }) {
  return (
    <Group gap={4} wrap="nowrap">
      <Text component="span" size="sm" ff="monospace" style={{ overflowWrap: 'anywhere' }}>
        {text}
      </Text>
      <CopyButton value={text} label={label} />
    </Group>
  )
}
