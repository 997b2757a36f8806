/** How streams end, and what is said of those that end badly. */
import type { ExchangeFailure } from '../egress/exchange.ts'
import type { UpstreamFailure } from '../providers/outcome.ts'

/** How a stream that had content ended. */
export type StreamEnd =
  | { kind: 'complete' }
  | { kind: 'upstream_failed'; failure: UpstreamFailure }
  | { kind: 'client_gone' }
  /** A limit of ours, reached because of how or how much the client reads, or the client's own limit on the cost. */
  | { kind: 'cut_off'; by: NonNullable<ExchangeFailure['cut']> | 'max_cost' }

export const unfinished: UpstreamFailure = {
  class: 'server_error',
  message: 'the stream ended before it was finished',
}

export const silent: UpstreamFailure = { class: 'timeout', message: 'the upstream sent no content in time' }

export const tooMuchChatter: UpstreamFailure = {
  class: 'malformed',
  message: 'too much between two pieces of content',
}

export const clientLeft: UpstreamFailure = { class: 'client_gone', message: 'the client left' }
