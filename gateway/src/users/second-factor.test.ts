import request from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { createPeopleApp, OPERATOR, PASSWORD, type PeopleApp } from '../../test/support/people-app.ts'
import { totpCode } from './totp.ts'

const PERIOD_MS = 30_000

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

const login = (email: string, more: object = {}) =>
  request(people.app)
    .post('/api/login')
    .send({ email, password: PASSWORD, ...more })

const as = (token: string) => ({ authorization: `Bearer ${token}` })

async function newUser() {
  serial += 1
  const email = `user${serial}@second-factor.test`
  const { user } = await people.users.accounts.create(
    { email, name: `User ${serial}`, password: PASSWORD },
    'system',
  )
  const { body } = await login(email)
  return { email, id: user.id, shownId: String(body.user.id), token: String(body.token) }
}

/** A user whose app has the secret, as a person would do it. */
async function protectedUser() {
  const user = await newUser()
  const post = (path: string, body: object) =>
    request(people.app).post(`/api/me/two-factor${path}`).set(as(user.token)).send(body)
  const begun = await post('', { password: PASSWORD })
  expect(begun.status).toBe(200)
  const secret = fromBase32(begun.body.secret)
  const code = () => totpCode(secret, Math.floor(people.clock.nowMs() / PERIOD_MS))
  const confirmed = await post('/confirm', { code: code() })
  expect(confirmed.status).toBe(200)
  // The code of this half minute has been used.
  people.clock.advance(PERIOD_MS)
  return { ...user, post, code, backupCodes: confirmed.body.backupCodes as string[], uri: begun.body.uri }
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((character) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(character).toString(2).padStart(5, '0'),
  )
  return Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

test('with two-factor sign-in the password alone opens nothing, and says what is missing', async () => {
  const { email, code } = await protectedUser()
  const first = await login(email)
  expect([first.status, first.body.error.code, first.body.error.param]).toEqual([
    401,
    'two_factor_required',
    'code',
  ])
  expect(first.body.token).toBeUndefined()
  // There is no cookie of a half-open session that /api/token would take for a whole one.
  expect(first.headers['set-cookie']).toBeUndefined()
  const renewed = await request(people.app)
    .post('/api/token')
    .set({ 'sec-fetch-site': 'same-origin', cookie: 'bourse.session_token=anything' })
  expect(renewed.status).toBe(401)
  const second = await login(email, { code: code() })
  expect([second.status, second.body.user.twoFactor]).toEqual([200, true])
})

test('a code is taken however it was typed, and a strange one is merely wrong', async () => {
  const { email, code, backupCodes } = await protectedUser()
  for (const strange of ['\u0437\u0438\u043c\u0430', '\u2014', '12\n34', '\ud800'])
    expect([strange, (await login(email, { code: strange })).status]).toEqual([strange, 401])
  const fullWidth = code().replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0))
  expect((await login(email, { code: fullWidth })).status).toBe(200)
  expect((await login(email, { code: String(backupCodes[0]).replaceAll('-', ' \u2013 ') })).status).toBe(200)
})

test('a wrong password is told nothing of the second factor, whatever the code', async () => {
  const { email, code } = await protectedUser()
  const wrong = await login(email, { password: 'not the password', code: code() })
  const plain = await login('nobody@second-factor.test', { password: 'not the password' })
  expect(wrong.status).toBe(401)
  expect(wrong.body).toEqual(plain.body)
})

test('a code is good once, with blanks as an app shows it, also when two come at the same time', async () => {
  const { email, code } = await protectedUser()
  const used = code()
  const shown = used.replace(/(...)/, '$1 ')
  const both = await Promise.all([login(email, { code: shown }), login(email, { code: shown })])
  expect(both.map(({ status }) => status).sort()).toEqual([200, 401])
  expect((await login(email, { code: used })).body.error).toMatchObject({
    code: 'invalid_credentials',
    param: 'code',
  })
  people.clock.advance(PERIOD_MS)
  expect((await login(email, { code: code() })).status).toBe(200)
})

