import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import request from 'supertest'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { usageRecord } from '../../test/support/ledger-history.ts'
import { createPeopleApp, OPERATOR, type PeopleApp } from '../../test/support/people-app.ts'
import { createErrorHandler } from '../http/express-edges.ts'
import type { StatementEntry, Statements } from '../ledger/statements.ts'
import { formatId, parseId, uuidv7 } from '../platform/ids.ts'
import { createLogger } from '../platform/logger.ts'
import { createStatementRoutes } from './statement-routes.ts'

let testDatabase: TestDatabase
let people: PeopleApp
let operator: Headers
let ada: Person
let bob: Person

type Headers = { authorization: string }

interface Person {
  id: string
  organisationId: string
  headers: Headers
}

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  people = await createPeopleApp(testDatabase)
  operator = await login(OPERATOR.email, OPERATOR.password)
  ada = await createUser('ada', ['buyer', 'seller'])
  bob = await createUser('bob', ['buyer'])
  for (const [key, amountNanos, reason] of [
    ['a', '1500000000', 'start'],
    ['b', '500000000', '=more, "please"'],
  ] as const) {
    await request(people.app)
      .post(`/api/users/${ada.id}/credits`)
      .set({ ...operator, 'idempotency-key': key })
      .send({ amountNanos, reason })
  }
})

afterAll(async () => {
  await people.close()
  await testDatabase.drop()
})

async function login(email: string, password: string): Promise<Headers> {
  const { body } = await request(people.app).post('/api/login').send({ email, password })
  return { authorization: `Bearer ${body.token}` }
}

async function createUser(name: string, roles: string[]): Promise<Person> {
  const email = `${name}@example.test`
  const { body } = await request(people.app).post('/api/users').set(operator).send({ email, name, roles })
  const headers = await login(email, body.password)
  return { id: body.id, organisationId: body.organisationId, headers }
}

const statement = (query: string, headers: Headers = ada.headers) =>
  request(people.app).get(`/api/statements${query}`).set(headers)

/** A request of ada's that she sold to herself. */
async function spend(costNanos: bigint): Promise<string> {
  const owner = parseId('org-', ada.organisationId) as string
  const id = uuidv7()
  const payer = await people.ledger.accountId({ code: 'buyer_cash', owner })
  await people.ledger.hold({ id, payer, amountNanos: costNanos })
  await people.ledger.settle({
    id,
    costNanos,
    sellerAccount: await people.ledger.accountId({ code: 'seller_pending', owner }),
    sellerNanos: costNanos - 1n,
    feeAccount: await people.ledger.accountId({ code: 'platform_fee', owner: '0' }),
    feeNanos: 1n,
    record: usageRecord(owner, owner),
  })
  return formatId('gen-', id)
}

test('a page has the newest lines first, their balances, and what the period began and ended with', async () => {
  const spent = await spend(1_000n)
  const { body, headers } = await statement('?limit=2')
  expect(headers['cache-control']).toBe('no-store')
  expect(body).toMatchObject({
    organisation: ada.organisationId,
    account: 'buyer',
    currency: 'USD',
    from: null,
    opening: { balanceNanos: '0' },
    closing: {
      balanceNanos: '1999999000',
      accounts: { buyer_cash: '1999999000', buyer_promo: '0', receivable_buyer: '0' },
    },
    data: [
      {
        id: `${spent}.1`,
        journalId: spent,
        requestId: spent,
        code: 'request_settled',
        description: 'Request',
        account: 'buyer_cash',
        amountNanos: '-1000',
        accountBalanceNanos: '1999999000',
        balanceNanos: '1999999000',
        model: 'openai/gpt-4o-mini',
        keyId: expect.stringMatching(/^key-/),
        listingId: expect.stringMatching(/^lst-/),
      },
      { code: 'play_credit', description: '=more, "please"', balanceNanos: '2000000000' },
    ],
    hasMore: true,
  })
  for (const name of ['before', 'cursor']) {
    const next = await statement(`?limit=2&${name}=${body.nextCursor}`)
    expect(next.body.data).toMatchObject([{ description: 'start', balanceNanos: '1500000000' }])
    expect(next.body).toMatchObject({ hasMore: false, nextCursor: null })
  }
  const sold = await statement('?account=seller')
  expect(sold.body).toMatchObject({ closing: { balanceNanos: '999' }, data: [{ account: 'seller_pending' }] })
  expect(sold.body.data[0]).not.toHaveProperty('keyId')
})

