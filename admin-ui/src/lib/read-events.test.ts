import { expect, test } from 'vitest'
import { type LiveEvent, readEvents } from './read-events.ts'

async function eventsOf(...pieces: string[]): Promise<LiveEvent[]> {
  const encoder = new TextEncoder()
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(encoder.encode(piece))
      controller.close()
    },
  })
  const events: LiveEvent[] = []
  for await (const event of readEvents(body)) events.push(event)
  return events
}

test('events are read however the network cuts them, and comments are none', async () => {
  const text = ': hello\n\nid: 1\nevent: request\ndata: {"a":1}\n\n: keep-alive\n\nevent: reset\ndata: {}\n\n'
  const whole = [
    { id: '1', type: 'request', data: '{"a":1}' },
    { id: undefined, type: 'reset', data: '{}' },
  ]
  expect(await eventsOf(text)).toEqual(whole)
  expect(await eventsOf(...text)).toEqual(whole)
})

test('an event that was cut off is not told', async () => {
  expect(await eventsOf('data: whole\n\nid: 2\ndata: ha')).toEqual([
    { id: undefined, type: 'message', data: 'whole' },
  ])
})
