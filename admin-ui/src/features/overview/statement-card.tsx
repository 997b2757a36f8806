import { Card, Title } from '@mantine/core'
import { IconReceipt } from '@tabler/icons-react'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { EmptyState } from '../../components/empty-state.tsx'
import { Moment } from '../../components/moment.tsx'
import { Money } from '../../components/money.tsx'
import { QueryView } from '../../components/query-view.tsx'
import { TitleCell } from '../../components/title-cell.tsx'
import { decimalsFor } from '../../lib/money.ts'
import { type StatementLine, useStatement } from './queries.ts'

/** The newest lines of the statement, exact to the last digit. */
export function StatementCard() {
  const statement = useStatement()
  return (
    <Card component="section" aria-labelledby="statement">
      <Title order={2} size="h4" id="statement" mb="sm">
        Latest on your statement
      </Title>
      <QueryView query={statement} rows={6}>
        {(lines) => (lines.length === 0 ? <NothingYet /> : <Lines lines={lines} />)}
      </QueryView>
    </Card>
  )
}

function NothingYet() {
  return (
    <EmptyState icon={IconReceipt} title="Nothing booked yet">
      Create a key, then run the request above: its charge appears here seconds after the answer.
    </EmptyState>
  )
}

function Lines({ lines }: { lines: readonly StatementLine[] }) {
  return (
    <DataTable label="Statement lines" rows={lines} rowKey={(line) => line.id} columns={columnsOf(lines)} />
  )
}

function columnsOf(lines: readonly StatementLine[]): Column<StatementLine>[] {
  const amountDecimals = decimalsFor(lines.map((line) => line.amountNanos))
  return [
    { title: 'What', cell: (line) => <TitleCell title={line.what}>{line.detail}</TitleCell> },
    { title: 'When', cell: (line) => <Moment at={line.at} /> },
    {
      title: 'Amount',
      align: 'end',
      cell: (line) => (
        <strong>
          <Money nanos={line.amountNanos} decimals={amountDecimals} signed />
        </strong>
      ),
    },
  ]
}
