import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type SseEvent, SseEventTooLarge, SseFramer } from './sse-framer.ts'

function frame(...chunks: (string | Uint8Array)[]): SseEvent[] {
  const framer = new SseFramer()
  const events = chunks.flatMap((chunk) => framer.push(Buffer.from(chunk as string)))
  return [...events, ...framer.end()]
}

test('events are read whatever the line ends, with or without a space', () => {
  const expected = [
    { event: '', data: '{"a":1}' },
    { event: 'ping', data: 'x' },
  ]
  expect(frame('data: {"a":1}\n\nevent: ping\ndata:x\n\n')).toEqual(expected)
  expect(frame('data: {"a":1}\r\n\r\nevent: ping\r\ndata:x\r\n\r\n')).toEqual(expected)
  expect(frame('data: {"a":1}\r\revent: ping\rdata:x\r\r')).toEqual(expected)
  expect(frame('\uFEFFdata: {"a":1}\n\nevent: ping\ndata:x\n\n')).toEqual(expected)
})

test('comments and unknown fields are no data', () => {
  expect(
    frame(': OPENROUTER PROCESSING\n\n: again\n\nid: 3\nretry: 10\ndatabase: no\ndata: yes\n\n'),
  ).toEqual([{ event: '', data: 'yes' }])
})

test('data over several lines is joined, and an empty data line is an event', () => {
  expect(frame('data: a\ndata: b\ndata\n\ndata:\n\n')).toEqual([
    { event: '', data: 'a\nb\n' },
    { event: '', data: '' },
  ])
})

test('an event name without data is forgotten', () => {
  expect(frame('event: ping\n\ndata: x\n\n')).toEqual([{ event: '', data: 'x' }])
})

test('the last event is read when the stream ends without a blank line', () => {
  expect(frame('data: [DONE]')).toEqual([{ event: '', data: '[DONE]' }])
  expect(frame('data: [DONE]\n')).toEqual([{ event: '', data: '[DONE]' }])
})

test('an event above the cap ends the stream, in one line or in many', () => {
  const megabyte = Buffer.alloc(1024 * 1024, 'x')
  const framer = new SseFramer()
  framer.push(Buffer.from('data: '))
  expect(() => {
    for (let count = 0; count < 5; count += 1) framer.push(megabyte)
  }).toThrow(SseEventTooLarge)
  const lines = new SseFramer()
  expect(() => {
    for (let count = 0; count < 5; count += 1) lines.push(Buffer.from(`data: ${megabyte}\n`))
  }).toThrow(SseEventTooLarge)
})

test('a stream of comments without end keeps nothing', () => {
  const framer = new SseFramer()
  const comments = Buffer.from(`: ${'x'.repeat(1000)}\n`.repeat(1000))
  for (let count = 0; count < 10; count += 1) expect(framer.push(comments)).toEqual([])
  expect(framer.push(Buffer.from('data: on\n\n'))).toEqual([{ event: '', data: 'on' }])
})

test('any cut of the bytes gives the same events', () => {
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
  const text = fc.string({ unit: fc.constantFrom('a', ' ', ':', 'é', '漢', '🙂', '{', '"') })
  const event = fc.record({
    name: fc.constantFrom('', 'ping', 'delta'),
    lines: fc.array(text, { minLength: 1, maxLength: 3 }),
  })
  fc.assert(
    fc.property(fc.array(event), lineEnd, fc.array(fc.nat(400)), fc.boolean(), (events, end, cuts, mark) => {
      const wire = events
        .map(({ name, lines }) =>
          [...(name ? [`event: ${name}`] : []), ...lines.map((line) => `data: ${line}`), '', ''].join(end),
        )
        .join('')
      const bytes = Buffer.from((mark ? '\uFEFF' : '') + wire)
      const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
      const chunks = edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
      const expected = events.map(({ name, lines }) => ({ event: name, data: lines.join('\n') }))
      expect(frame(...chunks)).toEqual(expected)
      expect(frame(...Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(expected)
    }),
  )
})
