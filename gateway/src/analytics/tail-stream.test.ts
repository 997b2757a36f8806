import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Response } from 'express'
import { expect, test } from 'vitest'
import type { Tail } from './tail.ts'
import { streamRequests } from './tail-stream.ts'

test('who has left before his stream begins takes no place among those who follow', async () => {
  let followers = 0
  const tail = {
    follow() {
      followers += 1
      return () => {
        followers -= 1
      }
    },
  } as unknown as Tail
  const leave = new AbortController()
  const story = new EventEmitter()
  const server = createServer(async (_request, response) => {
    // As long as it takes to look up his token.
    const left = once(response, 'close')
    leave.abort()
    await left
    void streamRequests(response as unknown as Response, tail, {
      filter: { view: { side: 'market' } },
      sight: { side: 'market', operator: true },
      lastEventId: undefined,
      requireStill: async () => undefined,
    })
    story.emit('looked')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const looked = once(story, 'looked')
  await fetch(`http://127.0.0.1:${port}`, { signal: leave.signal }).catch(() => undefined)
  await looked
  server.close()
  expect(followers).toBe(0)
})
