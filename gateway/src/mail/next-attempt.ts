const MINUTE_MS = 60_000

/** The waits after each failed attempt: quick for a server that restarts, patient for one that is down over night. */
const WAITS_MS = [1, 5, 15, 60, 240, 480, 960].map((minutes) => minutes * MINUTE_MS)

/** How often a mail is tried in all, over about 30 hours. */
export const ATTEMPTS_MAX = WAITS_MS.length + 1

/** When to try again after `attempts` failures; `undefined` when it has been tried often enough. */
export function nextAttemptMs(attempts: number, nowMs: number): number | undefined {
  const wait = WAITS_MS[attempts - 1]
  return wait === undefined ? undefined : nowMs + wait
}
