/**
 * What the client library does not tell, or gets wrong, of the connections under the calls.
 *
 * A kept connection may have been given up by its upstream while nobody used it: a call that was not answered by a
 * single byte there was most likely never heard, and may be sent again.
 *
 * A connection that ends while its answer is held back would end the process: undici 7.30 finishes the parser of an
 * answer without keep-alive and asserts that it is not paused (client-h1.js, `finish`). Any upstream could do that.
 */
import { channel } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

/** The call on a connection. */
export interface Occupant {
  /** Takes what is left of the answer and holds nothing back any more; at most what the socket had buffered. */
  runOut(): void
}

export interface Connections {
  /** Called first thing with each connection, before anybody else hears of its events. */
  watch(socket: Socket): void
  /** A call is being written; the channel tells next on which connection. */
  starting(call: Occupant): void
  /** Whether a call failed with `error` on a connection that had served before and said nothing to this call. */
  isStale(error: Error): boolean
  close(): void
}

interface Use {
  call: Occupant | undefined
  requests: number
  /** Bytes that had come before the last request was sent. */
  readBefore: number
}

// The client library does not say on which connection a call goes out, but it tells this channel.
const sent = channel('undici:client:sendHeaders')
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

export function createConnections(): Connections {
  const uses = new WeakMap<Socket, Use>()
  const stale = new WeakSet<Error>()
  let next: Occupant | undefined

  const onSent = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    const use = uses.get(socket)
    if (!use) return
    use.call = next
    next = undefined
    use.requests += 1
    use.readBefore = socket.bytesRead
  }
  sent.subscribe(onSent)

  return {
    watch(socket) {
      const use: Use = { call: undefined, requests: 0, readBefore: 0 }
      uses.set(socket, use)
      socket.prependListener('end', () => use.call?.runOut())
      socket.prependListener('error', (error: NodeJS.ErrnoException) => {
        const unheard = use.requests > 1 && socket.bytesRead === use.readBefore
        if (unheard && CLOSED.has(error.code ?? '')) stale.add(error)
        // Under its own name undici takes it for the end of an answer that has no other.
        if (error.code === 'ECONNRESET') error.code = 'UND_ERR_SOCKET'
      })
    },
    starting(call) {
      next = call
    },
    isStale: (error) => stale.has(error),
    close: () => void sent.unsubscribe(onSent),
  }
}
