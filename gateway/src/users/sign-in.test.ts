import { randomBytes } from 'node:crypto'
import jwt from 'jsonwebtoken'
import request from 'supertest'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import {
  createPeopleApp,
  createTestClock,
  OPERATOR,
  PASSWORD,
  type PeopleApp,
} from '../../test/support/people-app.ts'

let testDatabase: TestDatabase
let people: PeopleApp

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  people = await createPeopleApp(testDatabase)
})

afterAll(async () => {
  await people?.close()
  await testDatabase?.drop()
})

let serial = 0

async function newUser(overrides: { operator?: boolean } = {}) {
  serial += 1
  const email = `user${serial}@sign-in.test`
  const { user } = await people.users.accounts.create(
    { email, name: `User ${serial}`, password: PASSWORD, ...overrides },
    'system',
  )
  return { email, user }
}

async function login(email: string, password = PASSWORD) {
  const answer = await request(people.app).post('/api/login').send({ email, password })
  return { answer, token: answer.body.token as string, cookie: cookieOf(answer.headers['set-cookie']) }
}

function cookieOf(setCookie: unknown): string {
  return ([] as string[])
    .concat((setCookie as string[] | undefined) ?? [])
    .map((one) => one.split(';')[0])
    .join('; ')
}

const me = (token: string, app = people.app) =>
  request(app).get('/api/me').set('authorization', `Bearer ${token}`)

test('a user signs in and gets a token for 15 minutes and an HttpOnly SameSite=Lax cookie', async () => {
  const { email } = await newUser()
  const { answer, token } = await login(email.toUpperCase())
  expect(answer.status).toBe(200)
  expect(answer.body).toMatchObject({
    tokenType: 'Bearer',
    expiresInS: 900,
    user: { email, roles: ['owner', 'buyer'], mode: 'play' },
  })
  expect(answer.headers['cache-control']).toBe('no-store')
  const [cookie] = answer.headers['set-cookie'] as unknown as string[]
  expect(cookie).toMatch(/^bourse\.session_token=/)
  expect(cookie).toMatch(/HttpOnly/i)
  expect(cookie).toMatch(/SameSite=Lax/i)
  const claims = jwt.decode(token) as jwt.JwtPayload
  expect(claims).toMatchObject({ aud: 'api', iss: 'bourse', sub: answer.body.user.id })
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900)
  const mine = await me(token)
  expect(mine.body).toMatchObject({ email, id: answer.body.user.id, sessionId: claims.sid })
})

test('an unknown user and a wrong password get the same answer', async () => {
  const { email } = await newUser()
  const wrong = await login(email, 'not the password')
  const unknown = await login('nobody@sign-in.test', 'not the password')
  expect(wrong.answer.status).toBe(401)
  expect(wrong.answer.body.error.code).toBe('invalid_credentials')
  expect(unknown.answer.status).toBe(401)
  expect(unknown.answer.body).toEqual(wrong.answer.body)
  expect(wrong.answer.headers['set-cookie']).toBeUndefined()
})

test('a guesser is stopped after five tries on one account, and the right password too, with the true wait', async () => {
  const { email } = await newUser()
  const address = '198.51.100.7'
  const guess = (password: string) =>
    people.users.sessions.signIn({ email, password }, { address }).catch((error) => error.code ?? error)
  const parallel = await Promise.all(Array.from({ length: 12 }, () => guess('guess guess guess')))
  expect(parallel.filter((code) => code === 'invalid_credentials')).toHaveLength(5)
  expect(parallel.filter((code) => code === 'rate_limit_exceeded')).toHaveLength(7)
  expect(await guess(PASSWORD)).toBe('rate_limit_exceeded')
  // The person herself, elsewhere, is not locked out.
  expect(
    await people.users.sessions.signIn({ email, password: PASSWORD }, { address: '203.0.113.9' }),
  ).toHaveProperty('token')
})

test('sign-up is closed: better-auth has no door of its own', async () => {
  const answer = await request(people.app)
    .post('/api/auth/sign-up/email')
    .send({ email: 'self@made.test', password: PASSWORD, name: 'Self' })
  expect(answer.status).toBe(404)
  expect(await people.users.accounts.findByEmail('self@made.test')).toBeUndefined()
})

