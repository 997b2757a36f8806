import type { MouseEvent, ReactNode } from 'react'
import classes from './data-table.module.css'

export interface RowOpening<Row> {
  go: (row: Row) => void
  /** The address of what opens, as a path of the console; the opener is then a link. */
  href?: (row: Row) => string
  /** The key of the row that is open now. */
  current?: string | undefined
}

/** The real link or button of a row that can be opened; `j` and `k` go from one to the next. */
export function RowOpener<Row>({
  row,
  open,
  isCurrent,
  children,
}: {
  row: Row
  open: RowOpening<Row>
  isCurrent: boolean
  children: ReactNode
}) {
  if (open.href === undefined)
    return (
      <button
        type="button"
        className={classes.opener}
        data-opener
        aria-current={isCurrent || undefined}
        onClick={() => open.go(row)}
      >
        {children}
      </button>
    )
  const follow = (event: MouseEvent<HTMLAnchorElement>): void => {
    // With a modifier the browser opens another tab, as with any link.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    open.go(row)
  }
  return (
    <a
      className={classes.opener}
      data-opener
      href={`/console${open.href(row)}`}
      aria-current={isCurrent || undefined}
      onClick={follow}
    >
      {children}
    </a>
  )
}
