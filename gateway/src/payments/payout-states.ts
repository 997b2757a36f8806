/** The life of a payout: `requested → approved → paid`, or out of it. Pure. */

export type PayoutState = 'requested' | 'approved' | 'paid' | 'refused' | 'cancelled' | 'failed'

/** What a person does with a payout. */
export type PayoutAct = 'cancel' | 'approve' | 'refuse' | 'book' | 'fail'

/** What a state calls for in the ledger: written with the state, taken away when it is booked. */
export type Unbooked = 'set_aside' | 'give_back' | 'pay'

interface Move {
  from: PayoutState
  to: PayoutState
  books?: Unbooked
}

const MOVES: Readonly<Record<PayoutAct, Move>> = {
  cancel: { from: 'requested', to: 'cancelled', books: 'give_back' },
  approve: { from: 'requested', to: 'approved' },
  refuse: { from: 'requested', to: 'refused', books: 'give_back' },
  book: { from: 'approved', to: 'paid', books: 'pay' },
  // Only before it was booked as paid: what the bank sends back later is another journal.
  fail: { from: 'approved', to: 'failed', books: 'give_back' },
}

/** Where an act leads from a state, and what is to be booked for it; `undefined` when it leads nowhere. */
export function afterAct(
  state: PayoutState,
  act: PayoutAct,
): { state: PayoutState; unbooked: Unbooked | null } | undefined {
  const { from, to, books = null } = MOVES[act]
  return state === from ? { state: to, unbooked: books } : undefined
}

/** Whether the money still waits for somebody. */
export function isOpen(state: PayoutState): boolean {
  return state === 'requested' || state === 'approved'
}

const WHY_NOT: Readonly<Record<PayoutState, string>> = {
  requested: 'waits for approval',
  approved: 'is approved and waits to be paid',
  paid: 'is paid',
  refused: 'was refused; its money is available again',
  cancelled: 'was cancelled by its seller; its money is available again',
  failed: 'failed; its money is available again',
}

const NEEDS: Readonly<Record<PayoutAct, string>> = {
  cancel: 'Only a payout that waits for approval can be cancelled.',
  approve: 'Only a payout that waits for approval can be approved.',
  refuse: 'Only a payout that waits for approval can be refused.',
  book: 'Only an approved payout can be booked as paid.',
  fail: 'Only an approved payout can fail.',
}

/** Why an act leads nowhere, in a sentence. */
export function whyNot(state: PayoutState, act: PayoutAct): string {
  return `This payout ${WHY_NOT[state]}. ${NEEDS[act]}`
}
