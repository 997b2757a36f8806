/** Why a seller cannot be paid out at the moment, in his words. Pure. */
import { nanosPerMinorUnit } from '../ledger/minor-units.ts'
import { formatUsd } from '../platform/money.ts'

export interface Standing {
  /** Of the ledger, in nano-dollars. */
  pendingNanos: bigint
  availableNanos: bigint
  reserveNanos: bigint
  inFlightNanos: bigint
  owedNanos: bigint
  paidNanos: bigint
  /** `pay-…`, when one is on its way. */
  openPayoutId: string | undefined
  /** Cases against his listings that are not resolved. */
  openCases: number
  isClosed: boolean
}

export interface Obstacle {
  code: 'payout_open' | 'debt' | 'case_open' | 'too_little' | 'closed'
  text: string
}

const CENT = nanosPerMinorUnit('usd')

/** What could be paid out: whole cents, what is smaller stays. */
export function payableNanos({ availableNanos }: Pick<Standing, 'availableNanos'>): bigint {
  const nanos = atLeastNothing(availableNanos)
  return nanos - (nanos % CENT)
}

function atLeastNothing(nanos: bigint): bigint {
  return nanos > 0n ? nanos : 0n
}

/** Every obstacle, the one that matters most first; none means that a payout can be asked for. */
export function obstaclesOf(standing: Standing, minNanos: bigint): Obstacle[] {
  const { openPayoutId, owedNanos, openCases, isClosed } = standing
  const found: (Obstacle | false)[] = [
    isClosed && { code: 'closed', text: 'This account has been closed.' },
    owedNanos > 0n && {
      code: 'debt',
      text: `You owe the platform $${formatUsd(owedNanos)}. It is taken from what you earn next; payouts go on after that.`,
    },
    openCases > 0 && {
      code: 'case_open',
      text:
        openCases === 1
          ? 'A case against one of your listings is open. Payouts go on when it is resolved; you can dispute it under My listings.'
          : `${openCases} cases against your listings are open. Payouts go on when they are resolved; you can dispute them under My listings.`,
    },
    openPayoutId !== undefined && {
      code: 'payout_open',
      text: `Payout ${openPayoutId} is on its way. Ask for the next one when it is paid, or cancel it while it waits.`,
    },
    payableNanos(standing) < minNanos && {
      code: 'too_little',
      text: `The least that is paid out is $${formatUsd(minNanos)}; $${formatUsd(atLeastNothing(standing.availableNanos))} is available.`,
    },
  ]
  return found.filter((each) => each !== false)
}

/** What still stands in the way of a payout that was asked for before. */
export function objectionsOf(standing: Standing): Obstacle[] {
  return obstaclesOf({ ...standing, openPayoutId: undefined }, 0n)
}
