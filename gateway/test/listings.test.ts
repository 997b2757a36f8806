import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseId } from '../src/platform/ids.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
})
afterAll(async () => {
  await gateway.settleAndAudit()
  await gateway.close()
  await upstream.close()
})

const path = '/api/marketplace/listings'
const MODEL = 'openai/gpt-4.1'

const draft = (baseUrl: string, more: object = {}) => ({
  provider: 'openai',
  name: 'a story',
  baseUrl,
  key: 'sk-only-for-this-upstream',
  models: [{ model: MODEL, price: { kind: 'multiplier', ppm: 1_000_000 } }],
  ground: 'own_endpoint',
  ...more,
})

test('a listing goes live when its key has listed models and answered one token, over the wire', async () => {
  const baseUrl = upstream.serve(
    'careful',
    (wire) => {
      if (wire.visit.path.endsWith('/models')) return wire.json(200, { data: [{ id: 'gpt-4.1' }] })
      return wire.json(200, completion('OK'))
    },
    { verifies: false },
  )
  const { status, body } = await gateway.api('post', path).send(draft(baseUrl))
  expect([status, body.state]).toEqual([201, 'verifying'])
  await gateway.context.marketplace.verified([uuidOf(body.id)], 10_000)
  expect((await gateway.api('get', `${path}/${body.id}`)).body.state).toBe('active')
  expect(
    upstream.visitsOf('careful').map(({ path: asked, json }) => [asked, json.max_completion_tokens]),
  ).toEqual([
    ['/careful/v1/models', undefined],
    ['/careful/v1/chat/completions', 1],
  ])
  for (const { headers } of upstream.visitsOf('careful'))
    expect(headers.authorization).toBe('Bearer sk-only-for-this-upstream')
  await gateway.api('delete', `${path}/${body.id}`)
})

test('an upstream that quotes the key in its refusal does not bring it before anyone', async () => {
  const key = 'sk-a-secret-that-is-quoted'
  const baseUrl = upstream.serve(
    'gossip',
    (wire) =>
      wire.json(401, { error: { message: `Incorrect API key provided: ${key}`, code: 'invalid_api_key' } }),
    { verifies: false },
  )
  const { body } = await gateway.api('post', path).send(draft(baseUrl, { key }))
  await gateway.context.marketplace.verified([uuidOf(body.id)], 10_000)
  const shown = await gateway.api('get', `${path}/${body.id}`)
  expect(shown.body).toMatchObject({ state: 'draft', verification: { outcome: 'key_rejected' } })
  const audit = await gateway.api('get', '/api/audit?limit=100')
  expect(audit.status).toBe(200)
  expect(shown.text + audit.text).not.toContain(key)
})

test('a seller sees what his listing earned, how often it served, and why the other was chosen', async () => {
  const served = (name: string) => upstream.serve(name, (wire) => wire.json(200, completion('hello')))
  const cheap = await gateway.listing({ model: MODEL, ppm: 500_000, baseUrl: served('cheap') })
  const dear = await gateway.listing({ model: MODEL, ppm: 5_000_000, baseUrl: served('dear') })
  const buyer = await gateway.buyer({ key: { policy: { sort: 'price', only: [cheap, dear] } } })
  for (let count = 0; count < 3; count += 1) {
    await buyer.openai.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
  }
  await gateway.settleAndAudit()
  const { rows } = await gateway.database.database.pool.query(
    'SELECT sum(seller_nanos)::text AS earned FROM ledger.usage_record WHERE listing_id = $1',
    [uuidOf(cheap)],
  )
  const { body } = await gateway.api('get', `${path}/${cheap}/dashboard`)
  const earned = { requests: 3, amountNanos: rows[0].earned }
  expect(body).toMatchObject({
    state: 'active',
    health: 'healthy',
    successRate: 1,
    earnings: { today: earned, month: earned, total: earned },
  })
  expect(BigInt(rows[0].earned)).toBeGreaterThan(0n)
  const other = (await gateway.api('get', `${path}/${dear}/dashboard`)).body
  expect(other).toMatchObject({ successRate: null, notChosenLastHour: { dearer: 3 } })
  expect(other.earnings.total).toEqual({ requests: 0, amountNanos: '0' })
})

function uuidOf(id: string): string {
  return parseId('lst-', id) as string
}
