/**
 * Rests: how long a listing is left alone after it said no. Pure. A 429 cools one listing × model down; a spent quota
 * suspends the whole listing, a refused model only that model, each time for longer until a success says it is over.
 */

export interface Rest {
  untilMs: number
  /** How often in a row, with no success between. */
  strikes: number
}

const HINT_MIN_MS = 1_000
const HINT_MAX_MS = 3_600_000
const COOL_MS = 2_000
const COOL_MAX_MS = 60_000
const SUSPEND_MS = 15 * 60_000
const SUSPEND_MAX_MS = 6 * 3_600_000

export const rested: Rest = { untilMs: Number.NEGATIVE_INFINITY, strikes: 0 }

/** After a 429: as long as the vendor says (1 s to 1 h), never less than what is running; without a word 2 s, doubling to 60 s. */
export function coolDown(
  rest: Rest,
  { nowMs, hintMs, random }: { nowMs: number; hintMs: number | undefined; random: number },
): Rest {
  // Requests that were under way when the first 429 came are the same storm, not another strike.
  const strikes = nowMs < rest.untilMs ? Math.max(1, rest.strikes) : rest.strikes + 1
  const untilMs = nowMs + (isUsable(hintMs) ? hinted(hintMs, random) : unhinted(strikes, random))
  return { untilMs: Math.max(rest.untilMs, untilMs), strikes }
}

/** After a spent quota or a refused model: 15 minutes, doubling to 6 hours. */
export function suspend(rest: Rest, { nowMs }: { nowMs: number }): Rest {
  if (nowMs < rest.untilMs) return rest
  const strikes = rest.strikes + 1
  return { untilMs: nowMs + Math.min(SUSPEND_MAX_MS, SUSPEND_MS * 2 ** (strikes - 1)), strikes }
}

/** A hint that is no positive number says nothing. */
function isUsable(hintMs: number | undefined): hintMs is number {
  return hintMs !== undefined && Number.isFinite(hintMs) && hintMs > 0
}

function hinted(hintMs: number, random: number): number {
  const clamped = Math.min(HINT_MAX_MS, Math.max(HINT_MIN_MS, hintMs))
  return Math.ceil(clamped * (1 + 0.1 * random))
}

/** Equal jitter: full jitter can come to nearly nothing, which is no rest at all. */
function unhinted(strikes: number, random: number): number {
  const full = Math.min(COOL_MAX_MS, COOL_MS * 2 ** Math.min(strikes - 1, 10))
  return Math.ceil(full / 2 + (full / 2) * random)
}
