import request from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { createPeopleApp, OPERATOR, PASSWORD, type PeopleApp } from '../../test/support/people-app.ts'
import { playCredit, reversal } from '../ledger/postings.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'

let testDatabase: TestDatabase
let people: PeopleApp
let operator: { authorization: string }

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  people = await createPeopleApp(testDatabase)
  operator = await login(OPERATOR.email, OPERATOR.password)
})

afterAll(async () => {
  await people?.close()
  await testDatabase?.drop()
})

async function login(email: string, password = PASSWORD) {
  const { body } = await request(people.app).post('/api/login').send({ email, password })
  return { authorization: `Bearer ${body.token}` }
}

let serial = 0

async function createUser(body: object = {}) {
  serial += 1
  const email = `person${serial}@accounts.test`
  const answer = await request(people.app)
    .post('/api/users')
    .set(operator)
    .send({ email, name: `Person ${serial}`, password: PASSWORD, ...body })
  expect(answer.status).toBe(201)
  return answer.body as {
    id: string
    email: string
    organisationId: string
    roles: string[]
    password?: string
  }
}

const credit = (id: string, key: string | undefined, body: object) =>
  request(people.app)
    .post(`/api/users/${id}/credits`)
    .set({ ...operator, ...(key === undefined ? {} : { 'idempotency-key': key }) })
    .send(body)

test('an operator creates a user; without a password one is made and shown once', async () => {
  const answer = await request(people.app)
    .post('/api/users')
    .set(operator)
    .send({ email: 'New@Accounts.test', name: 'New', roles: ['buyer', 'seller'] })
  expect(answer.status).toBe(201)
  expect(answer.headers['cache-control']).toBe('no-store')
  const { id, password } = answer.body
  expect(answer.body).toMatchObject({
    email: 'new@accounts.test',
    roles: ['owner', 'buyer', 'seller'],
    operator: false,
  })
  expect(password).toHaveLength(24)
  expect((await login('new@accounts.test', password)).authorization).not.toContain('undefined')
  const again = await request(people.app).get(`/api/users/${id}`).set(operator)
  expect(again.body.password).toBeUndefined()
  expect(again.body).toMatchObject({ id, balance: { balanceNanos: '0', availableUsd: '0', currency: 'USD' } })
})

test('an address is taken once, in whatever case it is typed', async () => {
  const { email } = await createUser()
  const answer = await request(people.app)
    .post('/api/users')
    .set(operator)
    .send({ email: email.toUpperCase(), name: 'Twin' })
  expect([answer.status, answer.body.error.code, answer.body.error.param]).toEqual([409, 'conflict', 'email'])
})

test('faulty users are refused with the field that is wrong', async () => {
  for (const [body, param] of [
    [{ email: 'nobody', name: 'x' }, 'email'],
    [{ email: 'a@b.test', name: ' ' }, 'name'],
    [{ email: 'a@b.test', name: 'nul \u0000' }, 'name'],
    [{ email: 'a@b.test', name: 'x', password: 'short' }, 'password'],
    [{ email: 'a@b.test', name: 'x', password: 'aaaaaaaaaaaaaaaa' }, 'password'],
    [{ email: 'a@b.test', name: 'x', roles: ['operator'] }, 'roles[0]'],
    [{ email: 'a@b.test', name: 'x', balance: '5' }, 'balance'],
  ] as const) {
    const answer = await request(people.app).post('/api/users').set(operator).send(body)
    expect([answer.status, answer.body.error.param]).toEqual([400, param])
  }
})

