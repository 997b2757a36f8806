import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GatewayError } from '../platform/errors.ts'
import type { ClientStream } from './client-stream.ts'
import type { InferenceDeps } from './deps.ts'
import { serveStream } from './serve-stream.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A request that waits for its upstream, and what its client has been told. */
function waitingRequest() {
  const told: unknown[] = []
  let commit = () => {}
  let refuse = () => {}
  const durable = new Promise<void>((resolve, reject) => {
    commit = resolve
    refuse = () => reject(new GatewayError('insufficient_quota', 'No money.'))
  })
  let giveUp: (error: Error) => void = () => {}
  const deps = {
    router: {
      serve: () =>
        new Promise((_, reject) => {
          giveUp = reject
        }),
    },
  } as unknown as InferenceDeps
  const service = {
    chat: {
      admission: { headers: () => ({ 'x-ratelimit-limit-requests': '9' }) },
      model: { id: 'test/model' },
      maxOutputTokens: 7,
      capReason: 'requested',
      hold: { durable },
    },
    identity: { id: 'gen-1', model: 'test/model', createdS: 1 },
    response: new EventEmitter(),
    headers: { vary: 'origin' },
  } as unknown as Parameters<typeof serveStream>[1]
  const client = {
    open: (headers: object) => told.push(headers),
    comment: () => told.push('comment'),
  } as unknown as ClientStream
  const served = serveStream(deps, service, client)
  served.catch(() => undefined)
  return { told, commit, refuse, served, giveUp: (error: Error) => giveUp(error) }
}

const HEAD = {
  vary: 'origin',
  'x-request-id': 'gen-1',
  'x-ratelimit-limit-requests': '9',
  'x-gateway-model': 'test/model',
  'x-gateway-max-output-tokens': '7; reason=requested',
}

test('a model that thinks for more than eight seconds gets its client a head and a comment, so that no proxy gives up', async () => {
  const { told, commit } = waitingRequest()
  commit()
  await vi.advanceTimersByTimeAsync(7_999)
  expect(told).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  // Who answers is not known yet.
  expect(told).toEqual([HEAD, 'comment'])
})

test('not even the head goes out before the hold is committed, and none when it is refused', async () => {
  const late = waitingRequest()
  await vi.advanceTimersByTimeAsync(9_000)
  expect(late.told).toEqual([])
  late.commit()
  await vi.advanceTimersByTimeAsync(0)
  expect(late.told).toEqual([HEAD, 'comment'])
  const refused = waitingRequest()
  await vi.advanceTimersByTimeAsync(9_000)
  refused.refuse()
  await vi.advanceTimersByTimeAsync(0)
  expect(refused.told).toEqual([])
})

test('a request that nobody serves within eight seconds is answered with a status of its own', async () => {
  const { told, commit, served, giveUp } = waitingRequest()
  commit()
  await vi.advanceTimersByTimeAsync(5_000)
  giveUp(new GatewayError('no_capacity', 'Everybody is busy.'))
  await expect(served).rejects.toMatchObject({ code: 'no_capacity' })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(told).toEqual([])
})
