/** A gateway that is killed without a word: what was told is booked, what was not is free, and nothing stays held. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parseId } from '../src/platform/ids.ts'
import { balanceOf, chat, openChat, signIn, toldNanos } from './support/gateway-client.ts'
import {
  adminUrl,
  askDatabase,
  databaseServer,
  endProcesses,
  type GatewayProcess,
  startProcess,
} from './support/process.ts'
import {
  chunk,
  completion,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const env = { ALLOW_PRIVATE_UPSTREAMS: 'true' }
let gateway: GatewayProcess
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startProcess({ env })
})
afterAll(async () => {
  await endProcesses()
  await upstream.close()
})

const rowsOf = <Row extends object>(sql: string, values: unknown[] = []) =>
  askDatabase<Row>(adminUrl(gateway.dataDir), sql, values)
const violations = () => rowsOf('SELECT * FROM ledger.check_invariants()')
const openHolds = () => rowsOf<{ id: string }>("SELECT id FROM ledger.hold WHERE state = 'open'")

/** The next life of the gateway, on the database server that the last one left running. */
async function startAgain(): Promise<void> {
  expect(databaseServer(gateway.dataDir)).toBeDefined()
  gateway = await startProcess({ dataDir: gateway.dataDir, env })
  expect(gateway.output()).toContain('"adopted":true')
}

/** The cost booked for the answer with this id. */
async function bookedNanos(answer: string): Promise<bigint | undefined> {
  const id = /"id":"(gen-[0-9a-z]+)"/.exec(answer)?.[1] as string
  const [row] = await rowsOf<{ cost_nanos: string }>(
    'SELECT cost_nanos FROM ledger.usage_record WHERE id = $1',
    [parseId('gen-', id)],
  )
  return row && BigInt(row.cost_nanos)
}

async function afterwards(key: string, before: Awaited<ReturnType<typeof balanceOf>>, costNanos: bigint) {
  expect(await openHolds()).toEqual([])
  expect(await violations()).toEqual([])
  const { balanceNanos, availableNanos, heldNanos } = await balanceOf(gateway, key)
  expect({ balanceNanos, availableNanos, heldNanos }).toEqual({
    balanceNanos: before.balanceNanos - costNanos,
    availableNanos: before.availableNanos - costNanos,
    heldNanos: 0n,
  })
  expect((await chat(gateway, key, { model: 'gpt-4o-mini' })).status).toBe(200)
  await expect.poll(openHolds).toEqual([])
}

test('killed in the middle of a stream: the client pays nothing and can spend all it has at once', async () => {
  const operator = await signIn(gateway)
  const baseUrl = upstream.serve('endless', async (wire) => {
    await wire.stream()
    while (!wire.gone()) {
      await wire.event(chunk({ content: ' word' }))
      await delay(5)
    }
  })
  await operator.listing({ model: 'openai/gpt-4.1-nano', baseUrl })
  const { key } = await operator.buyer()
  const before = await balanceOf(gateway, key)
  const stream = openChat(gateway, key, { model: 'gpt-4.1-nano', stream: true })
  await stream.until((text) => text.split(' word').length > 20)
  expect(await openHolds()).toHaveLength(1)
  expect((await balanceOf(gateway, key)).heldNanos).toBeGreaterThan(0n)
  await gateway.kill()
  expect(await stream.ended).toBe(false)
  expect(stream.text()).not.toContain('[DONE]')

  await startAgain()
  expect(gateway.output()).toContain('"released":1')
  await afterwards(key, before, 0n)
})

test('killed before the upstream has answered: nothing is charged or held', async () => {
  const operator = await signIn(gateway)
  await operator.listing({
    model: 'openai/gpt-4-turbo',
    name: 'mute',
    baseUrl: upstream.serve('mute', () => {}),
  })
  const { key } = await operator.buyer()
  const before = await balanceOf(gateway, key)
  const waiting = openChat(gateway, key, { model: 'gpt-4-turbo' })
  await vi.waitUntil(
    async () => upstream.visitsOf('mute').length === 1 && (await openHolds()).length === 1,
    30_000,
  )
  await gateway.kill()
  expect(await waiting.ended).toBe(false)

  await startAgain()
  await afterwards(key, before, 0n)
})

test('killed the moment a cost was told: it is in the books, once', async () => {
  const operator = await signIn(gateway)
  const { key } = await operator.buyer()
  for (const stream of [true, false]) {
    const before = await balanceOf(gateway, key)
    const answer = openChat(gateway, key, { model: 'gpt-4o-mini', stream })
    await answer.until((text) => text.includes('"cost":'))
    await gateway.kill()
    await startAgain()
    const told = toldNanos(answer.text()) as bigint
    expect(told).toBeGreaterThan(0n)
    expect(await bookedNanos(answer.text())).toBe(told)
    await afterwards(key, before, told)
  }
})

