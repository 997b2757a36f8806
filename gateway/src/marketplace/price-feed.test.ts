import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { makeOffer, makeProvider } from '../../test/support/market.ts'
import type { Offer } from './offer.ts'
import { createPriceFeed, type PriceEvent, type PriceFeed, type PriceFilter } from './price-feed.ts'
import { type PriceRule, priceRule } from './price-rule.ts'
import { showPoint } from './price-show.ts'
import { streamPrices } from './price-stream.ts'
import { compilePrices, type PriceVersion } from './price-versions.ts'

const START_MS = Date.UTC(2026, 0, 7, 12)
const fixed = (input: string): PriceRule => ({ kind: 'fixed', perMTok: { input, output: '2' } })
const evening = {
  from: '18:00',
  to: '22:00',
  timeZone: 'UTC',
  price: { kind: 'fixed', perMTok: { input: '5', output: '5' } },
}

let nowMs: number
let fill: number
let offers: Offer[]
let feed: PriceFeed

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  nowMs = START_MS
  fill = 0
  offers = []
  feed = createPriceFeed({
    market: { modelsOnOffer: () => new Set(['test/model']), offersFor: () => offers },
    fillOf: () => fill,
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
  })
})
afterEach(() => {
  feed.close()
  vi.useRealTimers()
})

function offered(listingId: string, ...versions: [PriceVersion, ...PriceVersion[]]): Offer {
  const schedule = compilePrices(versions, undefined, 0n)
  return { ...makeOffer(listingId), schedule, price: schedule.at(nowMs, 0).price }
}
const version = (rule: PriceRule, number = 1, fromMs = 0): PriceVersion => ({ version: number, rule, fromMs })

/** What a follower hears, in words: what, whose, at which price of prompt tokens, with which announced version. */
function follow(filter: PriceFilter = {}) {
  const heard: string[] = []
  const say = ({ type, point }: PriceEvent) => {
    const { usdPerMTok, announced } = showPoint(point)
    heard.push(
      `${type} ${point.offer.listingId} ${usdPerMTok.input}${announced ? ` v${announced.version} soon` : ''}`,
    )
  }
  const { now, stop } = feed.follow({
    filter,
    tell: (events) => events.forEach(say),
    end: () => heard.push('end'),
  })
  return { heard, now, stop }
}

function pass(ms: number): void {
  nowMs += ms
  vi.advanceTimersByTime(1_000)
}

test('a follower hears of an announced price, and of the moment at which it holds', () => {
  offers = [offered('a', version(fixed('1')))]
  const { heard, now } = follow()
  expect(now.map(({ offer }) => offer.listingId)).toEqual(['a'])
  pass(1_000)
  offers = [offered('a', version(fixed('1')), version(fixed('3'), 2, nowMs + 300_000))]
  pass(1_000)
  pass(298_000)
  expect(heard).toEqual(['announced a 1 v2 soon'])
  pass(1_000)
  expect(heard).toEqual(['announced a 1 v2 soon', 'price a 3'])
})

test('a follower hears that an announced price was withdrawn', () => {
  offers = [offered('a', version(fixed('1')), version(fixed('3'), 2, nowMs + 300_000))]
  const { heard } = follow()
  offers = [offered('a', version(fixed('1')))]
  pass(1_000)
  expect(heard).toEqual(['announced a 1'])
})

test('a follower hears of a window that begins and ends, and of each step of fill', () => {
  const rule = priceRule.parse({
    kind: 'scheduled',
    base: fixed('1'),
    windows: [evening],
    load: { floorPpm: 1_000_000, ceilingPpm: 2_000_000 },
  })
  offers = [offered('a', version(rule))]
  const { heard } = follow()
  fill = 0.04
  pass(1_000)
  expect(heard).toEqual([])
  fill = 0.5
  pass(1_000)
  pass(6 * 3_600_000)
  fill = 0
  pass(4 * 3_600_000)
  expect(heard).toEqual(['price a 1.5', 'price a 7.5', 'price a 1'])
})

test('a market that was read anew with the same prices is no news; offers that come and go are', () => {
  offers = [offered('a', version(fixed('1')))]
  const { heard } = follow()
  offers = [offered('a', version(fixed('1'))), offered('b', version(fixed('2')))]
  pass(1_000)
  offers = [offered('b', version(fixed('2')))]
  pass(1_000)
  expect(heard).toEqual(['price b 2', 'gone a 1'])
})