test('the cookie alone opens the way to a fresh token, and nothing else', async () => {
  const { email } = await newUser()
  const { cookie } = await login(email)
  const fresh = await request(people.app)
    .post('/api/token')
    .set('cookie', cookie)
    .set('sec-fetch-site', 'same-origin')
  expect(fresh.status).toBe(200)
  expect((await me(fresh.body.token)).body.email).toBe(email)
  for (const path of ['/api/me', '/api/sessions', '/api/balance', '/api/keys']) {
    const answer = await request(people.app).get(path).set('cookie', cookie)
    expect([path, answer.status, answer.body.error.code]).toEqual([path, 401, 'not_signed_in'])
  }
  expect((await request(people.app).post('/api/logout').set('cookie', cookie)).status).toBe(401)
})

test('a foreign page cannot use the cookie, nor a caller that is no page of ours', async () => {
  const { email } = await newUser()
  const { cookie } = await login(email)
  const ask = (headers: Record<string, string>) =>
    request(people.app)
      .post('/api/token')
      .set({ cookie, host: 'gateway.test', ...headers })
  for (const headers of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://evil.test' },
    { origin: 'null' },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.test' },
  ]) {
    const answer = await ask(headers)
    expect([headers, answer.status]).toEqual([headers, 403])
    expect(answer.body.token).toBeUndefined()
  }
  expect((await ask({ origin: 'http://gateway.test' })).status).toBe(200)
})

test('signing in makes a session of its own, whatever cookie was planted before', async () => {
  const [ada, mallory] = [await newUser(), await newUser()]
  const planted = await login(mallory.email)
  const answer = await request(people.app)
    .post('/api/login')
    .set('cookie', planted.cookie)
    .send({ email: ada.email, password: PASSWORD })
  const own = cookieOf(answer.headers['set-cookie'])
  expect(own).not.toBe(planted.cookie)
  const sid = (token: string) => (jwt.decode(token) as jwt.JwtPayload).sid
  expect(sid(answer.body.token)).not.toBe(sid(planted.token))
  // The planted cookie is still nobody but who planted it.
  const renewed = await request(people.app)
    .post('/api/token')
    .set('cookie', planted.cookie)
    .set('sec-fetch-site', 'same-origin')
  expect(renewed.body.user.email).toBe(mallory.email)
})

test('a foreign page cannot sign a visitor in as somebody else', async () => {
  const { email } = await newUser()
  const answer = await request(people.app)
    .post('/api/login')
    .set('sec-fetch-site', 'cross-site')
    .send({ email, password: PASSWORD })
  expect(answer.status).toBe(403)
  expect(answer.headers['set-cookie']).toBeUndefined()
})

test('a forged cookie is no session', async () => {
  const { email } = await newUser()
  const { cookie } = await login(email)
  const forged = `${cookie.slice(0, -6)}AAAAAA`
  const answer = await request(people.app)
    .post('/api/token')
    .set('cookie', forged)
    .set('sec-fetch-site', 'same-origin')
  expect(answer.status).toBe(401)
})

test('signing out ends the token and the cookie at once', async () => {
  const { email } = await newUser()
  const { token, cookie } = await login(email)
  const out = await request(people.app).post('/api/logout').set('authorization', `Bearer ${token}`)
  expect(out.status).toBe(204)
  expect(String(out.headers['set-cookie'])).toMatch(/bourse\.session_token=;.*Max-Age=0/)
  expect((await me(token)).status).toBe(401)
  const renewed = await request(people.app)
    .post('/api/token')
    .set('cookie', cookie)
    .set('sec-fetch-site', 'same-origin')
  expect(renewed.status).toBe(401)
})

test('a session ended on another node stops its tokens within five seconds', async () => {
  const { email, user } = await newUser()
  const { token } = await login(email)
  expect((await me(token)).status).toBe(200)
  await testDatabase.database.prisma.session.deleteMany({ where: { userId: user.id } })
  // The cache may still say yes …
  people.clock.advance(4_900)
  expect((await me(token)).status).toBe(401)
})

