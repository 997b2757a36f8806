/**
 * The database fails in every way it can: a process of it is killed, it stops, it dies, it freezes, it is crowded out.
 * Callers hear 503 and when to retry, never 401 or 402; answers that are under way end as if nothing had happened; what
 * was told is booked once it is back, and it comes back without anybody's help.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { connectClient, type DatabaseClient } from '../src/platform/database.ts'
import { type FaultScene, models, startFaultScene } from './support/fault-scene.ts'
import type { Buyer } from './support/gateway.ts'
import { openChat } from './support/gateway-client.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const PAUSE_MS = 30_000
const CONNECTIONS = 40

let scene: FaultScene
let rich: Buyer
/** Its hold is committed before anything is sent. */
let poor: Buyer
let budgeted: Buyer

beforeAll(async () => {
  scene = await startFaultScene({ settings: { max_connections: String(CONNECTIONS) } })
})
afterAll(() => scene.close())
afterEach(() => scene.server.heal())
beforeEach(async () => {
  scene.keepBack()
  rich = await scene.gateway.buyer({ usd: '100' })
  poor = await scene.gateway.buyer({ usd: '0.001' })
  budgeted = await scene.gateway.buyer({ key: { budget: { limitNanos: '1000000000', period: 'day' } } })
})

const buyers = () => [rich, poor, budgeted]
const befores = () => Promise.all(buyers().map((buyer) => scene.before(buyer)))

/** One streamed answer each, stopped after its third word. */
async function startStreams() {
  const streams = buyers().map(({ key }) =>
    openChat(scene.gateway, key, { model: models.held, stream: true }),
  )
  await Promise.all(streams.map((stream) => stream.until((text) => text.includes(' three'))))
  return streams
}

/** They end as streams end, with their cost, whatever the database does. */
async function expectWhole(streams: Awaited<ReturnType<typeof startStreams>>) {
  for (const stream of streams) {
    expect(await stream.ended, stream.text()).toBe(true)
    expect(stream.text()).toContain('data: [DONE]')
    expect(stream.text()).toContain('"cost":')
  }
  return streams.map((stream) => ({ text: stream.text() }))
}

/** Every kind of payer is told the same, whether its key and balance were seen before or not. */
async function expectAllRefused(): Promise<number> {
  const refusals = await scene.metric('gateway_refusals_total', 'code="unavailable"')
  const asked = scene.upstream.visits.length
  const answers = await Promise.all([...buyers(), ...buyers()].map((buyer) => scene.ask(buyer)))
  for (const answer of answers) scene.expectOutage(answer)
  expect(await scene.metric('gateway_refusals_total', 'code="unavailable"')).toBe(refusals + answers.length)
  return scene.upstream.visits.length - asked
}

test('a process of the server is killed: it recovers, nobody is refused for another reason, nothing is booked twice', async () => {
  const before = await befores()
  const streams = await startStreams()
  let stop = false
  const callers = [rich, budgeted, rich, budgeted].map(async (buyer) => {
    const answers = []
    while (!stop) answers.push(await scene.ask(buyer, { stream: answers.length % 2 === 0 }))
    return answers
  })
  for (let kill = 0; kill < 3; kill += 1) {
    const [backend] = await untilAnswers<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'bourse/ledger' LIMIT 1",
    )
    scene.server.killBackend(backend?.pid as number)
    await vi.waitUntil(async () => (await scene.ask(rich)).status === 200, { timeout: 30_000 })
  }
  stop = true
  const answers = (await Promise.all(callers)).flat()
  const served = answers.filter(({ status }) => status === 200)
  for (const answer of answers) if (answer.status !== 200) scene.expectOutage(answer)
  expect(served.length).toBeGreaterThan(0)
  scene.release()
  const told = [...(await expectWhole(streams)), ...served.filter(({ text }) => text.includes('"cost":'))]
  await scene.expectBooked(before, told)
})

/** The rows of a query, asked again while the server is coming back. */
async function untilAnswers<Row extends object>(sql: string): Promise<Row[]> {
  let rows: Row[] = []
  const tryOnce = async () => {
    rows = await scene.server.query<Row>(sql).catch(() => [])
    return rows.length > 0
  }
  await vi.waitUntil(tryOnce, { timeout: 30_000 })
  return rows
}

test.each(['fast', 'kill'] as const)(
  'the server is gone (%s): new requests hear 503, running answers end with their cost, and it is booked later',
  async (how) => {
    const before = await befores()
    const streams = await startStreams()
    await scene.server.stop(how)
    await expectAllRefused()
    scene.release()
    // The server is still away: the last byte waits for the spool and not for it.
    const told = await expectWhole(streams)
    await expectAllRefused()
    await scene.server.start()
    for (const buyer of buyers()) told.push(await scene.untilServed(buyer))
    await scene.expectBooked(before, told)
  },
)

test('the server freezes for 30 s: requests are refused in a moment and not after it, and all goes on by itself', async () => {
  const before = await befores()
  const streams = await startStreams()
  scene.server.pause()
  const paused = delay(PAUSE_MS)
  await expectAllRefused()
  scene.release()
  const told = await expectWhole(streams)
  // Also when the keys are not remembered any more, and the connections have been given up.
  await expectAllRefused()
  await paused
  scene.server.resume()
  for (const buyer of buyers()) told.push(await scene.untilServed(buyer))
  await scene.expectBooked(before, told)
})

test('others take every connection: requests hear 503 until they leave', async () => {
  const before = await befores()
  const crowd: DatabaseClient[] = []
  const crowdIn = async () => {
    for (;;) {
      const client = await connectClient(scene.server.appUrl, 'crowd').catch(() => undefined)
      if (!client) return
      crowd.push(client)
    }
  }
  await crowdIn()
  // Ours are taken over one by one, until none is left.
  await vi.waitUntil(
    async () => {
      const cut = await scene.server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE usename = 'bourse_app' AND application_name NOT IN ('crowd', 'story')`,
      )
      await crowdIn()
      return cut.length === 0
    },
    { timeout: 30_000 },
  )
  await expectAllRefused()
  await Promise.all(crowd.map((client) => client.end()))
  const told = []
  for (const buyer of buyers()) told.push(await scene.untilServed(buyer))
  await scene.expectBooked(before, told)
})
