import request from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { createPeopleApp, OPERATOR, PASSWORD, type PeopleApp } from '../../test/support/people-app.ts'

let testDatabase: TestDatabase
let people: PeopleApp
let operator: Headers
let ada: Person
let bob: Person
let seller: Person

type Headers = Record<'authorization', string>
interface Person {
  headers: Headers
  organisation: string
}

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  people = await createPeopleApp(testDatabase)
  operator = await login(OPERATOR.email, OPERATOR.password)
  ada = await createPerson('ada@keys.test', ['buyer'])
  bob = await createPerson('bob@keys.test', ['buyer'])
  seller = await createPerson('seller@keys.test', ['seller'])
})

afterAll(async () => {
  await people?.close()
  await testDatabase?.drop()
})

async function login(email: string, password: string): Promise<Headers> {
  const { body } = await request(people.app).post('/api/login').send({ email, password })
  return { authorization: `Bearer ${body.token}` }
}

async function createPerson(email: string, roles: string[]): Promise<Person> {
  const answer = await request(people.app)
    .post('/api/users')
    .set(operator)
    .send({ email, name: email, password: PASSWORD, roles })
  return { headers: await login(email, PASSWORD), organisation: answer.body.organisationId }
}

const create = (headers: Headers, body: object, query = '') =>
  request(people.app).post(`/api/keys${query}`).set(headers).send(body)

async function createdBy(person: Person, body: object = {}) {
  const answer = await create(person.headers, { name: 'a key', ...body })
  expect(answer.status).toBe(201)
  return answer.body as { id: string; key: string }
}

test('a buyer makes a key, sees it once, and lists it without its secret', async () => {
  const answer = await create(ada.headers, {
    name: '  laptop  ',
    scopes: ['inference'],
    models: ['openai/gpt-4o-mini', 'openai/gpt-4o-mini'],
    expiresAt: '2999-01-01T00:00:00+02:00',
    budget: { limitNanos: '20000000000', period: 'month' },
    requestsPerMinute: 60,
    policy: { sort: 'price', only: ['openai'], maxPrice: { completion: '0.6' } },
  })
  expect(answer.status).toBe(201)
  expect(answer.headers['cache-control']).toBe('no-store')
  const { key, id } = answer.body
  expect(key).toMatch(/^sk-brs-[0-9A-Za-z]{50}$/)
  expect(answer.body).toMatchObject({
    name: 'laptop',
    hint: key.slice(-4),
    models: ['openai/gpt-4o-mini'],
    expiresAt: '2998-12-31T22:00:00.000Z',
    budget: { limitNanos: '20000000000', spentNanos: '0', heldNanos: '0', period: 'month' },
    requestsPerMinute: 60,
    tokensPerMinute: null,
    revokedAt: null,
  })
  const shown = await request(people.app).get(`/api/keys/${id}`).set(ada.headers)
  const { key: _, ...rest } = answer.body
  expect(shown.body).toEqual(rest)
  const list = await request(people.app).get('/api/keys').set(ada.headers)
  expect(list.body.data[0]).toEqual(rest)
  expect(JSON.stringify([shown.body, list.body])).not.toContain(key.slice(19, 51))
})

test('faulty settings are refused with the field that is wrong', async () => {
  for (const [body, param] of [
    [{}, 'name'],
    [{ name: '' }, 'name'],
    [{ name: 'x', scopes: [] }, 'scopes'],
    [{ name: 'x', scopes: ['admin'] }, 'scopes[0]'],
    [{ name: 'x', expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ name: 'x', budget: { limitNanos: '-1', period: 'month' } }, 'budget.limitNanos'],
    [{ name: 'x', budget: { limitNanos: 5, period: 'month' } }, 'budget.limitNanos'],
    [{ name: 'x', budget: { limitNanos: '5', period: 'year' } }, 'budget.period'],
    [{ name: 'x', requestsPerMinute: 0 }, 'requestsPerMinute'],
    [{ name: 'x', policy: { sort: 'magic' } }, 'policy.sort'],
    [{ name: 'x', policy: { maxPrice: { prompt: '1e3' } } }, 'policy.maxPrice.prompt'],
    [{ name: 'x', policy: { unknown: true } }, 'policy.unknown'],
    [{ name: 'x', organisationId: 'org-0' }, 'organisationId'],
    [{ name: 'x', secretHash: 'mine' }, 'secretHash'],
  ] as const) {
    const answer = await create(ada.headers, body)
    expect([body, answer.status, answer.body.error?.param]).toEqual([body, 400, param])
  }
})

