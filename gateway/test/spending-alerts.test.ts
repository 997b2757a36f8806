/** People are told by mail when so much is spent or so little left: once in a period, and never somebody else. */
import supertest from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SpendingAlertShown } from '../src/analytics/api.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { createTestClock } from './support/people-app.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'
import { untilCounted } from './support/until-counted.ts'

const DAY_MS = 86_400_000
const clock = createTestClock()
let gateway: TestGateway
let upstream: ScriptedUpstream

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway({ clock })
  await gateway.listing({ baseUrl: upstream.serve('good', (wire) => wire.json(200, completion('all good'))) })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

let people = 0

/** A buyer who signs in, with a key and ten dollars. */
async function person() {
  people += 1
  const email = `person-${people}@example.test`
  const made = await gateway
    .api('post', '/api/users')
    .send({ email, name: `Person ${people}`, roles: ['buyer'] })
  const { password, organisationId, id } = made.body
  const token = async () => {
    const { body } = await supertest(gateway.origin).post('/api/login').send({ email, password })
    return String(body.token)
  }
  const current = await token()
  const api = (method: 'get' | 'post' | 'patch' | 'delete', path: string) =>
    supertest(gateway.origin)[method](path).set('authorization', `Bearer ${current}`)
  const credit = async (nanos: string) => {
    const put = gateway
      .api('post', `/api/users/${id}/credits`)
      .set('idempotency-key', `credit-${id}-${nanos}`)
    expect((await put.send({ amountNanos: nanos, reason: 'a story' })).status).toBe(201)
  }
  await credit('10000000000')
  const minted = await gateway
    .api('post', `/api/keys?organisation=${organisationId}`)
    .send({ name: 'mine', policy: { ignore: ['demo'] } })
  return { email, organisationId, api, credit, key: String(minted.body.key), keyId: String(minted.body.id) }
}

async function spend(key: string): Promise<void> {
  const answer = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'openai/gpt-4o-mini',
      max_tokens: 50,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  })
  expect(answer.status).toBe(200)
  await answer.text()
  await looked()
}

/** What was booked is counted, and alerts have been looked at. */
const looked = () => untilCounted(gateway)

async function mailsTo(email: string): Promise<{ subject: string; text: string }[]> {
  const { rows } = await gateway.context.database.pool.query(
    `SELECT subject, text FROM mail WHERE recipient = $1 AND kind = 'notice' ORDER BY id`,
    [email],
  )
  return rows
}

test('an alert on one key does not count what another key spends', async () => {
  const { email, api, key, keyId, organisationId } = await person()
  const other = await gateway
    .api('post', `/api/keys?organisation=${organisationId}`)
    .send({ name: 'the other', policy: { ignore: ['demo'] } })
  await api('post', '/api/spending-alerts')
    .send({ kind: 'spend', period: 'month', amountNanos: '4000', key: keyId })
    .expect(201)
  await spend(String(other.body.key))
  expect(await mailsTo(email)).toEqual([])
  await spend(key)
  expect((await mailsTo(email)).map(({ subject }) => subject)).toEqual([
    'A key has spent $0.000004 this month',
  ])
})

test('a balance that falls below an amount is told each time it falls, not each time it is low', async () => {
  const { email, api, key, credit } = await person()
  const below = { kind: 'balance', amountNanos: '9999999000' }
  const made = await api('post', '/api/spending-alerts').send(below)
  expect(made.body).toMatchObject({ kind: 'balance', period: null, reached: false })
  await spend(key)
  await spend(key)
  expect((await mailsTo(email)).map(({ subject }) => subject)).toEqual(['Your balance is below $9.999999'])
  await credit('1000000000')
  await spend(key)
  expect(await mailsTo(email)).toHaveLength(1)
  const raised = await api('patch', `/api/spending-alerts/${made.body.id}`).send({
    amountNanos: '20000000000',
  })
  expect(raised.body.reached).toBe(true)
  await looked()
  expect(await mailsTo(email)).toHaveLength(2)
})

test('alerts are one’s own: nobody else sees, changes or removes them', async () => {
  const [mine, theirs] = [await person(), await person()]
  const made = await mine.api('post', '/api/spending-alerts').send({ kind: 'balance', amountNanos: '1' })
  const path = `/api/spending-alerts/${made.body.id}`
  expect((await theirs.api('get', '/api/spending-alerts')).body.data).toEqual([])
  expect((await theirs.api('patch', path).send({ amountNanos: '2' })).status).toBe(404)
  expect((await theirs.api('delete', path)).status).toBe(404)
  const strange = await mine
    .api('post', '/api/spending-alerts')
    .send({ kind: 'spend', period: 'day', amountNanos: '1', key: theirs.keyId })
  expect(strange.body.error).toMatchObject({ code: 'invalid_value', param: 'key' })
  expect((await mine.api('delete', path)).status).toBe(204)
  expect((await mine.api('get', '/api/spending-alerts')).body.data).toEqual([])
})

// The last one: sessions do not live for a day.
test('whoever asks to be told at an amount in a day gets one mail that day, and one the day after', async () => {
  const { email, api, key } = await person()
  const made = await api('post', '/api/spending-alerts').send({
    kind: 'spend',
    period: 'day',
    amountNanos: '6000',
  })
  expect(made.body).toMatchObject({ kind: 'spend', period: 'day', to: email, reached: false, nowNanos: '0' })
  await spend(key)
  expect(await mailsTo(email)).toEqual([])
  await spend(key)
  const [mail, ...more] = await mailsTo(email)
  expect(more).toEqual([])
  expect(mail?.subject).toBe('You have spent $0.000006 today')
  expect(mail?.text).toContain('You have spent $0.000009 today (UTC). You asked to be told at $0.000006.')
  await spend(key)
  expect(await mailsTo(email)).toHaveLength(1)
  const { data } = (await api('get', '/api/spending-alerts')).body as { data: SpendingAlertShown[] }
  expect(data).toMatchObject([{ reached: true, nowNanos: '13500' }])
  expect(data[0]?.firedAt).not.toBeNull()
  clock.advance(DAY_MS)
  await spend(key)
  expect(await mailsTo(email)).toHaveLength(1)
  await spend(key)
  expect(await mailsTo(email)).toHaveLength(2)
})
