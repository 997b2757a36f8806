/** Money for people, from the first request a seller serves to the bank transfer that pays him, as they see it. */
import supertest from 'supertest'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { parseId } from '../src/platform/ids.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './support/scripted-upstream.ts'

let gateway: TestGateway
let upstream: ScriptedUpstream
let seller: Person
let buyer: Person
beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  seller = await signUp('sally', ['buyer', 'seller'])
  buyer = await signUp('bert', ['buyer'])
})
afterEach(() => gateway.settleAndAudit())
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

type Person = Awaited<ReturnType<typeof signUp>>

async function signUp(name: string, roles: string[]) {
  const email = `${name}@example.test`
  const made = await gateway.api('post', '/api/users').send({ email, name, roles })
  const login = await supertest(gateway.origin)
    .post('/api/login')
    .send({ email, password: made.body.password })
  return {
    id: String(made.body.id),
    organisationId: String(made.body.organisationId),
    api: (method: 'get' | 'post', path: string) =>
      supertest(gateway.origin)[method](path).set('authorization', `Bearer ${login.body.token}`),
  }
}

async function topUp(person: Person, amountNanos: string, key: string) {
  return person.api('post', '/api/topups').set('idempotency-key', key).send({ amountNanos })
}

/** The seller serves so many tokens at a dollar for a million, and the buyer pays. */
async function sell(): Promise<void> {
  const { body } = await gateway.api('post', '/api/marketplace/listings').send({
    organisationId: seller.organisationId,
    provider: 'openai',
    name: 'Sally’s server',
    baseUrl: upstream.serve('sally', (wire) =>
      wire.json(
        200,
        completion('Rain.', {
          usage: { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 },
        }),
      ),
    ),
    key: 'sk-of-sally-0001',
    models: [{ model: 'openai/gpt-4o', price: { kind: 'multiplier', ppm: 1_000_000 } }],
    ground: 'own_endpoint',
  })
  await expect
    .poll(async () => (await gateway.api('get', `/api/marketplace/listings/${body.id}`)).body.state, {
      timeout: 10_000,
    })
    .toBe('active')
  const minted = await gateway
    .api('post', `/api/keys?organisation=${buyer.organisationId}`)
    .send({ name: 'story', policy: { ignore: ['demo'] } })
  const asked = await supertest(gateway.origin)
    .post('/v1/chat/completions')
    .set('authorization', `Bearer ${minted.body.key}`)
    .send({ model: 'openai/gpt-4o', messages: [{ role: 'user', content: 'The weather?' }] })
  expect(asked.status, asked.text).toBe(200)
}

/** Money that came some other way than through a request, so that a payout is worth it. */
async function earn(person: Person, usd: bigint): Promise<void> {
  await gateway.context.ledger.post({
    code: 'unbilled_usage',
    source: 'test',
    sourceId: `${person.id} ${usd}`,
    entries: [
      { account: { code: 'unbilled_usage_loss' }, amountNanos: usd * 1_000_000_000n },
      {
        account: { code: 'seller_pending', owner: parseId('org-', person.organisationId) as string },
        amountNanos: -usd * 1_000_000_000n,
      },
    ],
  })
}

test('a buyer tops up play money: once per key, within bounds, seen on the account', async () => {
  const first = await topUp(buyer, '20000000000', 'a')
  expect(first.status, first.text).toBe(201)
  expect(first.body.balance.availableNanos).toBe('20000000000')
  expect(first.body.id).toMatch(/^top-[0-9a-z]{26}$/)
  const again = await topUp(buyer, '20000000000', 'a')
  expect([again.status, again.body.id, again.body.balance.availableNanos]).toEqual([
    201,
    first.body.id,
    '20000000000',
  ])
  expect((await topUp(buyer, '30000000000', 'a')).body.error.code).toBe('idempotency_mismatch')
  expect((await topUp(buyer, '100000000001', 'b')).body.error.param).toBe('amountNanos')
  expect((await buyer.api('post', '/api/topups').send({ amountNanos: '1' })).body.error.param).toBe(
    'Idempotency-Key',
  )
  for (const key of ['c', 'd', 'e', 'f']) expect((await topUp(buyer, '100000000000', key)).status).toBe(201)
  const beyond = await topUp(buyer, '100000000000', 'g')
  expect([beyond.status, beyond.body.error.message]).toEqual([
    429,
    'Within 24 hours $500 of play money can be added; $420 was. An operator can give more.',
  ])
  const { body } = await buyer.api('get', '/api/transactions?kind=topups&limit=3')
  expect(
    body.data.map(({ description, amountNanos }: { description: string; amountNanos: string }) => [
      description,
      amountNanos,
    ]),
  ).toEqual(Array(3).fill(['Play top-up', '100000000000']))
  const rest = await buyer.api('get', `/api/transactions?kind=topups&cursor=${body.nextCursor}`)
  expect([rest.body.data.length, rest.body.hasMore]).toEqual([2, false])
})

