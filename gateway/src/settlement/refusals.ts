import { GatewayError } from '../platform/errors.ts'
import { formatUsd } from '../platform/money.ts'

/** 402 for a wallet that cannot cover the worst case of a request; says what is free and what is held. */
export function insufficientQuota(
  neededNanos: bigint,
  wallet: { availableNanos: bigint; heldNanos?: bigint },
): GatewayError {
  const held =
    wallet.heldNanos === undefined || wallet.heldNanos === 0n
      ? ''
      : `, $${formatUsd(wallet.heldNanos)} more is held by running requests`
  return new GatewayError(
    'insufficient_quota',
    `This request may cost up to $${formatUsd(neededNanos)} and $${formatUsd(wallet.availableNanos)} is available${held}. Add credit, or lower max_completion_tokens.`,
    {
      metadata: {
        needed_nanos: neededNanos.toString(),
        available_nanos: wallet.availableNanos.toString(),
        held_nanos: wallet.heldNanos?.toString() ?? null,
      },
    },
  )
}

/** 402 for a key whose own budget is spent. */
export function overBudget(
  neededNanos: bigint,
  budget: { limitNanos: bigint; spentNanos: bigint; heldNanos: bigint; resetsAt: Date | null },
): GatewayError {
  const until = budget.resetsAt
    ? `, or wait until ${budget.resetsAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
    : ''
  return new GatewayError(
    'budget_exceeded',
    `This key's budget is $${formatUsd(budget.limitNanos)}; $${formatUsd(budget.spentNanos)} is spent and $${formatUsd(budget.heldNanos)} held, and this request may cost up to $${formatUsd(neededNanos)}. Raise the budget under Keys${until}.`,
    {
      metadata: {
        needed_nanos: neededNanos.toString(),
        limit_nanos: budget.limitNanos.toString(),
        spent_nanos: budget.spentNanos.toString(),
        held_nanos: budget.heldNanos.toString(),
      },
    },
  )
}

/** 503 while more holds wait than a second of commits can work off. */
export function overloaded(): GatewayError {
  return new GatewayError('overloaded', 'Too many requests are waiting for their booking. Retry shortly.', {
    retryAfterMs: 1_000,
  })
}

/** 503 while bills cannot be booked. */
export function booksAway(): GatewayError {
  return new GatewayError(
    'unavailable',
    'The ledger cannot be reached at the moment. Retry in a few seconds.',
    {
      retryAfterMs: 2_000,
    },
  )
}
