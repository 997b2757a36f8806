/** One follower's event stream: the prices of the moment first, then what changes; whoever reads too slowly is let go. */
import { once } from 'node:events'
import type { Response } from 'express'
import type { PriceEvent, PriceFeed, PriceFilter } from './price-feed.ts'
import { type PricePoint, showPoint } from './price-show.ts'

// Proxies close what is silent for 30 to 60 s.
const KEEP_ALIVE_MS = 15_000
// As long as a session: who follows longer shows again that he may.
const STREAM_MS = 15 * 60_000
// Some two thousand changes. Beyond it the reader is minutes behind, and what he reads is no price any more.
const MAX_BEHIND_BYTES = 512 * 1024
// Fits a socket's buffer, so that a market of 10,000 offers is told without holding its whole text.
const POINTS_PER_EVENT = 50
// What the last comment has to leave by.
const FAREWELL_MS = 2_000

/** Writes until the client leaves, reads too slowly, the time is up or the feed closes; then resolves. */
export async function streamPrices(response: Response, feed: PriceFeed, filter: PriceFilter): Promise<void> {
  // Gone while his token was looked up: nothing would tell us so again.
  if (response.destroyed) return
  let waiting: string[] | undefined = []
  let behindBytes = 0

  function send(text: string): void {
    if (response.writableEnded || response.destroyed) return
    if (waiting) {
      behindBytes += text.length
      waiting.push(text)
    } else response.write(text)
    if (behindBytes + response.writableLength > MAX_BEHIND_BYTES) leave('this client reads too slowly')
  }

  function leave(why: string): void {
    if (response.writableEnded) return
    waiting = []
    response.end(`: ${why}; connect again\n\n`)
    setTimeout(() => response.destroy(), FAREWELL_MS).unref()
  }

  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // nginx would hold back what is small.
    'x-accel-buffering': 'no',
  })
  const { now, stop } = feed.follow({
    filter,
    tell: (events) => send(events.map(eventText).join('')),
    end: () => leave('the gateway stops'),
  })
  const keepAlive = setInterval(() => send(': keep-alive\n\n'), KEEP_ALIVE_MS).unref()
  const timeUp = setTimeout(() => leave('time is up'), STREAM_MS).unref()
  const closed = new Promise<void>((resolve) => response.once('close', resolve))
  try {
    await sendSnapshot(response, now, closed)
    const missed = waiting
    waiting = undefined
    behindBytes = 0
    for (const text of missed) send(text)
    await closed
  } finally {
    stop()
    clearInterval(keepAlive)
    clearTimeout(timeUp)
  }
}

/** In pieces, each when the one before has left; the last says so. */
async function sendSnapshot(
  response: Response,
  points: readonly PricePoint[],
  closed: Promise<void>,
): Promise<void> {
  for (let at = 0; at === 0 || at < points.length; at += POINTS_PER_EVENT) {
    if (response.writableEnded || response.destroyed) return
    const complete = at + POINTS_PER_EVENT >= points.length
    const data = points.slice(at, at + POINTS_PER_EVENT).map(showPoint)
    if (response.write(sse('snapshot', { data, complete }))) continue
    await Promise.race([once(response, 'drain'), closed])
  }
}

function eventText({ type, point }: PriceEvent): string {
  const shown = showPoint(point)
  if (type !== 'gone') return sse(type, shown)
  const { id, listing, provider, model } = shown
  return sse('gone', { id, listing, provider, model })
}

function sse(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