test('a session ends after twelve idle hours, and after a week however busy', async () => {
  const clock = createTestClock()
  const other = await createPeopleApp(testDatabase, { clock, sessionSecret: people.sessionSecret })
  const { email, user } = await newUser()
  const { token, cookie } = await login(email)
  const { prisma } = testDatabase.database
  await prisma.session.updateMany({
    where: { userId: user.id },
    data: { expiresAt: new Date(Date.now() - 1) },
  })
  expect((await me(token, other.app)).status).toBe(401)
  const inAnHour = new Date(Date.now() + 3_600_000)
  const eightDaysAgo = new Date(Date.now() - 8 * 86_400_000)
  await prisma.session.updateMany({
    where: { userId: user.id },
    data: { expiresAt: inAnHour, createdAt: eightDaysAgo },
  })
  clock.advance(5_000)
  expect((await me(token, other.app)).status).toBe(401)
  const renewed = await request(other.app)
    .post('/api/token')
    .set('cookie', cookie)
    .set('sec-fetch-site', 'same-origin')
  expect(renewed.status).toBe(401)
  await other.close()
})

test('a token that is not exactly ours is refused', async () => {
  const { email } = await newUser()
  const { token } = await login(email)
  const claims = jwt.decode(token) as jwt.JwtPayload
  const key = randomBytes(32)
  const [header, payload, signature] = token.split('.') as [string, string, string]
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const forgeries = {
    'alg none, unsigned': `${part({ alg: 'none', typ: 'JWT' })}.${payload}.`,
    'alg none, with signature': `${part({ alg: 'none', typ: 'JWT' })}.${payload}.${signature}`,
    'alg nOnE': `${part({ alg: 'nOnE' })}.${payload}.`,
    'another key': jwt.sign(claims, key, { algorithm: 'HS256' }),
    'the session secret itself as key': jwt.sign(claims, people.sessionSecret, { algorithm: 'HS256' }),
    'another algorithm': jwt.sign(claims, people.sessionSecret, { algorithm: 'HS512' }),
    'altered claims': `${header}.${part({ ...claims, sub: 'usr-00000000000000000000000001' })}.${signature}`,
    'signature stripped': `${header}.${payload}.`,
    'no signature part': `${header}.${payload}`,
    'not a token': 'hello',
    'one megabyte': 'a'.repeat(12_000),
  }
  for (const [what, forged] of Object.entries(forgeries)) {
    const answer = await me(forged)
    expect([what, answer.status, answer.body.error.code]).toEqual([what, 401, 'not_signed_in'])
  }
})

test('a user reads and renames himself, but cannot raise his own roles', async () => {
  const { email, user } = await newUser()
  const { token } = await login(email)
  const patch = (body: object) =>
    request(people.app).patch('/api/me').set('authorization', `Bearer ${token}`).send(body)
  expect((await patch({ name: 'Ada' })).body.name).toBe('Ada')
  for (const body of [
    { roles: ['seller'] },
    { operator: true },
    { name: 'x', roles: ['operator'] },
    { email: 'new@me.test' },
    { password: 'a brand new password' },
    { organisationId: 'org-00000000000000000000000001' },
    { id: 'usr-00000000000000000000000001' },
    { emailVerified: true },
    { closedAt: null },
  ]) {
    const answer = await patch(body)
    expect([body, answer.status, answer.body.error.code]).toEqual([body, 400, 'invalid_value'])
  }
  expect(await people.users.accounts.get(user.id)).toMatchObject({
    roles: ['owner', 'buyer'],
    email,
    name: 'Ada',
  })
})

test('changing the password needs the current one, ends all other sessions and keeps this one', async () => {
  const { email } = await newUser()
  const mine = await login(email)
  const other = await login(email)
  const change = (body: object) =>
    request(people.app).post('/api/me/password').set('authorization', `Bearer ${mine.token}`).send(body)
  const wrong = await change({ currentPassword: 'not it at all', newPassword: 'my entirely new password' })
  expect([wrong.status, wrong.body.error.code, wrong.body.error.param]).toEqual([
    401,
    'invalid_credentials',
    'currentPassword',
  ])
  expect((await change({ currentPassword: PASSWORD, newPassword: 'short' })).status).toBe(400)
  expect((await me(other.token)).status).toBe(200)
  expect((await change({ currentPassword: PASSWORD, newPassword: 'my entirely new password' })).status).toBe(
    204,
  )
  expect((await me(mine.token)).status).toBe(200)
  expect((await me(other.token)).status).toBe(401)
  expect((await login(email)).answer.status).toBe(401)
  expect((await login(email, 'my entirely new password')).answer.status).toBe(200)
})

