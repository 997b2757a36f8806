/**
 * How a demo listing behaves, written in its credential, because that is the only thing besides the body that the
 * gateway hands an upstream: `demo`, or `demo:latency=20,rate=40,fail=0.1,status=503`.
 *
 * | option | meaning |
 * | --- | --- |
 * | `latency` | ms before the status line |
 * | `ttft` | ms between status line and first content of a stream |
 * | `rate` | tokens per second of a stream; without it as fast as the reader |
 * | `words` | pads the answer to about this many words |
 * | `seed` | another answer, another sequence of failures |
 * | `fail` | share of requests that fail, 0 to 1 |
 * | `status` | what they fail with (500) |
 * | `retryAfter` | seconds, sent with a failure |
 * | `cut` | breaks the connection after this many content pieces (a JSON answer: in its middle) |
 * | `stall` | falls silent after this many content pieces, connection open |
 * | `error` | sends an error event after this many content pieces |
 * | `garbage` | 1: a web page with status 200 |
 * | `silent` | 1: reports no usage |
 * | `inflate` | multiplies the reported usage |
 * | `empty` | 1: an answer without a word |
 * | `hang` | 1: accepts the request and never answers |
 */
export interface DemoOptions {
  latencyMs: number
  ttftMs: number
  tokensPerSecond: number | undefined
  words: number
  seed: number
  failShare: number
  status: number
  retryAfterS: number | undefined
  cutAfter: number | undefined
  stallAfter: number | undefined
  errorAfter: number | undefined
  garbage: boolean
  silent: boolean
  inflate: number
  empty: boolean
  hang: boolean
}

const names = new Set([
  ...['latency', 'ttft', 'rate', 'words', 'seed', 'fail', 'status', 'retryAfter'],
  ...['cut', 'stall', 'error', 'garbage', 'silent', 'inflate', 'empty', 'hang'],
])

// A demo that writes a book helps nobody: about 27,000 tokens.
const MAX_WORDS = 20_000

/** Reads a demo credential; `undefined` when it is not one, or names an option that does not exist. */
export function parseDemoOptions(credential: string): DemoOptions | undefined {
  const match = /^demo(?::(.*))?$/.exec(credential)
  if (!match) return undefined
  const given = new Map<string, number>()
  for (const pair of (match[1] ?? '').split(',').filter((text) => text !== '')) {
    const [name = '', text = ''] = pair.split('=')
    const value = Number(text)
    if (!names.has(name) || text === '' || !Number.isFinite(value) || value < 0) return undefined
    given.set(name, value)
  }
  return {
    latencyMs: given.get('latency') ?? 0,
    ttftMs: given.get('ttft') ?? 0,
    tokensPerSecond: given.get('rate') || undefined,
    words: Math.min(given.get('words') ?? 0, MAX_WORDS),
    seed: given.get('seed') ?? 1,
    failShare: given.get('fail') ?? 0,
    status: given.get('status') ?? 500,
    retryAfterS: given.get('retryAfter'),
    cutAfter: given.get('cut'),
    stallAfter: given.get('stall'),
    errorAfter: given.get('error'),
    garbage: given.get('garbage') === 1,
    silent: given.get('silent') === 1,
    inflate: given.get('inflate') ?? 1,
    empty: given.get('empty') === 1,
    hang: given.get('hang') === 1,
  }
}
