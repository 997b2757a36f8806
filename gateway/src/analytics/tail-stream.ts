/** One follower's event stream of requests; whoever reads too slowly is let go and reads the list again. */
import type { Response } from 'express'
import type { RequestFilter } from './requests-store.ts'
import { type Sight, showRequest } from './show-request.ts'
import { concerns, type Tail, type TailEvent } from './tail.ts'

// Proxies close what is silent for 30 to 60 s.
const KEEP_ALIVE_MS = 15_000
// As long as a session: who follows longer shows again that he may.
const STREAM_MS = 15 * 60_000
// What was revoked stops everywhere within seconds.
const LOOK_AGAIN_MS = 2_000
// Some two hundred requests.
const MAX_BEHIND_BYTES = 256 * 1024
// What the last comment has to leave by.
const FAREWELL_MS = 2_000

export interface Following {
  filter: RequestFilter
  sight: Sight
  lastEventId: string | undefined
  /** Throws when whoever follows may see this no longer: signed out, or without the role or key he came with. */
  requireStill: () => Promise<void>
}

/** Writes until the client leaves, reads too slowly, or the time is up. `false`: there was no room, and nothing is written. */
export async function streamRequests(
  response: Response,
  tail: Tail,
  { filter, sight, lastEventId, requireStill }: Following,
): Promise<boolean> {
  // Gone while his token was looked up: nothing would tell us so again.
  if (response.destroyed) return true
  let waiting: TailEvent[] | undefined = []

  function send(text: string): void {
    if (response.writableEnded || response.destroyed) return
    response.write(text)
    if (response.writableLength > MAX_BEHIND_BYTES) leave('this client reads too slowly')
  }

  function leave(why: string): void {
    if (response.writableEnded) return
    response.end(`: ${why}; connect again\n\n`)
    setTimeout(() => response.destroy(), FAREWELL_MS).unref()
  }

  const tell = (events: readonly TailEvent[]) => {
    if (waiting) waiting.push(...events)
    else for (const event of events) send(eventText(event, sight))
  }
  const stop = tail.follow({ filter, tell, end: () => leave('the gateway stops') })
  if (!stop) return false
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // nginx would hold back what is small.
    'x-accel-buffering': 'no',
  })
  response.write(': following\n\n')
  const keepAlive = setInterval(() => send(': keep-alive\n\n'), KEEP_ALIVE_MS).unref()
  const lookAgain = setInterval(
    () => requireStill().catch(() => leave('this sign-in has ended or changed')),
    LOOK_AGAIN_MS,
  ).unref()
  const timeUp = setTimeout(() => leave('time is up'), STREAM_MS).unref()
  const closed = new Promise<void>((resolve) => response.once('close', resolve))
  try {
    const missed = lastEventId === undefined ? [] : await tail.since(lastEventId)
    if (missed === undefined) send('event: reset\ndata: {}\n\n')
    const held = waiting
    waiting = undefined
    const again = new Set(missed?.map(({ id }) => id))
    tell(missed?.filter(({ row }) => concerns(row, filter)) ?? [])
    tell(held.filter(({ id }) => !again.has(id)))
    await closed
  } finally {
    stop()
    clearInterval(keepAlive)
    clearInterval(lookAgain)
    clearTimeout(timeUp)
  }
  return true
}

function eventText({ id, row, names }: TailEvent, sight: Sight): string {
  return `id: ${id}\nevent: request\ndata: ${JSON.stringify(showRequest(row, names, sight))}\n\n`
}