test('a period says what it covers: a day begins at midnight UTC, and an end to come is now', async () => {
  const to = new Date(Date.now() + 86_400_000).toISOString()
  const { body } = await statement(`?from=2026-11-01&to=${to}`)
  expect(body.from).toBe('2026-11-01T00:00:00.000Z')
  expect(Date.parse(body.to)).toBeLessThanOrEqual(Date.now() + 2_000)
  const again = await statement(`?from=2026-11-01T01:00:00%2B01:00&to=${body.to}`)
  expect(again.body).toEqual(body)
  const over = await statement('?from=2001-01-01&to=2001-02-01')
  expect(over.body).toMatchObject({
    data: [],
    opening: { balanceNanos: '0' },
    closing: { balanceNanos: '0' },
  })
})

test('a file is named, quoted, and safe to open in a spreadsheet', async () => {
  const { headers, text } = await statement('?format=csv&from=2026-01-01')
  expect(headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': expect.stringMatching(
      /^attachment; filename="statement-buyer-2026-01-01-to-[\d-]+\.csv"$/,
    ),
    'cache-control': 'no-store',
  })
  const lines = text.split('\r\n')
  expect(lines[0]).toMatch(/^time,journal,code,/)
  expect(lines.slice(1, 4).every((line) => line.includes('opening_balance'))).toBe(true)
  expect(lines[5]).toContain(`,"'=more, ""please""",buyer_cash,500000000,0.5,2,2,`)
  expect(lines.at(-1)).toBe('')
  expect(lines.slice(-4, -1).every((line) => line.includes('closing_balance'))).toBe(true)
})

test('an API key with the scope read gets statements of its own organisation', async () => {
  const mint = async (scopes: string[]) => {
    const { body } = await request(people.app).post('/api/keys').set(ada.headers).send({ name: 'k', scopes })
    return { authorization: `Bearer ${body.key}` }
  }
  const reader = await mint(['read'])
  for (const format of ['json', 'csv']) {
    expect((await statement(`?format=${format}`, reader)).status).toBe(200)
    expect((await statement(`?format=${format}`, await mint(['inference']))).status).toBe(403)
    expect((await request(people.app).get(`/api/statements?format=${format}`)).status).toBe(401)
    const foreign = `?format=${format}&organisation=${bob.organisationId}`
    for (const headers of [reader, ada.headers]) {
      const refused = await statement(foreign, headers)
      expect([refused.status, refused.body.error.param]).toEqual([403, 'organisation'])
    }
    expect((await statement(`?format=${format}&organisation=${ada.organisationId}`, operator)).status).toBe(
      200,
    )
  }
})

test.each([
  ['from', '?from=yesterday'],
  ['from', '?from=2026-02-31'],
  ['from', '?from=2026-11-01T00:00:00'],
  ['from', '?from=1999-12-31'],
  ['from', '?from=-000001-01-01'],
  ['to', '?to='],
  ['to', '?to=1700000000'],
  ['from', '?from=2026-11-02&to=2026-11-01'],
  ['from', '?from=2026-11-01&to=2026-11-01'],
  ['from', '?from=9999-01-01'],
  ['to', '?to=9999-12-31T23:59:59-23:59'],
  ['format', '?format=pdf'],
  ['account', '?account=platform'],
  ['limit', '?limit=0'],
  ['limit', '?limit=101'],
  ['limit', '?format=csv&limit=5'],
  ['before', '?format=csv&before=jrn-1'],
  ['before', '?before=nonsense'],
  ['before', '?cursor=nonsense'],
  ['cursor', '?cursor=a&before=b'],
  ['until', '?until=2026-11-01'],
  ['organisation', '?organisation=org-nonsense'],
])('what is wrong with a statement is said by name: %s in %s', async (param, query) => {
  const { status, body } = await statement(query)
  expect([status, body.error.param]).toEqual([param === 'organisation' ? 403 : 400, param])
})