test('users come in pages, newest first, and a search takes % and _ literally', async () => {
  const made = [
    await createUser({ name: '100% Zoë' }),
    await createUser({ name: 'a_b Zoë' }),
    await createUser({ name: 'axb Zoë' }),
  ]
  const list = (query: string) => request(people.app).get(`/api/users?${query}`).set(operator)
  const first = await list('limit=2')
  expect(first.body.data.map(({ id }: { id: string }) => id)).toEqual([made[2]?.id, made[1]?.id])
  expect(first.body.hasMore).toBe(true)
  const second = await list(`limit=2&cursor=${first.body.nextCursor}`)
  expect(second.body.data[0].id).toBe(made[0]?.id)
  const names = async (q: string) =>
    (await list(`q=${encodeURIComponent(q)}`)).body.data.map(({ name }: { name: string }) => name)
  expect(await names('0% z')).toEqual(['100% Zoë'])
  expect(await names('a_b')).toEqual(['a_b Zoë'])
  expect(await names('%')).toEqual(['100% Zoë'])
  expect(await names('\\')).toEqual([])
  for (const query of [
    'limit=0',
    'limit=1000',
    'limit=x',
    'cursor=nonsense',
    'q=%00',
    'surprise=1',
    'q=a&q=b',
  ]) {
    expect([query, (await list(query)).status]).toEqual([query, 400])
  }
})

test('a buyer cannot see, make, change or remove users, nor read the audit trail', async () => {
  const [ada, bob] = [await createUser(), await createUser()]
  const as = await login(ada.email)
  for (const [method, path, body] of [
    ['get', '/api/users', undefined],
    ['post', '/api/users', { email: 'x@y.test', name: 'x', operator: true }],
    ['get', `/api/users/${bob.id}`, undefined],
    ['get', `/api/users/${ada.id}`, undefined],
    ['patch', `/api/users/${ada.id}`, { operator: true }],
    ['delete', `/api/users/${bob.id}`, undefined],
    ['post', `/api/users/${ada.id}/credits`, { amountNanos: '1', reason: 'mine' }],
    ['get', '/api/audit', undefined],
  ] as const) {
    const answer = await request(people.app)
      [method](path)
      .set({ ...as, 'idempotency-key': 'k' })
      .send(body)
    expect([method, path, answer.status, answer.body.error?.code]).toEqual([method, path, 403, 'forbidden'])
    expect((await request(people.app)[method](path).send(body)).status).toBe(401)
  }
  expect((await people.users.accounts.findByEmail(ada.email))?.roles).toEqual(['owner', 'buyer'])
})

test('a lost operator role counts within five seconds, without a new sign-in', async () => {
  const second = await createUser({ operator: true })
  const as = await login(second.email)
  expect((await request(people.app).get('/api/users').set(as)).status).toBe(200)
  await testDatabase.database.prisma.membership.deleteMany({
    where: { organisation: { kind: 'platform' }, user: { email: second.email } },
  })
  people.clock.advance(4_900)
  expect((await request(people.app).get('/api/users').set(as)).status).toBe(403)
})

test('an operator changes name, address, roles and password; a new password ends all sessions', async () => {
  const user = await createUser()
  const as = await login(user.email)
  const patch = (body: object) => request(people.app).patch(`/api/users/${user.id}`).set(operator).send(body)
  const changed = await patch({ name: 'Renamed', email: 'renamed@accounts.test', roles: ['seller'] })
  expect(changed.body).toMatchObject({
    name: 'Renamed',
    email: 'renamed@accounts.test',
    roles: ['owner', 'seller'],
  })
  expect((await request(people.app).get('/api/me').set(as)).body.roles).toEqual(['owner', 'seller'])
  const reset = await patch({ password: true })
  expect(reset.body.password).toHaveLength(24)
  expect((await request(people.app).get('/api/me').set(as)).status).toBe(401)
  expect((await login('renamed@accounts.test', reset.body.password)).authorization).not.toContain('undefined')
  for (const body of [{}, { closedAt: null }, { roles: ['owner'] }, { password: false }]) {
    expect([body, (await patch(body)).status]).toEqual([body, 400])
  }
  expect(
    (
      await request(people.app)
        .patch('/api/users/usr-00000000000000000000000000')
        .set(operator)
        .send({ name: 'x' })
    ).status,
  ).toBe(404)
})

test('nobody can remove the last operator', async () => {
  const { body } = await request(people.app).get('/api/me').set(operator)
  const lost = await request(people.app)
    .patch(`/api/users/${body.id}`)
    .set(operator)
    .send({ operator: false })
  expect([lost.status, lost.body.error.code]).toEqual([409, 'conflict'])
  expect((await request(people.app).delete(`/api/users/${body.id}`).set(operator)).status).toBe(409)
  // Somebody who has not taken up his invitation cannot let anybody in.
  const invited = await createUser({ operator: true, invite: true, password: undefined })
  expect((await request(people.app).delete(`/api/users/${body.id}`).set(operator)).status).toBe(409)
  expect((await request(people.app).delete(`/api/users/${invited.id}`).set(operator)).status).toBe(200)
})