test('a follower hears only of what he asked about', () => {
  offers = [
    offered('a', version(fixed('1'))),
    { ...offered('b', version(fixed('1'))), provider: makeProvider('groq') },
  ]
  const followers = [{ listing: 'a' }, { provider: 'groq' }, { model: 'test/model' }, { model: 'test/other' }]
  const told = followers.map((filter) => follow(filter))
  expect(told.map(({ now }) => now.map(({ offer }) => offer.listingId))).toEqual([
    ['a'],
    ['b'],
    ['a', 'b'],
    [],
  ])
  offers = [
    offered('a', version(fixed('3'), 2)),
    { ...offered('b', version(fixed('4'), 2)), provider: makeProvider('groq') },
  ]
  pass(1_000)
  expect(told.map(({ heard }) => heard)).toEqual([
    ['price a 3'],
    ['price b 4'],
    ['price a 3', 'price b 4'],
    [],
  ])
})

test('who begins to follow between two looks hears of nothing that he was told at the start', () => {
  offers = [offered('a', version(fixed('1')))]
  const first = follow()
  offers = [offered('a', version(fixed('3'), 2))]
  const second = follow()
  expect(second.now.map(({ offer }) => offer.price.version)).toEqual([2])
  pass(1_000)
  expect([first.heard, second.heard]).toEqual([['price a 3'], []])
})

test('nobody looks while nobody follows, and a feed that closes says so', () => {
  const { stop } = follow()
  expect(vi.getTimerCount()).toBe(1)
  stop()
  expect(vi.getTimerCount()).toBe(0)
  const { heard } = follow()
  feed.close()
  expect([heard, feed.followers(), vi.getTimerCount()]).toEqual([['end'], 0, 0])
})

/** The stream of `feed` on a port of its own; resolves to its server. */
async function serve() {
  const app = express()
  app.get('/', (_request, response) => streamPrices(response, feed, {}))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

test('a large market is told in pieces, and what changes meanwhile comes after it', async () => {
  offers = Array.from({ length: 120 }, (_, at) => offered(`listing-${at}`, version(fixed('1'))))
  const { server, port } = await serve()
  const response = await fetch(`http://127.0.0.1:${port}/`)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('"complete":true')) text += (await reader?.read())?.value ?? ''
  expect(text.match(/event: snapshot/g)).toHaveLength(3)
  expect(text.match(/"version":1,/g)).toHaveLength(120)
  offers = [offered('listing-0', version(fixed('3'), 2)), ...offers.slice(1)]
  pass(1_000)
  while (!text.includes('event: price')) text += (await reader?.read())?.value ?? ''
  for (let beat = 0; beat < 15; beat += 1) vi.advanceTimersByTime(1_000)
  while (!text.includes(': keep-alive\n\n')) text += (await reader?.read())?.value ?? ''
  await reader?.cancel()
  await vi.waitFor(() => expect(feed.followers()).toBe(0))
  server.close()
})

test('a stream says that the gateway stops, and ends', async () => {
  const { server, port } = await serve()
  const response = await fetch(`http://127.0.0.1:${port}/`)
  await vi.waitFor(() => expect(feed.followers()).toBe(1))
  feed.close()
  expect(await response.text()).toMatch(/"complete":true.*\n: the gateway stops; connect again\n\n$/s)
  server.close()
})

test('who has left before the stream begins is not followed up', async () => {
  const leave = new AbortController()
  const app = express()
  app.get('/', async (_request, response) => {
    // As long as it takes to look up his token.
    const left = once(response, 'close')
    leave.abort()
    await left
    void streamPrices(response, feed, {})
    app.emit('begun')
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const begun = once(app, 'begun')
  const { port } = server.address() as AddressInfo
  await fetch(`http://127.0.0.1:${port}/`, { signal: leave.signal }).catch(() => undefined)
  await begun
  expect(feed.followers()).toBe(0)
  server.close()
})

test('a client that does not read is let go, and what waits for it is bounded', async () => {
  offers = Array.from({ length: 400 }, (_, at) => offered(`listing-${at}`, version(fixed('1'))))
  const { server, port } = await serve()
  const socket = connect(port, '127.0.0.1').pause()
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await vi.waitFor(() => expect(feed.followers()).toBe(1))
  // Each change of 400 prices is some 200 KB; what a socket takes without a reader is a few megabytes.
  for (let number = 2; number < 200 && feed.followers() > 0; number += 1) {
    offers = offers.map(({ listingId }) => offered(listingId, version(fixed(`${number}`), number)))
    pass(1_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await vi.waitFor(() => expect(feed.followers()).toBe(0), 5_000)
  socket.destroy()
  server.close()
})
