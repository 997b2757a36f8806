import { LRUCache } from 'lru-cache'
import type { Clock } from '../platform/clock.ts'
import { GatewayError } from '../platform/errors.ts'

const WINDOW_MS = 15 * 60_000
// Per account *and* address: a stranger who guesses from elsewhere does not lock a person out of their own account,
// unless he has ten addresses to guess from (ACCOUNT_MAX).
const PAIR_MAX = 5
// Per address: one guesser, many accounts. Per account: many guessers, one account.
const ADDRESS_MAX = 20
const ACCOUNT_MAX = 50
// 20,000 entries of some 200 bytes; when full, the address that has been quiet longest is forgotten first.
const ENTRIES_MAX = 20_000

interface Failures {
  count: number
  resetsAtMs: number
}

export interface LoginThrottle {
  /** Takes one attempt. Throws `rate_limit_exceeded` with the true wait when there is none left. */
  take(attempt: { account: string; address: string }): LoginAttempt
}

export interface LoginAttempt {
  /** The password was right: it counts no more, and neither do the failures before it. */
  succeeded(): void
  /** Nobody could say whether it was right, so it does not count. */
  undecided(): void
}

export interface ThrottleOptions {
  clock: Clock
  /** How many from everywhere for one account. */
  accountMax?: number
  /** What there was too much of. */
  what?: string
}

/** Counts failed sign-ins in windows of 15 minutes. An attempt counts until it has succeeded, so parallel guesses count too. */
export function createLoginThrottle({
  clock,
  accountMax = ACCOUNT_MAX,
  what = 'failed sign-ins',
}: ThrottleOptions): LoginThrottle {
  const failures = new LRUCache<string, Failures>({ max: ENTRIES_MAX })

  function entryOf(name: string, nowMs: number): Failures {
    const known = failures.get(name)
    return known && known.resetsAtMs > nowMs ? known : { count: 0, resetsAtMs: nowMs + WINDOW_MS }
  }

  return {
    take({ account, address }) {
      const nowMs = clock.monotonicMs()
      const network = networkOf(address)
      const limits = [
        { name: `pair ${account} ${network}`, max: PAIR_MAX },
        { name: `address ${network}`, max: ADDRESS_MAX },
        { name: `account ${account}`, max: accountMax },
      ].map(({ name, max }) => ({ name, max, entry: entryOf(name, nowMs) }))
      const spent = limits.filter(({ entry, max }) => entry.count >= max)
      if (spent.length > 0)
        throw tooMany(what, Math.max(...spent.map(({ entry }) => entry.resetsAtMs)) - nowMs)
      // Only now: what is refused is not kept, or a flood of it would push out what was counted.
      for (const { name, entry } of limits) {
        entry.count += 1
        failures.set(name, entry)
      }
      const giveBack = () => {
        for (const { name, entry } of limits) {
          entry.count = Math.max(0, entry.count - 1)
          if (entry.count === 0 && failures.get(name) === entry) failures.delete(name)
        }
      }
      return {
        succeeded() {
          giveBack()
          failures.delete(`pair ${account} ${network}`)
        },
        undecided: giveBack,
      }
    },
  }
}

/** A person holds a whole /64 of IPv6 addresses; IPv4 stays as it is. */
function networkOf(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail ? tail.split(':') : []
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':')
}

function tooMany(what: string, retryAfterMs: number): GatewayError {
  const minutes = Math.ceil(retryAfterMs / 60_000)
  return new GatewayError('rate_limit_exceeded', `Too many ${what}. Try again in ${minutes} min.`, {
    retryAfterMs,
  })
}
