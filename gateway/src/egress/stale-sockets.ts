/**
 * Tells a kept connection that its upstream had given up while nobody used it from one that broke under a request. On
 * the first, a request that was not answered by a single byte was most likely never heard, so it may be sent again.
 */
import { channel } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

export interface StaleSockets {
  /** Before anybody else hears of the connection's errors. */
  watch(socket: Socket): void
  /** Whether a call failed with `error` on a connection that had served before and said nothing to this call. */
  isStale(error: Error): boolean
  close(): void
}

interface Use {
  requests: number
  /** Bytes that had come before the last request was sent. */
  readBefore: number
}

// The client library does not say on which connection a call goes out, but it tells this channel.
const sent = channel('undici:client:sendHeaders')
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

export function createStaleSockets(): StaleSockets {
  const uses = new WeakMap<Socket, Use>()
  const stale = new WeakSet<Error>()
  const onSent = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    const use = uses.get(socket)
    if (!use) return
    use.requests += 1
    use.readBefore = socket.bytesRead
  }
  sent.subscribe(onSent)
  return {
    watch(socket) {
      const use = { requests: 0, readBefore: 0 }
      uses.set(socket, use)
      socket.prependListener('error', (error: NodeJS.ErrnoException) => {
        const unheard = use.requests > 1 && socket.bytesRead === use.readBefore
        if (unheard && CLOSED.has(error.code ?? '')) stale.add(error)
      })
    },
    isStale: (error) => stale.has(error),
    close: () => void sent.unsubscribe(onSent),
  }
}
