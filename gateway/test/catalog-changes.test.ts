import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadCatalog } from '../src/catalog/catalog.ts'
import type { CatalogConfigInput } from '../src/catalog/catalog-config.ts'
import { createCatalogVersions } from '../src/catalog/catalog-versions.ts'
import { systemClock } from '../src/platform/clock.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'

let gateway: TestGateway

beforeAll(async () => {
  gateway = await startTestGateway()
})
afterAll(() => gateway.close())

/** A gateway that starts later, with these overrides and no price data. */
async function startsWith(models: CatalogConfigInput['models'], cause: 'start' | 'calendar' = 'start') {
  const catalog = loadCatalog({ overrides: { authors: [], rules: [], models }, nowMs: 0 })
  const versions = createCatalogVersions({ database: gateway.database.database, catalog, clock: systemClock })
  await versions.note(cause)
  return versions
}

const path = '/api/catalog/changes'

test('an operator sees what an update changed: the first catalogue, then each that differs, newest first', async () => {
  const first = await gateway.api('get', path)
  expect(first.body.data).toHaveLength(1)
  expect(first.body.data[0]).toMatchObject({ cause: 'start', changes: [], added: 0 })
  expect(first.body.data[0].models).toBeGreaterThan(100)

  await startsWith([
    { id: 'acme/one', price: { input: '1', output: '2' } },
    { id: 'acme/two', price: { input: '1', output: '2' } },
  ])
  await startsWith([
    { id: 'acme/one', price: { input: '1.5', output: '2' } },
    { id: 'acme/two', price: { input: '1', output: '1' } },
  ])
  const { body } = await gateway.api('get', path)
  expect(body.data[0]).toMatchObject({ dearer: 1, cheaper: 1, added: 0, removed: 0, isCut: false })
  expect(body.data[0].changes).toMatchObject([
    { model: 'acme/one', what: 'price', before: { input: '1' }, after: { input: '1.5' }, inputPercent: 50 },
    { model: 'acme/two', what: 'price', outputPercent: -50 },
  ])
  expect(body.data[1]).toMatchObject({ added: 2 })
  expect(body.data[1].removed).toBeGreaterThan(100)
})

test('a restart with the same catalogue leaves no trace, and the list price keeps the date it was first seen', async () => {
  const models = [{ id: 'acme/one', price: { input: '3', output: '4' } }]
  const before = (await startsWith(models)).pricedSince('acme/one')
  const { body: one } = await gateway.api('get', path)
  const again = await startsWith(models)
  const { body: two } = await gateway.api('get', path)
  expect(two.data[0].id).toBe(one.data[0].id)
  expect(again.pricedSince('acme/one')).toBe(before)
  const wider = await startsWith([
    { id: 'acme/one', contextWindow: 4_000, price: { input: '3', output: '4' } },
  ])
  expect(wider.pricedSince('acme/one')).toBe(before)
})

test('prices that follow the calendar can be told from updates, and pages follow each other', async () => {
  await startsWith([{ id: 'acme/one', price: { input: '9', output: '9' } }], 'calendar')
  const { body } = await gateway.api('get', `${path}?cause=calendar`)
  expect(body.data.map(({ cause }: { cause: string }) => cause)).toEqual(['calendar'])
  const page = (await gateway.api('get', `${path}?limit=2`)).body
  const next = (await gateway.api('get', `${path}?limit=2&cursor=${page.nextCursor}`)).body
  const ids = [...page.data, ...next.data].map(({ id }: { id: string }) => id)
  expect(new Set(ids).size).toBe(4)
})

test('two gateways that start at once with the same catalogue keep it once', async () => {
  const models = [{ id: 'acme/race', price: { input: '1', output: '1' } }]
  await Promise.all(Array.from({ length: 4 }, () => startsWith(models)))
  const { body } = await gateway.api('get', path)
  const hash = body.data[0].hash
  expect(body.data.filter((each: { hash: string }) => each.hash === hash)).toHaveLength(1)
})

test('the changes are the operator’s, the catalogue everybody’s who is signed in', async () => {
  const login = await signedInAs('buyer@example.test')
  const ask = (route: string) =>
    fetch(`${gateway.origin}${route}`, { headers: { authorization: `Bearer ${login}` } })
  expect((await ask(path)).status).toBe(403)
  const models = await answerOf(ask('/api/catalog/models?q=gpt-4o-mini&limit=5'))
  expect(models.data[0]).toMatchObject({ id: 'openai/gpt-4o-mini', author: 'openai' })
  const unpriced = await answerOf(ask('/api/catalog/models?without=price&limit=500'))
  expect(unpriced.data.every(({ listPrice }) => listPrice === null)).toBe(true)
  expect(unpriced.data).toHaveLength(unpriced.withoutPrice)
})

async function signedInAs(email: string): Promise<string> {
  const password = 'a long enough password'
  const made = await gateway.api('post', '/api/users').send({ email, name: 'Bo', roles: ['buyer'], password })
  expect(made.status, made.text).toBe(201)
  const answer = await fetch(`${gateway.origin}/api/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  })
  return ((await answer.json()) as { token: string }).token
}

interface CatalogAnswer {
  data: { id: string; listPrice: unknown }[]
  withoutPrice: number
}

async function answerOf(asked: Promise<Response>): Promise<CatalogAnswer> {
  return (await (await asked).json()) as CatalogAnswer
}