test('two operators who remove each other at the same moment do not both succeed', async () => {
  const second = await createUser({ operator: true })
  const { pool } = testDatabase.database
  const id = (await people.users.accounts.findByEmail(second.email))?.id ?? ''
  const other = await pool.connect()
  try {
    // Another node is about to take the first operator's role away and has not committed yet.
    await other.query('BEGIN')
    await other.query("SELECT id FROM organisation WHERE kind = 'platform' FOR UPDATE")
    const gone = `DELETE FROM membership USING organisation o, "user" u
      WHERE o.id = "organisationId" AND o.kind = 'platform' AND u.id = "userId" AND u.email = $1`
    expect((await other.query(gone, [OPERATOR.email])).rowCount).toBe(1)
    let outcome = 'waits'
    const removal = people.users.accounts.update(id, { operator: false }, 'system').then(
      () => 'removed',
      (error) => error.code,
    )
    void removal.then((result) => {
      outcome = result
    })
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    await expect
      .poll(async () => outcome !== 'waits' || (await pool.query(waiting)).rows.length > 0)
      .toBe(true)
    await other.query('COMMIT')
    expect(await removal).toBe('conflict')
  } finally {
    other.release()
  }
  const first = await people.users.accounts.findByEmail(OPERATOR.email)
  await people.users.accounts.update(first?.id ?? '', { operator: true }, 'system')
  await people.users.accounts.update(id, { operator: false }, 'system')
})

test('a credit is booked once per Idempotency-Key, whatever the network does', async () => {
  const user = await createUser()
  const body = { amountNanos: '5000000000', reason: 'welcome' }
  const answers = await Promise.all([1, 2, 3].map(() => credit(user.id, 'same', body)))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 201])
  for (const { body: shown } of answers)
    expect(shown.balance).toMatchObject({ balanceNanos: '5000000000', availableUsd: '5' })
  const other = await credit(user.id, 'same', { ...body, amountNanos: '6000000000' })
  expect([other.status, other.body.error.code]).toEqual([422, 'idempotency_mismatch'])
  expect((await credit(user.id, 'another', body)).body.balance.balanceNanos).toBe('10000000000')
  // The same key for another wallet is another credit.
  const neighbour = await createUser()
  expect((await credit(neighbour.id, 'same', body)).status).toBe(201)
})

test('a credit needs an Idempotency-Key, a reason and a whole amount above zero', async () => {
  const user = await createUser()
  const body = { amountNanos: '1', reason: 'x' }
  expect((await credit(user.id, undefined, body)).body.error.param).toBe('Idempotency-Key')
  expect((await credit(user.id, 'k'.repeat(256), body)).status).toBe(400)
  for (const amountNanos of [
    '0',
    '-1',
    '1.5',
    '1e9',
    ' 1',
    '',
    1,
    null,
    '1000000000000001',
    '9'.repeat(30),
  ]) {
    const answer = await credit(user.id, 'k', { ...body, amountNanos })
    expect([amountNanos, answer.status, answer.body.error.param]).toEqual([amountNanos, 400, 'amountNanos'])
  }
  expect((await credit(user.id, 'k', { amountNanos: '1' })).status).toBe(400)
  const balance = await request(people.app).get(`/api/users/${user.id}`).set(operator)
  expect(balance.body.balance.balanceNanos).toBe('0')
})

test('in live mode money comes by payment, not by an operator’s word', async () => {
  const live = await createPeopleApp(testDatabase, { playMode: false, sessionSecret: people.sessionSecret })
  const user = await createUser()
  const answer = await request(live.app)
    .post(`/api/users/${user.id}/credits`)
    .set({ ...operator, 'idempotency-key': 'live' })
    .send({ amountNanos: '5', reason: 'free' })
  expect([answer.status, answer.body.error.code]).toEqual([403, 'forbidden'])
  const shown = await request(people.app).get(`/api/users/${user.id}`).set(operator)
  expect(shown.body.balance.balanceNanos).toBe('0')
  await live.close()
})

