/** What is added up of requests, under the names of its columns. The time to the first token is summed over streams,
 * the duration over all requests that were billed. */
export const COUNTERS = [
  'requests',
  'streams',
  'failed',
  'refused',
  'left',
  'uncachedInput',
  'cacheRead',
  'cacheWrite',
  'audioInput',
  'output',
  'audioOutput',
  'reasoning',
  'costNanos',
  'sellerNanos',
  'feeNanos',
  'ttftMs',
  'durationMs',
] as const

export type Counters = Record<(typeof COUNTERS)[number], bigint>

/** In place of a listing, a seller or a key that there is none of. */
export const NOBODY = '00000000-0000-0000-0000-000000000000'
