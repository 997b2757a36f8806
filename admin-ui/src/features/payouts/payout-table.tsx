import type { PayoutShown } from '@bourse/gateway/api/payments'
import type { ReactNode } from 'react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { StateBadge } from '../../components/state-badge.tsx'
import { TitleCell } from '../../components/title-cell.tsx'

interface PayoutTableProps {
  payouts: readonly PayoutShown[]
  opened: string | undefined
  onOpen: (id: string) => void
  /** Say whose they are: for operators. */
  sellers?: boolean
  /** They wait: nothing is concluded yet. */
  waiting?: boolean
  actions?: (payout: PayoutShown) => ReactNode
}

export function PayoutTable({ payouts, opened, onOpen, actions, ...about }: PayoutTableProps) {
  return (
    <DataTable
      label={about.waiting ? 'Payouts that wait for you' : 'Payouts'}
      columns={columnsOf(about, actions)}
      rows={payouts}
      rowKey={({ id }) => id}
      open={{ go: ({ id }) => onOpen(id), current: opened }}
    />
  )
}

function columnsOf(
  { sellers = false, waiting = false }: Pick<PayoutTableProps, 'sellers' | 'waiting'>,
  actions: PayoutTableProps['actions'],
): Column<PayoutShown>[] {
  const asked: Column<PayoutShown> = {
    title: 'Asked',
    cell: ({ requestedAt }) => <Moment at={requestedAt} />,
  }
  const rest: Column<PayoutShown>[] = [
    { title: 'Amount', align: 'end', cell: ({ amountNanos }) => <Money nanos={amountNanos} /> },
    { title: 'State', cell: ({ state }) => <StateBadge state={state} /> },
  ]
  const concluded: Column<PayoutShown>[] = [
    { title: 'Concluded', cell: ({ concludedAt }) => (concludedAt ? <Moment at={concludedAt} /> : '–') },
    {
      title: 'Reference or reason',
      cell: ({ bankReference, note }) => (
        <span style={{ overflowWrap: 'anywhere' }}>{bankReference ?? note ?? '–'}</span>
      ),
    },
  ]
  const approved: Column<PayoutShown> = {
    title: 'Approved by',
    cell: ({ approvedBy }) => approvedBy?.name ?? 'Nobody yet',
  }
  return [
    ...(sellers
      ? [
          {
            title: 'Seller',
            cell: ({ organisation }: PayoutShown) => <TitleCell title={organisation.name} />,
          },
          ...rest,
          asked,
        ]
      : [asked, ...rest]),
    ...(waiting ? [approved] : concluded),
    ...(actions ? [{ title: 'Actions', actions: true, cell: actions }] : []),
  ]
}
