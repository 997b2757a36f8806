import { useEffect, useRef, useState } from 'react'
import { type LiveEvent, readEvents } from './read-events.ts'
import { useApi } from './services.ts'
import { type Search, withSearch } from './with-search.ts'

const firstWaitMs = 1_000
const longestWaitMs = 30_000

export type LiveState = 'off' | 'connecting' | 'live'

/**
 * Follows an event stream of the API while the page is open, and goes on after an interruption where it was. The token
 * goes in a header, which `EventSource` cannot send.
 */
export function useLive(
  path: string,
  search: Search,
  { enabled, onEvent }: { enabled: boolean; onEvent: (event: LiveEvent) => void },
): LiveState {
  const api = useApi()
  const [state, setState] = useState<LiveState>('off')
  const tell = useRef(onEvent)
  tell.current = onEvent
  const address = withSearch(path, search)

  useEffect(() => {
    if (!enabled) {
      setState('off')
      return
    }
    const leaving = new AbortController()
    void follow()
    return () => leaving.abort()

    async function follow(): Promise<void> {
      let lastId: string | undefined
      let waitMs = firstWaitMs
      while (!leaving.signal.aborted) {
        setState('connecting')
        try {
          const headers = lastId === undefined ? {} : { 'last-event-id': lastId }
          const answer = await api.follow(address, headers, leaving.signal)
          setState('live')
          waitMs = firstWaitMs
          if (answer.body)
            for await (const event of readEvents(answer.body)) {
              lastId = event.id ?? lastId
              tell.current(event)
            }
        } catch {
          // It is tried again; the page works without.
        }
        if (leaving.signal.aborted) return
        setState('connecting')
        await new Promise((resolve) => setTimeout(resolve, waitMs))
        waitMs = Math.min(longestWaitMs, waitMs * 2)
      }
    }
  }, [api, address, enabled])

  return state
}