test('a buyer cannot read, change, rotate or revoke somebody else’s keys, nor learn that they exist', async () => {
  const { id, key } = await createdBy(bob)
  const unknown = 'key-00000000000000000000000000'
  for (const [method, suffix, body] of [
    ['get', '', undefined],
    ['patch', '', { name: 'mine now' }],
    ['post', '/rotate', {}],
    ['delete', '', undefined],
  ] as const) {
    const [foreign, missing] = await Promise.all(
      [id, unknown].map((one) =>
        request(people.app)[method](`/api/keys/${one}${suffix}`).set(ada.headers).send(body),
      ),
    )
    expect([method, suffix, foreign?.status]).toEqual([method, suffix, 404])
    expect(foreign?.body).toEqual(missing?.body)
  }
  for (const odd of ['nonsense', '%00', '..%2Fusers']) {
    expect((await request(people.app).get(`/api/keys/${odd}`).set(ada.headers)).status).toBe(404)
  }
  expect(
    (await request(people.app).get(`/api/keys?organisation=${bob.organisation}`).set(ada.headers)).status,
  ).toBe(403)
  expect((await create(ada.headers, { name: 'theirs' }, `?organisation=${bob.organisation}`)).status).toBe(
    403,
  )
  const mine = await request(people.app).get('/api/keys').set(ada.headers)
  expect(mine.body.data.map((one: { id: string }) => one.id)).not.toContain(id)
  expect(await people.verifier.verify(key)).toMatchObject({ name: 'a key' })
})

test('an operator manages the keys of any organisation', async () => {
  const minted = await create(operator, { name: 'by operator' }, `?organisation=${ada.organisation}`)
  expect(minted.body).toMatchObject({ organisationId: ada.organisation, name: 'by operator' })
  const list = await request(people.app).get(`/api/keys?organisation=${ada.organisation}`).set(operator)
  expect(list.body.data[0].id).toBe(minted.body.id)
  expect(
    (await request(people.app).delete(`/api/keys/${minted.body.id}`).set(operator)).body.revokedAt,
  ).not.toBeNull()
  expect((await create(operator, { name: 'x' }, '?organisation=org-00000000000000000000000000')).status).toBe(
    404,
  )
})

test('nobody mints a scope that the organisation may not use', async () => {
  const refused = await create(seller.headers, { name: 'x', scopes: ['inference'] })
  expect([refused.status, refused.body.error.param]).toEqual([403, 'scopes'])
  const reader = await createdBy(seller, { scopes: ['read'] })
  const raised = await request(people.app)
    .patch(`/api/keys/${reader.id}`)
    .set(seller.headers)
    .send({ scopes: ['inference'] })
  expect(raised.status).toBe(403)
  // Without a word about scopes a seller gets a key that reads.
  const plain = await createdBy(seller)
  expect((await people.verifier.verify(plain.key)).scopes).toEqual(new Set(['read']))
})

test('an API key reads balance and statement with the scope read, and manages nothing', async () => {
  const reader = await createdBy(ada, { scopes: ['read'] })
  const worker = await createdBy(ada, { scopes: ['inference'] })
  const as = (key: string) => ({ authorization: `Bearer ${key}` })
  for (const path of ['/api/balance', '/api/statements']) {
    expect([path, (await request(people.app).get(path).set(as(reader.key))).status]).toEqual([path, 200])
    const answer = await request(people.app).get(path).set(as(worker.key))
    expect([path, answer.status, answer.body.error.code]).toEqual([path, 403, 'forbidden'])
    const foreign = await request(people.app)
      .get(`${path}?organisation=${bob.organisation}`)
      .set(as(reader.key))
    expect([path, foreign.status]).toEqual([path, 403])
  }
  for (const [method, path] of [
    ['get', '/api/me'],
    ['get', '/api/keys'],
    ['post', '/api/keys'],
    ['delete', `/api/keys/${worker.id}`],
    ['get', '/api/users'],
    ['get', '/api/sessions'],
    ['post', '/api/logout'],
    ['get', '/api/audit'],
  ] as const) {
    const answer = await request(people.app)[method](path).set(as(reader.key)).send({ name: 'x' })
    expect([method, path, answer.status]).toEqual([method, path, 403])
  }
  const wrong = await request(people.app).get('/api/balance').set(as('sk-brs-nonsense'))
  expect([wrong.status, wrong.body.error.code]).toEqual([401, 'invalid_api_key'])
})