const wide: StatementEntry = {
  id: 'jrn-1.1',
  journalId: 'jrn-1',
  createdAt: new Date(0),
  code: 'play_credit',
  description: 'x'.repeat(200),
  account: 'buyer_cash',
  amountNanos: 1n,
  accountBalanceNanos: 1n,
  balanceNanos: 1n,
  requestId: undefined,
  model: undefined,
  listingId: undefined,
  keyId: undefined,
}

/** The routes behind a server, over a statement of 200 pages of 1,000 lines each, which counts what was taken from it. */
async function longStatement() {
  const taken = { pages: 0, ended: false }
  async function* pages() {
    try {
      for (; taken.pages < 200; taken.pages += 1) yield Array<StatementEntry>(1_000).fill(wide)
    } finally {
      taken.ended = true
    }
  }
  const none = { totalNanos: 0n, accounts: { buyer_cash: 0n } }
  const statements: Pick<Statements, 'file'> = {
    file: async () => ({
      side: 'buyer',
      from: undefined,
      to: new Date(0),
      opening: none,
      closing: none,
      pages: pages(),
    }),
  }
  const app = express()
  const responses: express.Response[] = []
  const principal = { kind: 'key', keyId: uuidv7(), organisationId: uuidv7() }
  const authenticate: express.RequestHandler = (_request, response, next) => {
    responses.push(response)
    response.locals.principal = principal
    next()
  }
  app.use(
    '/api',
    createStatementRoutes({ users: { statements: statements as Statements }, door: { authenticate } }),
  )
  app.use(createErrorHandler(createLogger({ level: 'silent' })))
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const call = get({ port, path: '/api/statements?format=csv' })
  const [reply] = (await once(call, 'response')) as [IncomingMessage]
  const close = () => {
    server.closeAllConnections()
    return new Promise((closed) => server.close(closed))
  }
  return { taken, reply, call, port, responses, close }
}

test('a reader who takes his time keeps a page waiting, not the file in memory', async () => {
  const { taken, reply, responses, close } = await longStatement()
  // Nobody reads: the sockets' own buffers fill, then nothing more is asked for.
  await vi.waitFor(() => expect(responses[0]?.writableNeedDrain).toBe(true), 10_000)
  const waiting = responses[0]?.writableLength as number
  expect(waiting).toBeLessThan(2_000_000)
  expect(taken.pages).toBeLessThan(100)
  let lines = 0
  for await (const chunk of reply) lines += (chunk as Buffer).filter((byte) => byte === 10).length
  expect(lines).toBe(1 + 1 + 200_000 + 1)
  expect(taken).toEqual({ pages: 200, ended: true })
  await close()
})

test('a reader who leaves ends the reading', async () => {
  const { taken, reply, call, close } = await longStatement()
  reply.on('error', () => undefined)
  call.destroy()
  await vi.waitFor(() => expect(taken.ended).toBe(true), 10_000)
  expect(taken.pages).toBeLessThan(200)
  await close()
})

test('an organisation has two files written at a time; a third is told to wait, and then it may', async () => {
  const { reply, call, port, close } = await longStatement()
  const ask = async () => {
    const next = get({ port, path: '/api/statements?format=csv' })
    const [answer] = (await once(next, 'response')) as [IncomingMessage]
    answer.on('error', () => undefined)
    return { next, answer }
  }
  reply.on('error', () => undefined)
  const second = await ask()
  expect(second.answer.statusCode).toBe(200)
  const third = await ask()
  expect(third.answer.statusCode).toBe(429)
  expect(third.answer.headers['retry-after']).toBe('5')
  third.answer.resume()
  call.destroy()
  await vi.waitFor(async () => expect((await ask()).answer.statusCode).toBe(200), 10_000)
  second.next.destroy()
  await close()
})