test('a user sees the own balance and statement, and nobody else’s', async () => {
  const [ada, bob] = [await createUser(), await createUser()]
  await credit(ada.id, 'a', { amountNanos: '1500000000', reason: 'start' })
  const as = await login(ada.email)
  const balance = await request(people.app).get('/api/balance').set(as)
  expect(balance.body).toEqual({
    balanceNanos: '1500000000',
    availableNanos: '1500000000',
    heldNanos: '0',
    currency: 'USD',
    availableUsd: '1.5',
    mode: 'play',
  })
  await credit(ada.id, 'b', { amountNanos: '500000000', reason: 'more' })
  const statement = (query: string) => request(people.app).get(`/api/statements${query}`).set(as)
  const first = await statement('?limit=1')
  expect(first.body.data).toMatchObject([{ amountNanos: '500000000', code: 'play_credit' }])
  const second = await statement(`?limit=1&cursor=${first.body.nextCursor}`)
  expect(second.body).toMatchObject({
    data: [{ amountNanos: '1500000000' }],
    hasMore: false,
    nextCursor: null,
  })
  expect((await statement('?cursor=nonsense')).status).toBe(400)
  for (const path of ['balance', 'statements']) {
    const foreign = await request(people.app).get(`/api/${path}?organisation=${bob.organisationId}`).set(as)
    expect([path, foreign.status]).toEqual([path, 403])
    const own = await request(people.app).get(`/api/${path}?organisation=${ada.organisationId}`).set(as)
    expect([path, own.status]).toEqual([path, 200])
    const asOperator = await request(people.app)
      .get(`/api/${path}?organisation=${ada.organisationId}`)
      .set(operator)
    expect([path, asOperator.status]).toEqual([path, 200])
  }
})

test('a user with money is closed: signed out, keys dead, address kept, money kept', async () => {
  const user = await createUser()
  await credit(user.id, 'c', { amountNanos: '7', reason: 'start' })
  const as = await login(user.email)
  const minted = await request(people.app).post('/api/keys').set(as).send({ name: 'mine' })
  expect(
    (
      await request(people.app)
        .get('/api/balance')
        .set({ authorization: `Bearer ${minted.body.key}` })
    ).status,
  ).toBe(200)
  const removed = await request(people.app).delete(`/api/users/${user.id}`).set(operator)
  expect(removed.body).toEqual({ id: user.id, outcome: 'closed' })
  expect((await request(people.app).get('/api/me').set(as)).status).toBe(401)
  people.clock.advance(4_900)
  expect(
    (
      await request(people.app)
        .get('/api/balance')
        .set({ authorization: `Bearer ${minted.body.key}` })
    ).status,
  ).toBe(401)
  expect(
    (await request(people.app).post('/api/login').send({ email: user.email, password: PASSWORD })).status,
  ).toBe(401)
  const shown = await request(people.app).get(`/api/users/${user.id}`).set(operator)
  expect(shown.body).toMatchObject({ closedAt: expect.any(String), balance: { balanceNanos: '7' } })
  expect((await credit(user.id, 'later', { amountNanos: '7', reason: 'late' })).status).toBe(409)
  expect(
    (await request(people.app).patch(`/api/users/${user.id}`).set(operator).send({ name: 'x' })).status,
  ).toBe(409)
})

test('a user whose money is all held, or all gone, is closed and not deleted', async () => {
  const holder = await createUser()
  await credit(holder.id, 'h', { amountNanos: '7', reason: 'start' })
  const organisationId = (await people.users.accounts.findByEmail(holder.email))?.organisationId ?? ''
  const payer = await people.ledger.accountId({ code: 'buyer_cash', owner: organisationId })
  expect(await people.ledger.hold({ id: uuidv7(), payer, amountNanos: 7n })).toMatchObject({ status: 'held' })
  expect((await request(people.app).delete(`/api/users/${holder.id}`).set(operator)).body.outcome).toBe(
    'closed',
  )

  const former = await createUser()
  const owner = (await people.users.accounts.findByEmail(former.email))?.organisationId ?? ''
  const given = playCredit({ creditId: `${owner}:given`, organisationId: owner, amountNanos: 7n })
  const { journalId } = await people.ledger.post(given)
  await people.ledger.post(reversal({ id: journalId, entries: given.entries, memo: 'a mistake' }))
  expect((await people.ledger.balanceOf(owner)).balanceNanos).toBe(0n)
  expect((await request(people.app).delete(`/api/users/${former.id}`).set(operator)).body.outcome).toBe(
    'closed',
  )
})

