import supertest from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rooms } from '../src/admin/rooms.ts'
import { createLogger } from '../src/platform/logger.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { mountedRoutes } from './support/mounted-routes.ts'
import { completion, startScriptedUpstream } from './support/scripted-upstream.ts'

const ALONE = 'openai/gpt-4.1-nano'
const SECRET = 'sk-a-secret-that-must-never-be-shown'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway({
    logger: createLogger({ level: 'error' }),
    env: { GATEWAY_METRICS_TOKEN: SECRET, GATEWAY_STREAM_SECONDS: '901' },
  })
})

afterAll(() => gateway.close())

const read = async (path: string) => (await gateway.api('get', path).expect(200)).body

test('every route under /api is described, and whatever is described is there', () => {
  const bases = ['/api', '/api/v1', '/v1', '/console', '/admin/grafana', '/admin/prometheus']
  const mounted = mountedRoutes(gateway.app.express, bases).filter(
    (route) => route.includes(' /api/') && !route.includes(' /api/v1/'),
  )
  const described = rooms
    .flatMap(({ operations }) => Object.values(operations))
    .filter(({ path }) => path.startsWith('/api/'))
    .map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  expect(described.length).toBeGreaterThan(60)
  expect(mounted).toEqual(described.toSorted())
})

test('the reference is served by us alone, under a policy that lets no foreign script run', async () => {
  const visitor = supertest(gateway.origin)
  await visitor.get('/api/docs').expect(302).expect('location', '/api/docs/')
  const page = await visitor.get('/api/docs/').expect(200)
  expect(page.headers['content-security-policy']).toContain("script-src 'self'")
  expect(page.headers['content-security-policy']).toContain("default-src 'none'")
  expect(page.text).not.toMatch(/https?:\/\//)
  expect(page.text).not.toMatch(/<script(?![^>]* src=)/)
  for (const [, file] of page.text.matchAll(/(?:src|href)="([^"/]+)"/g))
    await visitor.get(`/api/docs/${file}`).expect(200)
  const start = await visitor.get('/api/docs/start.js').expect(200)
  expect(start.text).toContain('validatorUrl: null')
  // The package's own page would load a foreign document.
  for (const file of ['index.html', 'swagger-initializer.js', 'package.json', '../openapi.json.bak'])
    await visitor.get(`/api/docs/${file}`).expect(404)
})

test('the document is not sent again to who has it', async () => {
  const first = await supertest(gateway.origin).get('/api/openapi.json').expect(200)
  expect(first.body).toMatchObject({ openapi: '3.1.0', info: { title: 'Bourse' } })
  const { etag } = first.headers
  await supertest(gateway.origin).get('/api/openapi.json').set('if-none-match', String(etag)).expect(304)
})

test('an operator sees what runs here and how it is set, and no secret of it', async () => {
  const system = await read('/api/admin/system')
  expect(system).toMatchObject({
    version: '0.1.0',
    mode: 'play',
    nodeVersion: process.version,
    database: { kind: 'external' },
    spool: { healthy: true },
  })
  expect(system.database.sizeBytes).toBeGreaterThan(1_000_000)
  expect(system.database.migrations.at(-1).name).toMatch(/^2026/)
  expect(system.jobs.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['Seal the ledger', 'Expire holds', 'Look at the ledger']),
  )
  const setting = (name: string) => system.settings.find((each: { name: string }) => each.name === name)
  expect(setting('GATEWAY_STREAM_SECONDS')).toEqual({
    name: 'GATEWAY_STREAM_SECONDS',
    value: '901',
    from: 'environment',
    hidden: false,
  })
  expect(setting('PORT')).toMatchObject({ value: '4000', from: 'default' })
  expect(setting('GATEWAY_METRICS_TOKEN')).toMatchObject({ value: null, from: 'environment', hidden: true })
  expect(setting('GRAFANA_URL')).toMatchObject({ value: null, from: 'unset' })
  expect(JSON.stringify(system)).not.toContain(SECRET)
})

test('the overview tells what was asked, spent and taken, what waits, and where one more failure empties the market', async () => {
  const upstream = await startScriptedUpstream()
  try {
    await gateway.listing({
      model: ALONE,
      baseUrl: upstream.serve('only', (wire) => wire.json(200, completion('all good'))),
    })
    const buyer = await gateway.buyer()
    await buyer.openai.chat.completions.create({
      model: ALONE,
      messages: [{ role: 'user', content: 'How are you?' }],
    })
    await gateway.settleAndAudit()
    const overview = await eventually(
      () => read('/api/admin/overview'),
      (each) => each.lastHour.requests > 0 && each.lastDay.requests > 0,
    )
    expect(overview.lastHour).toMatchObject({ requests: 1, failed: 0, refused: 0 })
    expect(BigInt(overview.lastHour.spendNanos)).toBeGreaterThan(0n)
    expect(overview.hours).toHaveLength(24)
    // It was no stream, so nothing is known of a first token.
    expect([overview.lastHour.firstTokenMs, overview.lastDay.firstTokenMs]).toEqual([null, null])
    expect(overview.ledger).toMatchObject({ failed: [], deadLetters: 0 })
    expect(overview.owedNanos).toBe('0')
    expect(overview.waiting).toMatchObject({ payouts: 0, quarantined: 0, deadLetters: 0 })
    expect(overview.changes.length).toBeGreaterThan(0)
    expect(overview.models).toBeGreaterThan(0)
    expect(overview.thinSpots).toContainEqual({ model: ALONE, offers: 1, healthy: 1, resting: [] })
  } finally {
    await upstream.close()
  }
})

test('the audit log is found by who, what, on what and when', async () => {
  const all = (await read('/api/audit?limit=100')).data
  const created = all.find(({ action }: { action: string }) => action === 'user.created')
  const same = await read(`/api/audit?subject=${created.subject}`)
  expect(same.data.every(({ subject }: { subject: string }) => subject === created.subject)).toBe(true)
  const things = await read('/api/audit?action=user&limit=100')
  expect(things.data.length).toBe(
    all.filter(({ action }: { action: string }) => action.startsWith('user.')).length,
  )
  expect((await read('/api/audit?action=user.created')).data.length).toBeLessThanOrEqual(things.data.length)
  expect((await read('/api/audit?action=us')).data).toEqual([])
  const byActor = await read(`/api/audit?actor=${created.actor.id ?? 'system'}`)
  expect(byActor.data.length).toBeGreaterThan(0)
  const after = new Date(Date.parse(created.at) + 1).toISOString()
  const before = await read(`/api/audit?to=${after}&limit=100`)
  expect(before.data.map(({ id }: { id: string }) => id)).toContain(created.id)
  const later = await read(`/api/audit?from=${after}&limit=100`)
  expect(later.data.map(({ id }: { id: string }) => id)).not.toContain(created.id)
  expect(later.data.length + before.data.length).toBe(all.length)
})

async function eventually<Result>(
  look: () => Promise<Result>,
  done: (result: Result) => boolean,
): Promise<Result> {
  for (let round = 0; ; round += 1) {
    const result = await look()
    if (done(result) || round > 60) return result
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
