/**
 * A gateway on a database server of its own, an upstream that answers when it is told to, and the three records that
 * must agree after any fault: what clients read, what the upstream was asked, what the books say.
 */
import { expect, vi } from 'vitest'
import type { Clock } from '../../src/platform/clock.ts'
import { parseId } from '../../src/platform/ids.ts'
import type { Logger } from '../../src/platform/logger.ts'
import { type Buyer, startTestGateway, type TestGateway } from './gateway.ts'
import { type Answer, call, toldNanos } from './gateway-client.ts'
import { type PostgresServer, startPostgresServer } from './postgres-server.ts'
import { chunk, completion, type ScriptedUpstream, startScriptedUpstream } from './scripted-upstream.ts'

/** Its answers come at once; `held` waits for `scene.release()` after its first words. */
export const models = { prompt: 'openai/gpt-4o-mini', held: 'openai/gpt-4.1' }

// An infrastructure fault is told within 2 s; twice that for a machine that runs other suites. What waits for the
// driver to give a frozen connection up takes 5 s and more.
const TOLD_MS = 4_000
// For everything to come back by itself: the longest wait of the gateway's own is the janitor's 15 s.
const RECOVERY = { timeout: 60_000, interval: 50 }

export interface FaultScene {
  server: PostgresServer
  gateway: TestGateway
  upstream: ScriptedUpstream
  /** What the gateway logged from `warn` up: the message, and the SQLSTATE where an error had one. */
  logged: { message: string; code: string | undefined }[]
  ask(buyer: Buyer, options?: { model?: string; stream?: boolean }): Promise<TimedAnswer>
  /** Lets every answer of `models.held` go on, also those that are asked for later. */
  release(): void
  /** Keeps them back from now on. */
  keepBack(): void
  /** A 503 that a client can act on: not the caller's fault, worth a retry, and when. */
  expectOutage(answer: TimedAnswer, codes?: readonly string[]): void
  /** Resolves when the gateway serves this buyer again, by itself. */
  untilServed(buyer: Buyer): Promise<TimedAnswer>
  /** Every cost that was told is booked, and nothing else was; nothing is held; every invariant holds. */
  expectBooked(buyers: readonly BuyerBefore[], told: readonly { text: string }[]): Promise<void>
  before(buyer: Buyer): Promise<BuyerBefore>
  /** The value of a counter, the sum over series whose labels contain `labels`. */
  metric(name: string, labels?: string): Promise<number>
  close(): Promise<void>
}

export type TimedAnswer = Answer & { elapsedMs: number }

export interface BuyerBefore {
  buyer: Buyer
  balanceNanos: bigint
}

export async function startFaultScene({
  settings = {},
  env = {},
  clock,
}: {
  settings?: Record<string, string>
  env?: Record<string, string>
  clock?: Clock
} = {}): Promise<FaultScene> {
  const server = await startPostgresServer(settings)
  const upstream = await startScriptedUpstream()
  const logged: FaultScene['logged'] = []
  const gateway = await startTestGateway({
    env,
    logger: listening(logged),
    database: server.testDatabase(),
    ...(clock ? { clock } : {}),
  })
  const gate = createGate()
  await gateway.listing({
    name: 'prompt',
    model: models.prompt,
    baseUrl: upstream.serve('prompt', answering()),
  })
  await gateway.listing({
    name: 'held',
    model: models.held,
    baseUrl: upstream.serve('held', answering(gate.opened)),
  })
  const ask: FaultScene['ask'] = (buyer, options) => askChat(gateway, buyer, options)
  return {
    server,
    gateway,
    upstream,
    logged,
    ask,
    release: gate.open,
    keepBack: gate.shut,
    expectOutage,
    async untilServed(buyer) {
      let answer: TimedAnswer | undefined
      await vi.waitUntil(async () => {
        answer = await ask(buyer)
        if (answer.status !== 200) expectOutage(answer)
        return answer.status === 200
      }, RECOVERY)
      return answer as TimedAnswer
    },
    async before(buyer) {
      return { buyer, balanceNanos: (await gateway.balanceNanos(buyer)).balanceNanos }
    },
    expectBooked: (buyers, told) => expectBooked({ server, gateway }, buyers, told),
    async metric(name, labels = '') {
      const text = await gateway.context.metrics.render()
      const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(labels))
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
    },
    async close() {
      gate.open()
      await gateway.close()
      await upstream.close()
      await server.close()
    },
  }
}