test('a user whose top-up a crash left out of the books is closed and not deleted', async () => {
  const { id, email } = await createUser()
  const user = await people.users.accounts.findByEmail(email)
  const { organisationId = '', id: userId = '' } = user ?? {}
  const topup = { id: uuidv7(), organisationId, userId, amountNanos: 5n, idempotencyKey: 'a' }
  await testDatabase.database.prisma.topup.create({ data: { ...topup, createdAt: new Date() } })
  const gone = await request(people.app).delete(`/api/users/${id}`).set(operator)
  expect([gone.status, gone.body.outcome]).toEqual([200, 'closed'])
})

test('a user who never did anything is deleted, and the address is free again', async () => {
  const idle = await createUser()
  await request(people.app)
    .post('/api/keys')
    .set(await login(idle.email))
    .send({ name: 'never used' })
  expect((await request(people.app).delete(`/api/users/${idle.id}`).set(operator)).body.outcome).toBe(
    'deleted',
  )
  expect((await request(people.app).get(`/api/users/${idle.id}`).set(operator)).status).toBe(404)
  const again = await request(people.app)
    .post('/api/users')
    .set(operator)
    .send({ email: idle.email, name: 'Again' })
  expect(again.status).toBe(201)
})

test('what operators did is in the audit trail, without any secret, and cannot be rewritten', async () => {
  const user = await createUser({ password: undefined })
  await request(people.app)
    .patch(`/api/users/${user.id}`)
    .set(operator)
    .send({ password: 'a known new password' })
  const trail = await request(people.app).get(`/api/audit?subject=${user.id}`).set(operator)
  expect(trail.body.data.map(({ action }: { action: string }) => action)).toEqual([
    'user.updated',
    'user.created',
  ])
  const { body } = await request(people.app).get('/api/me').set(operator)
  expect(trail.body.data[0].actor).toEqual({ type: 'user', id: body.id })
  expect(JSON.stringify(trail.body)).not.toContain('a known new password')
  expect(JSON.stringify(trail.body)).not.toContain(user.password)
  const page = await request(people.app).get('/api/audit?limit=1').set(operator)
  const next = await request(people.app)
    .get(`/api/audit?limit=1&cursor=${page.body.nextCursor}`)
    .set(operator)
  expect(next.body.data[0].id < page.body.data[0].id).toBe(true)
  await expect(
    testDatabase.database.pool.query("UPDATE audit_event SET action = 'nothing'"),
  ).rejects.toThrow()
  await expect(testDatabase.database.pool.query('DELETE FROM audit_event')).rejects.toThrow()
})

test('an event that joins a transaction is lost with it', async () => {
  const subject = formatId('usr-', '01890000-0000-7000-8000-000000000009')
  const failing = testDatabase.database.prisma.$transaction(async (transaction) => {
    await people.audit.record(
      { actor: 'system', action: 'test.lost', subject, detail: { amount: 5n, odd: '\u0000\ud800' } },
      transaction,
    )
    throw new Error('rolled back')
  })
  await expect(failing).rejects.toThrow('rolled back')
  expect(await people.audit.list({ limit: 10, subject })).toEqual([])
  await people.audit.record({
    actor: 'system',
    action: 'test.kept',
    subject,
    detail: { amount: 5n, odd: '\u0000\ud800' },
  })
  const [kept] = await people.audit.list({ limit: 10, subject })
  expect(kept).toMatchObject({
    actorType: 'system',
    actorId: null,
    detail: { amount: '5', odd: '\ufffd\ufffd' },
  })
})
