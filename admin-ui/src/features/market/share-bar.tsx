import { Box } from '@mantine/core'
import type { ReactNode } from 'react'
import classes from './market.module.css'

/** A figure with a small bar under it; the bar is for the eye only. `share` is 0 to 1, null draws none. */
export function ShareBar({ share, children }: { share: number | null; children: ReactNode }) {
  return (
    <Box component="span" className={classes.barred}>
      <span className="figures">{children}</span>
      <span className={classes.track} aria-hidden data-empty={share === null || undefined}>
        {share === null ? null : (
          <span
            className={classes.bar}
            style={{ width: `${Math.round(Math.min(1, Math.max(0, share)) * 100)}%` }}
          />
        )}
      </span>
    </Box>
  )
}
