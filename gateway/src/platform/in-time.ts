import { GatewayError } from './errors.ts'

// How long a caller waits for the database before anything is served. The driver gives a frozen server up after 5 s.
const PATIENCE_MS = 1_500

/** What `asked` comes to; throws `unavailable` when that takes longer than a caller waits. `late` gets what comes after. */
export function inTime<Result>(asked: Promise<Result>, late?: (result: Result) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      if (late) asked.then(late, () => undefined)
      reject(
        new GatewayError(
          'unavailable',
          'The database does not answer at the moment. Retry in a few seconds.',
          {
            retryAfterMs: 1_000,
          },
        ),
      )
    }, PATIENCE_MS)
    asked.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
