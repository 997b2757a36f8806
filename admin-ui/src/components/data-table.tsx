import type { ReactNode } from 'react'
import classes from './data-table.module.css'

export interface Column<Row> {
  title: string
  cell: (row: Row) => ReactNode
  /** Amounts and counts stand at the right, so that their digits line up. */
  align?: 'end'
  /** Buttons: their column has no visible title. */
  actions?: boolean
}

interface DataTableProps<Row> {
  /** What the rows are, for people who cannot see them. */
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string
}

/**
 * A table that becomes a list of cards on a small screen. The roles are spelled out, because a browser forgets
 * them when the style of a table's parts is not that of a table.
 */
export function DataTable<Row>({ label, columns, rows, rowKey }: DataTableProps<Row>) {
  const roles = { table: 'table', group: 'rowgroup', row: 'row', head: 'columnheader', cell: 'cell' }
  return (
    <table className={classes.table} role={roles.table} aria-label={label}>
      <thead role={roles.group}>
        <tr role={roles.row}>
          {columns.map((column) => (
            <th
              key={column.title}
              role={roles.head}
              scope="col"
              className={column.align === 'end' ? classes.end : undefined}
              aria-label={column.actions ? column.title : undefined}
            >
              {column.actions ? null : column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role={roles.group}>
        {rows.map((row) => (
          <tr key={rowKey(row)} role={roles.row}>
            {columns.map((column, index) => (
              <td
                key={column.title}
                role={roles.cell}
                className={classOf(column)}
                data-label={index === 0 || column.actions ? undefined : column.title}
              >
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function classOf<Row>({ align, actions }: Column<Row>): string | undefined {
  if (actions) return `${classes.end} ${classes.actions}`
  return align === 'end' ? classes.end : undefined
}