test('killed with its database server: both come back with every cost that was told', async () => {
  const { key } = await (await signIn(gateway)).buyer()
  const before = await balanceOf(gateway, key)
  const answer = openChat(gateway, key, { model: 'gpt-4o-mini' })
  await answer.until((text) => text.includes('"cost":'))
  process.kill(databaseServer(gateway.dataDir) as number, 'SIGKILL')
  await gateway.kill()
  gateway = await startProcess({ dataDir: gateway.dataDir, env })
  expect(gateway.output()).toContain('"adopted":false')
  const told = toldNanos(answer.text()) as bigint
  expect(await bookedNanos(answer.text())).toBe(told)
  await afterwards(key, before, told)
})

const SEED = 20_261_122
const KILLS = 10
const CALLERS = 8

interface Told {
  id: string
  costNanos: bigint
}

test(`killed ${KILLS} times at random moments under load: told costs are booked, and the books balance`, async () => {
  const random = seeded(SEED)
  const model = 'openai/gpt-4o'
  const operator = await signIn(gateway)
  const baseUrl = upstream.serve('busy', async (wire) => {
    await delay(random() * 30)
    if (wire.visit.json.stream !== true) {
      await wire.json(200, completion('a word or two'))
      return
    }
    await wire.stream()
    for (let piece = 0; piece < 10; piece += 1) {
      await wire.event(chunk({ content: ' word' }))
      await delay(random() * 5)
    }
    await wire.event(chunk({}, 'stop'))
    await wire.event({
      ...chunk({}),
      choices: [],
      usage: { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 },
    })
    await wire.event('[DONE]')
    await wire.endStream()
  })
  const listing = await operator.listing({ model, name: 'busy', baseUrl })
  const policy = { only: [listing] }
  // Their holds take three ways: beside the upstream's work, before it, and through a budget.
  const buyers = [
    await operator.buyer({ usd: 10, key: { policy } }),
    await operator.buyer({ usd: 0.01, key: { policy } }),
    await operator.buyer({ usd: 10, key: { policy, budget: { limitNanos: '9000000000', period: 'total' } } }),
  ]
  const told: Told[] = []
  let unanswered = 0
  let released = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    let alive = true
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      const { key } = buyers[caller % buyers.length] as { key: string }
      for (let turn = 0; alive; turn += 1) {
        const answer = openChat(gateway, key, { model, stream: (caller + turn) % 2 === 0 })
        const complete = await answer.ended
        const cost = toldNanos(answer.text())
        if (cost !== undefined)
          told.push({ id: /gen-[0-9a-z]+/.exec(answer.text())?.[0] as string, costNanos: cost })
        else if (!complete) unanswered += 1
      }
    })
    await delay(200 + random() * 500)
    alive = false
    await gateway.kill()
    await Promise.all(callers)
    await startAgain()
    released += Number(/"released":(\d+)/.exec(gateway.output())?.[1] ?? 0)
    expect(await openHolds()).toEqual([])
  }
  console.log(
    `${KILLS} kills: ${told.length} costs told, ${unanswered} answers lost, ${released} holds released`,
  )
  await compare(told, buyers)
  for (const { key } of buyers) expect((await balanceOf(gateway, key)).heldNanos).toBe(0n)
  const last = await chat(gateway, (buyers[0] as { key: string }).key, { model })
  expect(last.status).toBe(200)
  await expect.poll(() => bookedNanos(last.text)).toBe(toldNanos(last.text))
})

/** What clients read against what the database has. */
async function compare(told: Told[], buyers: { key: string; organisationId: string }[]): Promise<void> {
  expect(told.length).toBeGreaterThan(KILLS)
  const rows = await rowsOf<{ id: string; organisation_id: string; cost_nanos: string }>(
    'SELECT id, organisation_id, cost_nanos FROM ledger.usage_record',
  )
  const booked = new Map(rows.map((row) => [row.id, BigInt(row.cost_nanos)]))
  const lost = told.filter(({ id, costNanos }) => booked.get(parseId('gen-', id) as string) !== costNanos)
  expect(lost).toEqual([])
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
  for (const [index, { key, organisationId }] of buyers.entries()) {
    const owner = parseId('org-', organisationId)
    const spent = rows.reduce(
      (sum, row) => (row.organisation_id === owner ? sum + BigInt(row.cost_nanos) : sum),
      0n,
    )
    const credit = index === 1 ? 10_000_000n : 10_000_000_000n
    expect((await balanceOf(gateway, key)).balanceNanos).toBe(credit - spent)
  }
  expect(await violations()).toEqual([])
  expect(await rowsOf('SELECT sum(amount)::text AS sum FROM ledger.entry')).toEqual([{ sum: '0' }])
  expect(
    await rowsOf("SELECT key FROM ledger.account WHERE code = 'buyer_cash' AND credits < debits"),
  ).toEqual([])
  expect(await rowsOf('SELECT * FROM ledger.dead_letter')).toEqual([])
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
