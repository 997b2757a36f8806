/** Being told to stop while answers run: what has begun comes to its end, what comes later is sent elsewhere. */
import { request } from 'node:http'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createEmptyDatabase, type EmptyDatabase } from './support/database.ts'
import { call, chat, openChat, signIn, toldNanos } from './support/gateway-client.ts'
import { askDatabase, endProcesses, newDataDir, startProcess } from './support/process.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 120_000 })

const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }
const dataDir = newDataDir()
let database: EmptyDatabase
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  // A server of its own, so that the books can be read when the gateway is gone.
  database = await createEmptyDatabase()
})
afterAll(async () => {
  await endProcesses()
  await upstream.close()
  await database.drop()
})

const start = (drainSeconds: number) =>
  startProcess({
    dataDir,
    env: {
      GATEWAY_MODE: 'play',
      DATABASE_URL: database.adminUrl,
      ALLOW_PRIVATE_UPSTREAMS: 'true',
      GATEWAY_DRAIN_SECONDS: String(drainSeconds),
    },
  })

/** A listing whose stream says ` one`, waits for `finish`, and then says ` two` and ends. */
function gatedStream(name: string): { baseUrl: string; finish: () => void } {
  let finish = () => {}
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const baseUrl = upstream.serve(name, async (wire) => {
    await wire.stream()
    await wire.event(chunk({ content: ' one' }))
    await gate
    await wire.event(chunk({ content: ' two' }))
    await wire.event(chunk({}, 'stop'))
    await wire.event({ ...chunk({}), choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  })
  return { baseUrl, finish }
}

const rowsOf = <Row extends object>(sql: string) => askDatabase<Row>(database.adminUrl, sql)
const violations = () => rowsOf('SELECT * FROM ledger.check_invariants()')
const openHolds = () => rowsOf("SELECT id FROM ledger.hold WHERE state = 'open'")
const booked = async () => {
  const rows = await rowsOf<{ cost_nanos: string }>('SELECT cost_nanos FROM ledger.usage_record')
  return rows.map(({ cost_nanos }) => BigInt(cost_nanos))
}

test('a running stream comes to its end and is booked, while new requests are sent elsewhere', async () => {
  const gateway = await start(60)
  const operator = await signIn(gateway)
  const { baseUrl, finish } = gatedStream('gated')
  await operator.listing({ model: 'openai/gpt-4.1-nano', baseUrl })
  const { key } = await operator.buyer()
  const stream = openChat(gateway, key, { model: 'gpt-4.1-nano', stream: true })
  await stream.until((text) => text.includes(' one'))
  gateway.signal('SIGTERM')
  await gateway.said('"msg":"stopping"')

  const ready = await call(`${gateway.origin}/readyz`)
  expect([ready.status, ready.json]).toEqual([
    503,
    { status: 'not_ready', checks: { database: 'ok', spool: 'ok', draining: true } },
  ])
  expect((await call(`${gateway.origin}/health/readiness`)).status).toBe(503)
  // Alive all the same: a supervisor that thinks otherwise kills it in the middle of the drain.
  expect((await call(`${gateway.origin}/healthz`)).status).toBe(200)
  expect((await call(`${gateway.origin}/health/liveliness`)).status).toBe(200)
  expect((await call(`${gateway.origin}/metrics`)).status).toBe(200)
  const refused = [
    await chat(gateway, key, { model: 'gpt-4.1-nano' }),
    await call(`${gateway.origin}/v1/models`, { token: key }),
    await operator.api('GET', '/api/me'),
  ]
  for (const { status, headers, json } of refused) {
    expect([status, json.error.code]).toEqual([503, 'shutting_down'])
    expect(headers.get('x-should-retry')).toBe('true')
    expect(headers.get('retry-after')).toBe('1')
    expect(headers.get('connection')).toBe('close')
    expect(headers.get('x-request-id')).toBe(json.error.request_id)
  }

  finish()
  expect(await stream.ended).toBe(true)
  expect(stream.text()).toMatch(/ two.*data: \[DONE\]\n\n$/s)
  expect(await gateway.exited).toEqual({ code: 0, signal: null })
  expect(await booked()).toEqual([toldNanos(stream.text())])
  expect(await openHolds()).toEqual([])
  expect(await violations()).toEqual([])
})

test('past the limit what still runs ends with an error, costs nothing and is not tried again', async () => {
  const gateway = await start(1)
  const before = await booked()
  const operator = await signIn(gateway)
  const models = { stream: 'openai/gpt-4.1-mini', late: 'openai/gpt-4.1', json: 'openai/gpt-4o' }
  await operator.listing({ model: models.stream, baseUrl: gatedStream('endless').baseUrl })
  // Two offers that never answer: ending one must not begin the other.
  for (const model of [models.late, models.json]) {
    for (const name of ['mute-a', 'mute-b'])
      await operator.listing({
        model,
        name,
        baseUrl: upstream.serve(`${name}-${model.split('/')[1]}`, () => {}),
      })
  }
  const { key } = await operator.buyer({ key: { policy: { only: ['openai'] } } })
  const stream = openChat(gateway, key, { model: models.stream, stream: true })
  const late = openChat(gateway, key, { model: models.late, stream: true })
  const json = openChat(gateway, key, { model: models.json })
  const unfinished = request(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'content-length': 1_000 },
  })
  const cut = new Promise((resolve) => unfinished.on('error', resolve).on('response', resolve))
  unfinished.write('{"model":')
  await stream.until((text) => text.includes(' one'))
  await vi.waitUntil(() => upstream.visits.filter(({ name }) => name.startsWith('mute')).length === 2, 30_000)
  expect((await openHolds()).length).toBe(3)
  gateway.signal('SIGTERM')

  expect(await stream.ended).toBe(true)
  expect(stream.text()).toContain('"code":"shutting_down"')
  expect(stream.text()).not.toContain('[DONE]')
  for (const waiting of [late, json]) {
    expect((await waiting.opened).status).toBe(503)
    expect(await waiting.ended).toBe(true)
    expect(JSON.parse(waiting.text()).error).toMatchObject({ code: 'shutting_down', retryable: true })
  }
  await cut
  expect(await gateway.exited).toEqual({ code: 0, signal: null })
  expect(upstream.visits.filter(({ name }) => name.startsWith('mute'))).toHaveLength(2)
  expect(await booked()).toEqual(before)
  expect(await openHolds()).toEqual([])
  expect(await violations()).toEqual([])
})

test('an answer that its client has not taken yet is not cut off by a stop', async () => {
  const gateway = await start(60)
  const operator = await signIn(gateway)
  const words = 'word '.repeat(1_600_000)
  const baseUrl = upstream.serve('large', (wire) => wire.json(200, completion(words, { usage })))
  await operator.listing({ model: 'openai/gpt-4-turbo', baseUrl })
  const { key } = await operator.buyer()
  const text = await new Promise<string>((resolve, reject) => {
    const outgoing = request(`${gateway.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    })
    outgoing.on('error', reject)
    outgoing.on('response', async (response) => {
      // Nothing is read until the gateway was told to stop.
      gateway.signal('SIGTERM')
      await gateway.said('"msg":"stopping"')
      let read = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        read += piece
      })
      response.on('error', reject).on('end', () => resolve(read))
    })
    outgoing.end(
      '{"model":"gpt-4-turbo","messages":[{"role":"user","content":"Write a book"}],"max_tokens":50}',
    )
  })
  expect(JSON.parse(text).choices[0].message.content).toBe(words)
  expect(await gateway.exited).toEqual({ code: 0, signal: null })
  expect((await booked()).at(-1)).toBe(toldNanos(text.slice(-500)))
})