test('settings change one by one, and null takes a limit away', async () => {
  const { id } = await createdBy(ada, {
    budget: { limitNanos: '5', period: 'day' },
    requestsPerMinute: 5,
    models: ['a/b'],
  })
  const patch = async (body: object) =>
    (await request(people.app).patch(`/api/keys/${id}`).set(ada.headers).send(body)).body
  expect(await patch({ requestsPerMinute: 7 })).toMatchObject({
    requestsPerMinute: 7,
    budget: { limitNanos: '5' },
    models: ['a/b'],
  })
  expect(await patch({ budget: { limitNanos: '9', period: 'week' } })).toMatchObject({
    budget: { limitNanos: '9', period: 'week' },
  })
  expect(await patch({ budget: null, requestsPerMinute: null, models: [] })).toMatchObject({
    budget: null,
    requestsPerMinute: null,
    models: [],
  })
  expect((await patch({})).error.code).toBe('invalid_value')
  expect((await patch({ hint: 'abcd' })).error.param).toBe('hint')
})

test('a rotated key keeps id, settings and budget; a revoked one cannot come back', async () => {
  const { id, key } = await createdBy(ada, { budget: { limitNanos: '5', period: 'day' } })
  const rotate = (body?: object) =>
    request(people.app).post(`/api/keys/${id}/rotate`).set(ada.headers).send(body)
  const rotated = await rotate({ graceS: 3_600 })
  expect(rotated.body).toMatchObject({
    id,
    budget: { limitNanos: '5' },
    previousSecretUntil: expect.any(String),
  })
  expect(rotated.body.key).not.toBe(key)
  expect(await people.verifier.verify(key)).toMatchObject({ budgeted: true })
  expect((await rotate({ graceS: 86_401 })).status).toBe(400)
  const revoked = await request(people.app).delete(`/api/keys/${id}`).set(ada.headers)
  expect(revoked.body.revokedAt).not.toBeNull()
  expect((await request(people.app).delete(`/api/keys/${id}`).set(ada.headers)).body.revokedAt).toBe(
    revoked.body.revokedAt,
  )
  expect((await rotate()).status).toBe(409)
  expect(
    (await request(people.app).patch(`/api/keys/${id}`).set(ada.headers).send({ name: 'x' })).status,
  ).toBe(409)
  for (const token of [key, rotated.body.key]) {
    await expect
      .poll(async () => {
        try {
          await people.verifier.verify(token)
          return 'admitted'
        } catch (error) {
          return (error as { code: string }).code
        }
      })
      .toBe('invalid_api_key')
  }
})

test('keys come in pages, newest first', async () => {
  const person = await createPerson('pages@keys.test', ['buyer'])
  const ids = []
  for (const name of ['1', '2', '3']) ids.unshift((await createdBy(person, { name })).id)
  const page = async (query: string) =>
    (await request(people.app).get(`/api/keys?${query}`).set(person.headers)).body
  const first = await page('limit=2')
  expect(first.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2))
  const second = await page(`limit=2&cursor=${first.nextCursor}`)
  expect(second).toMatchObject({ hasMore: false, nextCursor: null })
  expect(second.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2))
})

test('minting, changing, rotating and revoking are in the audit trail, without the secret', async () => {
  const { id, key } = await createdBy(ada)
  await request(people.app).patch(`/api/keys/${id}`).set(ada.headers).send({ name: 'new name' })
  const rotated = await request(people.app).post(`/api/keys/${id}/rotate`).set(ada.headers).send({})
  await request(people.app).delete(`/api/keys/${id}`).set(ada.headers)
  const { body } = await request(people.app).get(`/api/audit?subject=${id}`).set(operator)
  expect(body.data.map(({ action }: { action: string }) => action)).toEqual([
    'key.revoked',
    'key.rotated',
    'key.updated',
    'key.created',
  ])
  for (const token of [key, rotated.body.key]) expect(JSON.stringify(body)).not.toContain(token.slice(19, 51))
})