test('a seller earns, asks, is paid by hand, and everybody can follow the money', async () => {
  await sell()
  await gateway.settleAndAudit()
  await earn(seller, 30n)
  const { body: earnings } = await seller.api('get', '/api/earnings')
  const sold = await seller.api('get', '/api/transactions?account=seller&kind=requests')
  expect(sold.body.data).toMatchObject([{ code: 'request_settled', model: 'openai/gpt-4o' }])
  const requestNanos = BigInt(sold.body.data[0].amountNanos)
  expect(requestNanos).toBeGreaterThan(0n)
  expect(earnings).toMatchObject({
    pendingNanos: '0',
    availableNanos: String(30_000_000_000n + requestNanos),
    payout: { payableNanos: '30000000000', openId: null, obstacles: [] },
  })

  const asked = await seller.api('post', '/api/payouts').send({})
  expect(asked.status, asked.text).toBe(201)
  expect(asked.body).toMatchObject({ state: 'requested', amountNanos: '30000000000', requestedBy: null })
  const { id } = asked.body
  const twice = await seller.api('post', '/api/payouts').send({})
  expect([twice.status, twice.body.error.message]).toEqual([409, expect.stringContaining(id)])

  const waiting = await gateway.api('get', '/api/payouts?state=open')
  expect(waiting.body.data).toMatchObject([
    { id, organisation: { id: seller.organisationId }, requestedBy: { id: seller.id } },
  ])
  expect((await seller.api('post', `/api/payouts/${id}/approve`)).status).toBe(403)
  expect((await gateway.api('post', `/api/payouts/${id}/approve`)).body.state).toBe('approved')
  expect((await seller.api('post', `/api/payouts/${id}/cancel`)).status).toBe(409)
  const book = () => gateway.api('post', `/api/payouts/${id}/book`).send({ bankReference: 'SEPA-1' })
  const booked = await Promise.all([book(), book(), book()])
  expect(booked.map(({ status }) => status)).toEqual([200, 200, 200])
  expect(booked[0]?.body).toMatchObject({ state: 'paid', bankReference: 'SEPA-1', fourEyes: false })
  const [set, paid] = (booked[0]?.body.journals ?? []) as { id: string; code: string }[]
  expect([set?.code, paid?.code]).toEqual(['payout_requested', 'payout_paid_manually'])

  const journal = await gateway.api('get', `/api/ledger/journals/${paid?.id}`)
  expect(journal.body).toMatchObject({
    origin: { kind: 'payout', id },
    memo: 'Payout, SEPA-1',
    entries: [
      { code: 'seller_payout_inflight', amountNanos: '30000000000' },
      { account: 'bank', amountNanos: '-30000000000' },
    ],
  })
  const own = await seller.api('get', `/api/payouts/${id}`)
  expect(own.body).toMatchObject({
    state: 'paid',
    approvedBy: null,
    concludedBy: null,
    bankReference: 'SEPA-1',
  })
  expect((await seller.api('get', '/api/earnings')).body).toMatchObject({
    paidNanos: '30000000000',
    inFlightNanos: '0',
  })
})

test('another’s payout and another’s money are not there', async () => {
  const [id] = (await gateway.api('get', '/api/payouts')).body.data.map((payout: { id: string }) => payout.id)
  const words = async (call: supertest.Test) => (await call).body.error.message
  const nowhere = await words(buyer.api('get', '/api/payouts/pay-00000000000000000000000000'))
  expect(await words(buyer.api('get', `/api/payouts/${id}`))).toBe(nowhere)
  expect(await words(buyer.api('post', `/api/payouts/${id}/cancel`))).toBe(nowhere)
  expect((await buyer.api('get', '/api/payouts')).body.data).toEqual([])
  for (const path of ['earnings', 'payouts', 'transactions'])
    expect((await buyer.api('get', `/api/${path}?organisation=${seller.organisationId}`)).status, path).toBe(
      403,
    )
  expect((await buyer.api('post', '/api/payouts').send({})).status).toBe(403)
  for (const path of ['accounts', 'accounts/bank', 'accounts/bank/entries', 'journals/jrn-0', 'status'])
    expect((await buyer.api('get', `/api/ledger/${path}`)).status, path).toBe(403)
})