test('a backup code opens once', async () => {
  const { email, backupCodes, token } = await protectedUser()
  expect(backupCodes).toHaveLength(10)
  expect(new Set(backupCodes).size).toBe(10)
  const [first = '', second = ''] = backupCodes
  expect(first).toMatch(/^([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}$/)
  expect((await login(email, { code: first.toUpperCase() })).status).toBe(200)
  expect((await login(email, { code: first })).status).toBe(401)
  expect((await login(email, { code: second.replaceAll('-', ' ') })).status).toBe(200)
  const state = await request(people.app).get('/api/me/two-factor').set(as(token))
  expect(state.body.backupCodesLeft).toBe(8)
})

test('a guesser of codes who knows the password is stopped after five, from wherever he asks', async () => {
  const { email, code } = await protectedUser()
  const guess = (round: number, tried = '000000') =>
    people.users.sessions
      .signIn({ email, password: PASSWORD, code: tried }, { address: `198.51.100.${round}` })
      .then(
        () => 'in',
        (error) => error.code,
      )
  const parallel = await Promise.all(Array.from({ length: 8 }, (_, round) => guess(round)))
  expect(parallel.filter((outcome) => outcome === 'invalid_credentials')).toHaveLength(5)
  expect(parallel.filter((outcome) => outcome === 'rate_limit_exceeded')).toHaveLength(3)
  expect(await guess(9, code())).toBe('rate_limit_exceeded')
  // Another node, which counts nothing itself, knows it as well.
  const other = await createPeopleApp(testDatabase, { sessionSecret: people.sessionSecret })
  const elsewhere = await request(other.app)
    .post('/api/login')
    .send({ email, password: PASSWORD, code: code() })
  expect(elsewhere.status).toBe(429)
  await other.close()
  people.clock.advance(15 * 60_000)
  expect(await guess(10, code())).toBe('in')
})

test('turning it on needs the password and a code, and ends the sessions elsewhere', async () => {
  const user = await newUser()
  const elsewhere = String((await login(user.email)).body.token)
  const post = (path: string, body: object) =>
    request(people.app).post(`/api/me/two-factor${path}`).set(as(user.token)).send(body)
  expect((await post('', { password: 'not the password' })).body.error).toMatchObject({
    code: 'invalid_credentials',
    param: 'password',
  })
  expect((await post('/confirm', { code: '123456' })).status).toBe(409)
  const begun = await post('', { password: PASSWORD })
  expect(begun.body.uri).toContain(`secret=${begun.body.secret}&issuer=Bourse`)
  expect((await post('/confirm', { code: '000000' })).body.error.param).toBe('code')
  // Not on before a code was right.
  expect((await login(user.email)).status).toBe(200)
  const code = totpCode(fromBase32(begun.body.secret), Math.floor(people.clock.nowMs() / PERIOD_MS))
  expect((await request(people.app).get('/api/me').set(as(elsewhere))).status).toBe(200)
  expect((await post('/confirm', { code })).status).toBe(200)
  expect((await request(people.app).get('/api/me').set(as(elsewhere))).status).toBe(401)
  expect((await request(people.app).get('/api/me').set(as(user.token))).status).toBe(200)
  // Who has it on begins no second one.
  expect((await post('', { password: PASSWORD })).status).toBe(409)
})

test('turning it off and new backup codes need the password', async () => {
  const { email, post, backupCodes, code } = await protectedUser()
  for (const path of ['/disable', '/backup-codes'])
    expect((await post(path, { password: 'not the password' })).status).toBe(401)
  const renewed = await post('/backup-codes', { password: PASSWORD })
  expect(renewed.body.backupCodes).toHaveLength(10)
  expect((await login(email, { code: backupCodes[0] })).status).toBe(401)
  expect((await login(email, { code: renewed.body.backupCodes[0] })).status).toBe(200)
  expect((await login(email, { code: code() })).status).toBe(200)
  expect((await post('/disable', { password: PASSWORD })).status).toBe(204)
  expect((await login(email)).status).toBe(200)
})

test('an operator turns it off for who has lost everything; it is on record, and the person gets a mail', async () => {
  const { email, shownId } = await protectedUser()
  const { body } = await request(people.app).post('/api/login').send(OPERATOR)
  const operator = as(body.token)
  const off = await request(people.app).delete(`/api/users/${shownId}/two-factor`).set(operator)
  expect(off.status).toBe(204)
  expect((await login(email)).status).toBe(200)
  const trail = await request(people.app).get(`/api/audit?subject=${shownId}`).set(operator)
  expect(trail.body.data[0]).toMatchObject({
    action: 'user.two_factor_removed',
    actor: { type: 'user', id: body.user.id },
  })
  const outbox = await request(people.app).get(`/api/outbox?to=${email}`).set(operator)
  expect(outbox.body.data[0].subject).toBe('Two-factor sign-in for Bourse was turned off')
  expect(JSON.stringify(trail.body)).not.toMatch(/secret|hash/i)
})

test('an operator’s stolen token gets round neither the own password nor the own second factor', async () => {
  const { body } = await request(people.app).post('/api/login').send(OPERATOR)
  const own = `/api/users/${body.user.id}`
  const patched = await request(people.app).patch(own).set(as(body.token)).send({ password: true })
  expect([patched.status, patched.body.error.code]).toEqual([403, 'forbidden'])
  expect((await request(people.app).delete(`${own}/two-factor`).set(as(body.token))).status).toBe(403)
  expect((await request(people.app).post('/api/login').send(OPERATOR)).status).toBe(200)
})

test('a new password by mail does not get past the second factor', async () => {
  const { email, code } = await protectedUser()
  await request(people.app).post('/api/password-reset').send({ email })
  await people.users.gettingIn.idle()
  const [mail] = await people.mail.list({ limit: 1, recipient: email })
  const token = /token=([\w-]+)/.exec(mail?.link ?? '')?.[1]
  const password = 'chosen by who reads the mail'
  await request(people.app).post('/api/password-reset/confirm').send({ token, password }).expect(204)
  expect((await login(email, { password })).body.error.code).toBe('two_factor_required')
  expect((await login(email, { password, code: code() })).status).toBe(200)
})

test('the secret is sealed in the database, and moves to a new key', async () => {
  const { id, email, code } = await protectedUser()
  const { prisma } = testDatabase.database
  const row = await prisma.secondFactor.findUniqueOrThrow({ where: { userId: id } })
  expect(row.sealedSecret.length).toBeGreaterThan(100)
  await people.users.secondFactor.rewrap()
  expect((await login(email, { code: code() })).status).toBe(200)
  // A row that was put in another one's place does not open.
  const thief = await protectedUser()
  await prisma.secondFactor.update({
    where: { userId: thief.id },
    data: { sealedSecret: row.sealedSecret },
  })
  await expect(people.users.secondFactor.admit(thief.id, code())).rejects.toThrow()
  // A backup code needs nothing that is sealed.
  expect((await login(thief.email, { code: thief.backupCodes[0] })).status).toBe(200)
})