test('a user lists and ends own sessions, and reaches nobody else’s', async () => {
  const [ada, bob] = [await newUser(), await newUser()]
  const [first, second, foreign] = [await login(ada.email), await login(ada.email), await login(bob.email)]
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  const { body } = await request(people.app).get('/api/sessions').set(as(first.token))
  expect(body.data).toHaveLength(2)
  expect(JSON.stringify(body)).not.toContain('"token"')
  const other = body.data.find((session: { current: boolean }) => !session.current)
  const bobs = await request(people.app).get('/api/sessions').set(as(foreign.token))
  const stolen = await request(people.app)
    .delete(`/api/sessions/${bobs.body.data[0].id}`)
    .set(as(first.token))
  expect(stolen.status).toBe(404)
  expect((await me(foreign.token)).status).toBe(200)
  expect((await request(people.app).delete(`/api/sessions/${other.id}`).set(as(first.token))).status).toBe(
    204,
  )
  expect((await me(second.token)).status).toBe(401)
})

test('odd bodies are told what is wrong and never become a 500', async () => {
  for (const body of [
    {},
    { email: 'a@b.test' },
    { email: 1, password: 2 },
    { email: 'a@b.test', password: 'x', admin: true },
    { email: 'not an address', password: 'whatever' },
    { email: 'a\u0000@b.test', password: 'whatever' },
    { email: 'a@b.test', password: 'nul \u0000 inside' },
  ]) {
    const answer = await request(people.app).post('/api/login').send(body)
    expect([400, 401]).toContain(answer.status)
  }
})

test('the first operator is made once, and a later start changes nothing', async () => {
  const again = await people.users.accounts.ensureFirstOperator({
    email: 'other@example.test',
    password: 'another good password',
  })
  expect(again.created).toBe(false)
  expect(again.user.email).toBe(OPERATOR.email)
  expect(again.user.roles).toContain('operator')
  const both = await Promise.all([1, 2].map(() => people.users.accounts.ensureFirstOperator(OPERATOR)))
  expect(both.map(({ created }) => created)).toEqual([false, false])
})

test('behind https the cookie is Secure, and the public origin counts as ours', async () => {
  const publicUrl = 'https://gateway.example.test'
  const secure = await createPeopleApp(testDatabase, { sessionSecret: people.sessionSecret, publicUrl })
  const { email } = await newUser()
  const signedIn = await request(secure.app).post('/api/login').send({ email, password: PASSWORD })
  const [cookie] = signedIn.headers['set-cookie'] as unknown as string[]
  expect(cookie).toMatch(/^__Secure-bourse\.session_token=.*Secure/)
  const ask = (origin: string) =>
    request(secure.app)
      .post('/api/token')
      .set({ cookie: cookieOf([cookie]), host: 'inside:4000', origin })
  expect((await ask(publicUrl)).status).toBe(200)
  expect((await ask('https://gateway.example.test.evil.test')).status).toBe(403)
  await secure.close()
})

test('while the database is away a session is 503, never 401, and a token that was just used goes on', async () => {
  const { email } = await newUser()
  const [known, fresh] = [await login(email), await login(email)]
  expect((await me(known.token)).status).toBe(200)
  const { session } = testDatabase.database.prisma
  const away = vi.spyOn(session, 'findUnique').mockRejectedValue(new Error('connect ECONNREFUSED'))
  const sessionId = (token: string) => people.users.sessions.principalOf(token).catch((error) => error.code)
  expect(await sessionId(known.token)).toHaveProperty('sessionId')
  expect(await sessionId(fresh.token)).toBe('unavailable')
  people.clock.advance(4_100)
  expect(await sessionId(known.token)).toBe('unavailable')
  away.mockRestore()
  expect(await sessionId(known.token)).toHaveProperty('sessionId')
})

test('a first operator that could never sign in is refused at the start', async () => {
  const { accounts } = people.users
  await expect(accounts.ensureFirstOperator({ email: 'admin', password: PASSWORD })).rejects.toMatchObject({
    code: 'invalid_value',
  })
  await expect(
    accounts.ensureFirstOperator({ email: 'a@b.test', password: 'x'.repeat(129) }),
  ).rejects.toMatchObject({ code: 'invalid_value' })
})
