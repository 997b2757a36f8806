/** What an answer is by its first bytes, for upstreams that label it wrongly. */
import type { Headers } from '../providers/provider.ts'
import { FailureBody } from './failure-body.ts'

const FIELDS = ['data', 'event', 'id', 'retry']
// A byte order mark and blank lines may come first; whoever sends more of them sends no stream.
const MAX_START = 64

/** Whether server-sent events begin like this; `undefined` when too little is there to tell. */
export function isEventStream(start: Buffer): boolean | undefined {
  const head = start.subarray(0, MAX_START).toString('latin1')
  const text = head.replace(/^\xef\xbb\xbf/, '').trimStart()
  if (text.startsWith(':')) return true
  if (FIELDS.some((field) => text.startsWith(`${field}:`))) return true
  const mayBecomeOne = FIELDS.some((field) => `${field}:`.startsWith(text))
  return mayBecomeOne && start.length < MAX_START ? undefined : false
}

/** Keeps the beginning of an answer that does not say it is a stream, until it shows what it is. */
export class FirstBytes {
  readonly #headers: Headers
  #kept: Buffer = Buffer.alloc(0)

  constructor(headers: Headers) {
    this.#headers = headers
  }

  /** All bytes so far and whether they are a stream; `undefined` while they may still become one. */
  add(bytes: Buffer): { bytes: Buffer; isStream: boolean } | undefined {
    this.#kept = Buffer.concat([this.#kept, bytes])
    const isStream = isEventStream(this.#kept)
    return isStream === undefined ? undefined : { bytes: this.#kept, isStream }
  }

  /** A 200 that is no stream is an error in disguise, or not a chat upstream at all. */
  failureBody(): FailureBody {
    const body = new FailureBody({ status: 200, headers: this.#headers })
    body.add(this.#kept)
    return body
  }
}
