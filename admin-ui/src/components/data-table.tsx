import { NativeSelect } from '@mantine/core'
import { IconArrowDown, IconArrowsSort, IconArrowUp } from '@tabler/icons-react'
import type { MouseEvent, ReactNode } from 'react'
import classes from './data-table.module.css'
import { RowOpener, type RowOpening } from './row-opener.tsx'

export interface Column<Row> {
  title: string
  cell: (row: Row) => ReactNode
  /** Amounts and counts stand at the right, so that their digits line up. */
  align?: 'end'
  /** Buttons: their column has no visible title. */
  actions?: boolean
  /** The name by which the list can be put in order; see `sort`. */
  sortBy?: string
}

export interface TableSort {
  by: string
  descending: boolean
}

interface DataTableProps<Row> {
  /** What the rows are, for people who cannot see them. */
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string
  /** Less air, for long lists. */
  dense?: boolean
  /** The titles stay in sight while the rows scroll. */
  stickyHead?: boolean
  /** The order that the page keeps in its address; columns with `sortBy` change it. */
  sort?: TableSort & { onChange: (sort: TableSort) => void }
  /** What happens when a row is opened, by a click anywhere on it or by the link or button in its first cell. */
  open?: RowOpening<Row>
}

/**
 * A table that becomes a list of cards on a small screen. The roles are spelled out, because a browser forgets
 * them when the style of a table's parts is not that of a table.
 */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { label, columns, rows, rowKey, dense = false, stickyHead = false, sort } = props
  const className = [classes.table, dense ? classes.dense : '', stickyHead ? classes.sticky : ''].join(' ')
  return (
    <>
      {sort ? <SortChoice columns={columns} sort={sort} /> : null}
      <div className={stickyHead ? undefined : classes.frame}>
        <table className={className} role={roles.table} aria-label={label}>
          <thead role={roles.group}>
            <tr role={roles.row}>
              {columns.map((column) => (
                <HeadCell key={column.title} column={column} sort={sort} />
              ))}
            </tr>
          </thead>
          <tbody role={roles.group}>
            {rows.map((row) => (
              <BodyRow key={rowKey(row)} row={row} id={rowKey(row)} columns={columns} open={props.open} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  )
}

const roles = { table: 'table', group: 'rowgroup', row: 'row', head: 'columnheader', cell: 'cell' }

function HeadCell<Row>({ column, sort }: { column: Column<Row>; sort: DataTableProps<Row>['sort'] }) {
  const { title, align, actions, sortBy } = column
  const isSorted = sort !== undefined && sortBy !== undefined && sort.by === sortBy
  const order = isSorted ? (sort.descending ? 'descending' : 'ascending') : undefined
  return (
    <th
      role={roles.head}
      scope="col"
      className={align === 'end' ? classes.end : undefined}
      aria-label={actions ? title : undefined}
      aria-sort={order}
    >
      {sort && sortBy !== undefined ? (
        <button
          type="button"
          className={classes.sorter}
          onClick={() => sort.onChange({ by: sortBy, descending: isSorted ? !sort.descending : true })}
        >
          {title}
          <SortMark order={order} />
        </button>
      ) : actions ? null : (
        title
      )}
    </th>
  )
}

function SortMark({ order }: { order: 'ascending' | 'descending' | undefined }) {
  const Glyph = order === undefined ? IconArrowsSort : order === 'ascending' ? IconArrowUp : IconArrowDown
  return (
    <Glyph size={13} stroke={1.8} aria-hidden className={order === undefined ? classes.idle : undefined} />
  )
}

/** On a small screen there are no titles to press. */
function SortChoice<Row>({
  columns,
  sort,
}: {
  columns: readonly Column<Row>[]
  sort: NonNullable<DataTableProps<Row>['sort']>
}) {
  const choices = columns.flatMap(({ title, sortBy }) =>
    sortBy === undefined
      ? []
      : [
          { value: `-${sortBy}`, label: `${title}, highest first` },
          { value: sortBy, label: `${title}, lowest first` },
        ],
  )
  if (choices.length === 0) return null
  return (
    <NativeSelect
      className={classes.sortChoice}
      aria-label="Order of the list"
      size="sm"
      data={choices}
      value={`${sort.descending ? '-' : ''}${sort.by}`}
      onChange={({ currentTarget: { value } }) =>
        sort.onChange({ by: value.replace(/^-/, ''), descending: value.startsWith('-') })
      }
    />
  )
}

function BodyRow<Row>({
  row,
  id,
  columns,
  open,
}: {
  row: Row
  id: string
  columns: readonly Column<Row>[]
  open: RowOpening<Row> | undefined
}) {
  const isCurrent = open?.current !== undefined && open.current === id
  return (
    <tr
      role={roles.row}
      className={open ? classes.openable : undefined}
      data-current={isCurrent || undefined}
      onClick={open ? (event) => openByClick(event, () => open.go(row)) : undefined}
    >
      {columns.map((column, index) => (
        <td
          key={column.title}
          role={roles.cell}
          className={classOf(column)}
          data-label={index === 0 || column.actions ? undefined : column.title}
        >
          {open && index === 0 ? (
            <RowOpener row={row} open={open} isCurrent={isCurrent}>
              {column.cell(row)}
            </RowOpener>
          ) : (
            column.cell(row)
          )}
        </td>
      ))}
    </tr>
  )
}

/** A click on a control of the row, or one that ends the selection of text, opens nothing. */
function openByClick(event: MouseEvent<HTMLElement>, go: () => void): void {
  const target = event.target as HTMLElement
  if (target.closest('a, button, input, label, select, textarea, [role="menuitem"]')) return
  // A menu or dialog of the row is drawn elsewhere in the page, yet its clicks arrive here.
  if (!event.currentTarget.contains(target)) return
  if (window.getSelection()?.isCollapsed === false) return
  // Whatever opens gives the focus back to where it was.
  event.currentTarget.querySelector<HTMLElement>('[data-opener]')?.focus({ preventScroll: true })
  go()
}

function classOf<Row>({ align, actions }: Column<Row>): string | undefined {
  if (actions) return `${classes.end} ${classes.actions}`
  return align === 'end' ? classes.end : undefined
}
