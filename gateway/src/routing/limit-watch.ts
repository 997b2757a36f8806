/**
 * Tells when a listing begins to rest because a limit of its day or month is reached, and when it is back. Beside the
 * path: capacity itself refuses at once and takes again at the window's end; this is for those who want to know of it.
 */
import type { WindowClosed } from '../limits/calendar-window.ts'
import type { Logger } from '../platform/logger.ts'
import type { Capacity } from './capacity.ts'

const LOOK_EVERY_MS = 1_000

export type LimitReason = `${WindowClosed['kind']}_limit`

/** One change, as it is told. */
export interface LimitChange {
  listingId: string
  reason: LimitReason
  /** Milliseconds since 1970; undefined when the listing is back. */
  untilMs: number | undefined
}

export interface LimitWatch {
  look(): void
  close(): void
}

/** `tell` may fail: the change is logged then and not told again. */
export function watchLimits({
  capacity,
  tell,
  logger,
}: {
  capacity: Pick<Capacity, 'reached'>
  tell: (change: LimitChange) => Promise<void>
  logger: Pick<Logger, 'info' | 'error'>
}): LimitWatch {
  let known: ReadonlyMap<string, WindowClosed> = new Map()

  function look(): void {
    const reached = capacity.reached()
    if (reached.size === 0 && known.size === 0) return
    for (const [listingId, { kind, untilMs }] of reached) {
      const before = known.get(listingId)
      if (before?.kind !== kind || before.untilMs !== untilMs)
        report({ listingId, reason: `${kind}_limit`, untilMs })
    }
    for (const [listingId, { kind }] of known)
      if (!reached.has(listingId)) report({ listingId, reason: `${kind}_limit`, untilMs: undefined })
    known = reached
  }

  function report(change: LimitChange): void {
    logger.info(
      change,
      change.untilMs === undefined ? 'a listing is back' : 'a listing has reached its limit',
    )
    tell(change).catch((error) => logger.error({ err: error, ...change }, 'a reached limit was not noted'))
  }

  const timer = setInterval(look, LOOK_EVERY_MS)
  timer.unref()
  return { look, close: () => clearInterval(timer) }
}