async function askChat(
  { origin }: Pick<TestGateway, 'origin'>,
  { key }: Buyer,
  { model = models.prompt, stream = false }: { model?: string; stream?: boolean } = {},
): Promise<TimedAnswer> {
  const startMs = performance.now()
  const answer = await call(`${origin}/v1/chat/completions`, {
    method: 'POST',
    token: key,
    body: {
      model,
      messages: [{ role: 'user', content: 'Hello' }],
      max_tokens: 50,
      ...(stream ? { stream } : {}),
    },
  })
  return { ...answer, elapsedMs: performance.now() - startMs }
}

function answering(opened: () => Promise<void> = () => Promise.resolve()) {
  return async (wire: Parameters<Parameters<ScriptedUpstream['serve']>[1]>[0]) => {
    const usage = { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 }
    if (wire.visit.json.stream !== true) {
      await opened()
      await wire.json(200, completion('one two three', { usage }))
      return
    }
    await wire.stream()
    for (const word of ['one', ' two', ' three']) await wire.event(chunk({ content: word }))
    await opened()
    await wire.event(chunk({}, 'stop'))
    await wire.event({ ...chunk({}), choices: [], usage })
    await wire.event('[DONE]')
    await wire.endStream()
  }
}

function createGate() {
  let open = () => {}
  let opened = Promise.resolve()
  const shut = () => {
    opened = new Promise((resolve) => {
      open = resolve
    })
  }
  shut()
  return { open: () => open(), shut, opened: () => opened }
}

function expectOutage(
  { status, json, headers, elapsedMs, text }: TimedAnswer,
  codes: readonly string[] = ['unavailable'],
): void {
  expect(status, text).toBe(503)
  expect(codes).toContain(json.error.code)
  expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  expect(headers.get('x-should-retry')).toBe('true')
  expect(elapsedMs, `told after ${Math.round(elapsedMs)} ms`).toBeLessThan(TOLD_MS)
}

async function expectBooked(
  { server, gateway }: Pick<FaultScene, 'server' | 'gateway'>,
  buyers: readonly BuyerBefore[],
  told: readonly { text: string }[],
): Promise<void> {
  const open = `SELECT id, budget_id, amount, created_at, now() - created_at AS age FROM ledger.hold WHERE state = 'open'`
  await vi.waitFor(async () => expect(await server.query(open)).toEqual([]), RECOVERY)
  await gateway.settleAndAudit()
  const rows = await server.query<{ id: string; organisation_id: string; cost_nanos: string }>(
    'SELECT id, organisation_id, cost_nanos FROM ledger.usage_record',
  )
  const booked = new Map(rows.map((row) => [row.id, BigInt(row.cost_nanos)]))
  for (const { text } of told) {
    const id = parseId('gen-', /gen-[0-9a-z]+/.exec(text)?.[0] as string) as string
    expect(booked.get(id), text).toBe(toldNanos(text))
  }
  for (const { buyer, balanceNanos } of buyers) {
    const spent = rows
      .filter((row) => row.organisation_id === parseId('org-', buyer.organisationId))
      .reduce((sum, row) => sum + BigInt(row.cost_nanos), 0n)
    expect(await gateway.balanceNanos(buyer)).toEqual({
      balanceNanos: balanceNanos - spent,
      availableNanos: balanceNanos - spent,
      heldNanos: 0n,
    })
  }
  expect(await server.query('SELECT * FROM ledger.dead_letter')).toEqual([])
}

/** A logger that keeps what an operator would see. */
function listening(logged: FaultScene['logged']): Logger {
  const keep = (fields: { err?: { code?: string } } | string, message?: string) => {
    const isText = typeof fields === 'string'
    logged.push({ message: isText ? fields : (message ?? ''), code: isText ? undefined : fields.err?.code })
  }
  const quiet = () => {}
  const logger = { trace: quiet, debug: quiet, info: quiet, warn: keep, error: keep, fatal: keep }
  return { ...logger, child: () => listening(logged) } as unknown as Logger
}