test('an operator refuses with a reason that the seller reads, and takes the list away as a file', async () => {
  await earn(seller, 7n)
  const asked = await seller.api('post', '/api/payouts').send({ amountNanos: '2500000000' })
  const { id } = asked.body
  expect((await gateway.api('post', `/api/payouts/${id}/refuse`).send({})).body.error.param).toBe('note')
  await gateway.api('post', `/api/payouts/${id}/refuse`).send({ note: '=2+3, "who?"' })
  expect((await seller.api('get', `/api/payouts/${id}`)).body).toMatchObject({
    state: 'refused',
    note: '=2+3, "who?"',
  })
  const file = await gateway.api('get', '/api/payouts?format=csv&state=refused')
  expect(file.headers['content-type']).toBe('text/csv; charset=utf-8')
  const [head, line, end] = file.text.split('\r\n')
  expect(head).toMatch(/^payout,state,seller,/)
  expect(line).toContain(`${id},refused,`)
  // A spreadsheet shows it and does not run it.
  expect(line).toContain(`"'=2+3, ""who?"""`)
  expect(end).toBe('')
})

test('the ledger browser finds accounts by kind, owner and name, and walks along one', async () => {
  const accounts = async (query: string) =>
    (await gateway.api('get', `/api/ledger/accounts?${query}`)).body.data as {
      id: string
      owner: { name: string } | null
    }[]
  const all = await accounts('limit=100')
  const numbers = all.map((account) => (account as unknown as { number: number }).number)
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  const { body: first } = await gateway.api('get', '/api/ledger/accounts?limit=2')
  const { body: second } = await gateway.api(
    'get',
    `/api/ledger/accounts?limit=100&cursor=${first.nextCursor}`,
  )
  expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(all.map(({ id }) => id))

  const bought = await accounts(`q=${buyer.organisationId}`)
  expect(bought).toMatchObject([{ code: 'buyer_cash', owner: { id: buyer.organisationId, name: 'bert' } }])
  expect((await accounts('q=sally&code=seller_payout_inflight')).map(({ owner }) => owner?.name)).toEqual([
    'sally',
  ])
  expect((await accounts('q=buyer_cash')).every(({ id }) => id.startsWith('buyer_cash:'))).toBe(true)
  expect((await accounts('q=1020')).map(({ id }) => id)).toEqual(['bank'])
  expect(await accounts('q=nobody-at-all')).toEqual([])

  const key = bought[0]?.id as string
  const page = await gateway.api('get', `/api/ledger/accounts/${key}/entries?limit=2`)
  expect(page.body.data).toHaveLength(2)
  const rest = await gateway.api('get', `/api/ledger/accounts/${key}/entries?cursor=${page.body.nextCursor}`)
  const lines = [...page.body.data, ...rest.body.data] as {
    amountNanos: string
    code: string
    journalId: string
  }[]
  const { body: account } = await gateway.api('get', `/api/ledger/accounts/${key}`)
  expect(lines.reduce((sum, line) => sum - BigInt(line.amountNanos), 0n)).toBe(BigInt(account.balanceNanos))
  expect(lines[0]?.code).toBe('request_settled')
  const { body: journal } = await gateway.api('get', `/api/ledger/journals/${lines[0]?.journalId}`)
  expect(journal.origin).toEqual({ kind: 'request', id: lines[0]?.journalId })
  expect(
    journal.entries.reduce(
      (sum: bigint, entry: { amountNanos: string }) => sum + BigInt(entry.amountNanos),
      0n,
    ),
  ).toBe(0n)
  for (const path of [
    'accounts/nothing',
    'accounts/bank:x',
    `accounts/${key}x`,
    'journals/jrn-0',
    'journals/gen-00000000000000000000000000',
  ])
    expect((await gateway.api('get', `/api/ledger/${path}`)).status, path).toBe(404)
})

test('the status says that the books are in order, and its chart sums to zero', async () => {
  const { body } = await gateway.api('get', '/api/ledger/status')
  expect(body.checks.every(({ ok }: { ok: boolean }) => ok)).toBe(true)
  const sum = body.chart.reduce(
    (total: bigint, { normalSide, balanceNanos }: { normalSide: string; balanceNanos: string }) =>
      normalSide === 'debit' ? total + BigInt(balanceNanos) : total - BigInt(balanceNanos),
    0n,
  )
  expect(sum).toBe(0n)
})

test('times that no ledger reaches are refused, and an account with a strange name is not found', async () => {
  for (const at of ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59-14:00'])
    for (const path of ['/api/transactions?from=', '/api/transactions?to=', '/api/usage?groupBy=day&to='])
      expect([path + at, (await buyer.api('get', path + at)).status]).toEqual([path + at, 400])
  expect((await gateway.api('get', '/api/ledger/accounts/buyer_cash:%00')).status).toBe(404)
})
