/** What follows from what is known of a listing. A single sign is no proof: it takes the alarm of the running test, or two. */

/** Signs of one listing's model so far. */
export interface Signs {
  /** Answers whose report was cut down to our count. */
  clamped: number
  /** Answers whose report could not be true at all. */
  unbelievable: number
  /** Answers that called a tool nobody had declared. */
  undeclaredCalls: number
}

export const noSigns: Signs = { clamped: 0, unbelievable: 0, undeclaredCalls: 0 }

export type CaseKind = 'usage_inflated' | 'integrity'

export interface Verdict {
  kind: CaseKind
  /** Off the market until an operator has looked; else it is ranked down and its earnings wait. */
  quarantine: boolean
}

// One may be an accident or a model's fancy; as many as this are a habit.
const MANY_CLAMPED = 20
const MANY_UNBELIEVABLE = 5
const MANY_UNDECLARED = 3

/**
 * For endpoint-backed listings only. An alarm by another tokenizer than the model's own takes a second sign before
 * anybody is sent off the market: what it rests on, that the listing's texts are like those of others, may fail.
 */
export function verdictOf(
  signs: Signs,
  { alarm, exact }: { alarm: boolean; exact: boolean },
): Verdict | undefined {
  const others = [
    signs.clamped >= MANY_CLAMPED,
    signs.unbelievable >= MANY_UNBELIEVABLE,
    signs.undeclaredCalls >= MANY_UNDECLARED,
  ].filter(Boolean).length
  if (alarm) return { kind: 'usage_inflated', quarantine: exact || others > 0 }
  // A report is cut, or not believed, by one and the same count: together with strange calls they are two signs.
  const independent =
    Number(signs.undeclaredCalls >= MANY_UNDECLARED) +
    Number(signs.clamped >= MANY_CLAMPED || signs.unbelievable >= MANY_UNBELIEVABLE)
  return independent >= 2 ? { kind: 'integrity', quarantine: true } : undefined
}
