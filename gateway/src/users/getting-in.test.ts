import request from 'supertest'
import { expect, test } from 'vitest'
import { NEW_PASSWORD, tokenIn, useGettingInScene } from '../../test/support/getting-in-scene.ts'
import { createPeopleApp, PASSWORD } from '../../test/support/people-app.ts'

const DAY_MS = 86_400_000

const scene = useGettingInScene()
const { invite, mailsTo, newAddress, newUser, post, signedIn } = scene

test('a person signs up, confirms the address with link and password, and is in', async () => {
  const email = newAddress()
  const asked = await post('/api/sign-up', { email: email.toUpperCase(), name: 'Grace', password: PASSWORD })
  expect([asked.status, asked.body]).toEqual([202, {}])
  const [mail] = await mailsTo(email)
  expect(mail?.kind).toBe('verification')
  const token = tokenIn(mail?.text)
  // The right password does not open an address that nobody has confirmed; a wrong one is told nothing.
  const early = await post('/api/login', { email, password: PASSWORD })
  expect([early.status, early.body.error.code]).toEqual([403, 'email_unverified'])
  expect(early.headers['set-cookie']).toBeUndefined()
  expect((await post('/api/login', { email, password: NEW_PASSWORD })).body.error.code).toBe(
    'invalid_credentials',
  )
  // Who gets a mail for a sign-up of somebody else opens nothing for them.
  const wrong = await post('/api/verify', { token, password: NEW_PASSWORD })
  expect([wrong.status, wrong.body.error.code]).toEqual([401, 'invalid_credentials'])
  const verified = await post('/api/verify', { token, password: PASSWORD })
  expect(verified.body.user).toMatchObject({
    email,
    roles: ['owner', 'buyer'],
    operator: false,
    state: 'active',
  })
  expect((await post('/api/verify', { token, password: PASSWORD })).status).toBe(404)
})

test('who signs up last chooses the password, and the first link is gone', async () => {
  const email = newAddress()
  await post('/api/sign-up', { email, name: 'Mallory', password: 'a password of somebody else' })
  const first = tokenIn((await mailsTo(email))[0]?.text)
  await post('/api/sign-up', { email, name: 'Grace', password: PASSWORD })
  const second = tokenIn((await mailsTo(email))[0]?.text)
  expect(second).not.toBe(first)
  expect((await post('/api/verify', { token: first, password: 'a password of somebody else' })).status).toBe(
    404,
  )
  expect((await post('/api/verify', { token: second, password: 'a password of somebody else' })).status).toBe(
    401,
  )
  expect((await post('/api/verify', { token: second, password: PASSWORD })).body.user.name).toBe('Grace')
})

test('signing up and asking for a reset answer the same for every address', async () => {
  const known = await newUser()
  const closed = await newUser()
  await scene.credit(closed.id)
  await request(scene.people().app).delete(`/api/users/${closed.id}`).set(scene.operator())
  const invited = await invite()
  const addresses = [known.email, closed.email, invited.email, newAddress()]
  const answers = []
  for (const email of addresses) {
    const signUp = await post('/api/sign-up', { email, name: 'Eve', password: NEW_PASSWORD })
    const reset = await post('/api/password-reset', { email })
    answers.push(
      [signUp, reset].map(({ status, body, headers }) => ({
        status,
        body,
        headers: Object.keys(headers).sort(),
      })),
    )
  }
  expect(answers[0]?.map(({ status }) => status)).toEqual([202, 202])
  for (const answer of answers) expect(answer).toEqual(answers[0])
  // Nothing has changed for those who were there, and what they got says so.
  await signedIn(known.email)
  expect((await mailsTo(known.email)).map(({ kind }) => kind)).toEqual(['reset', 'notice'])
  expect((await mailsTo(closed.email)).length).toBe(0)
  expect((await mailsTo(invited.email)).map(({ kind }) => kind)).toEqual(['invitation', 'invitation'])
  expect((await post('/api/login', { email: known.email, password: NEW_PASSWORD })).status).toBe(401)
})

test('mails that a stranger causes say nothing that the stranger typed', async () => {
  const email = newAddress()
  await post('/api/sign-up', { email, name: 'Buy at http://evil.test {link}', password: PASSWORD })
  const [mail] = await mailsTo(email)
  expect(`${mail?.subject} ${mail?.text}`).not.toMatch(/evil|\{link\}/)
  expect(mail?.text.match(/https?:\/\/\S+/g)).toHaveLength(1)
})

test('strangers can ask for five mails to one address in a quarter of an hour', async () => {
  const email = newAddress()
  const statuses = []
  for (let round = 0; round < 6; round += 1)
    statuses.push((await post('/api/password-reset', { email })).status)
  expect(statuses).toEqual([202, 202, 202, 202, 202, 429])
  expect((await post('/api/sign-up', { email, name: 'x', password: PASSWORD })).status).toBe(429)
  scene.people().clock.advance(15 * 60_000)
  expect((await post('/api/password-reset', { email })).status).toBe(202)
})

test('a reset changes the password once, ends all sessions, and says so by mail', async () => {
  const { email } = await newUser()
  const before = await signedIn(email)
  expect((await request(scene.people().app).get('/api/me').set(before)).status).toBe(200)
  await post('/api/password-reset', { email })
  const token = tokenIn((await mailsTo(email))[0]?.text)
  const reset = (password: string) => post('/api/password-reset/confirm', { token, password })
  expect((await reset('short')).body.error.param).toBe('password')
  expect((await reset(NEW_PASSWORD)).status).toBe(204)
  expect((await reset('yet another password of mine')).status).toBe(404)
  expect((await request(scene.people().app).get('/api/me').set(before)).status).toBe(401)
  expect((await post('/api/login', { email, password: PASSWORD })).status).toBe(401)
  expect((await post('/api/login', { email, password: NEW_PASSWORD })).status).toBe(200)
  const [notice, mail] = await mailsTo(email)
  expect(notice?.subject).toBe('Your password for Bourse was changed')
  expect(mail?.text).not.toContain(token)
})

test('a reset link is good for an hour, and not once the password was changed', async () => {
  const { email } = await newUser()
  await post('/api/password-reset', { email })
  const late = tokenIn((await mailsTo(email))[0]?.text)
  scene.people().clock.advance(3_600_000)
  const confirm = (token: string) => post('/api/password-reset/confirm', { token, password: NEW_PASSWORD })
  expect((await confirm(late)).status).toBe(404)
  await scene.operatorAgain()
  await post('/api/password-reset', { email })
  const token = tokenIn((await mailsTo(email))[0]?.text)
  const as = await signedIn(email)
  await post('/api/me/password', { currentPassword: PASSWORD, newPassword: 'my own new password' }, as)
  expect((await confirm(token)).status).toBe(404)
  // A link of one kind is none of another.
  await post('/api/password-reset', { email })
  const reset = tokenIn((await mailsTo(email))[0]?.text)
  expect((await post('/api/join', { token: reset, password: NEW_PASSWORD })).status).toBe(404)
})

test('a person who forgot the password of the sign-up gets in by a reset', async () => {
  const email = newAddress()
  await post('/api/sign-up', { email, name: 'Grace', password: PASSWORD })
  await mailsTo(email)
  await post('/api/password-reset', { email })
  const token = tokenIn((await mailsTo(email))[0]?.text)
  await post('/api/password-reset/confirm', { token, password: NEW_PASSWORD })
  expect((await post('/api/login', { email, password: NEW_PASSWORD })).status).toBe(200)
})

test('tokens are stored as hashes, and a foreign host name does not get into a link', async () => {
  const { email } = await newUser()
  await request(scene.people().app)
    .post('/api/password-reset')
    .set('host', 'evil.test')
    .set('x-forwarded-host', 'evil.test')
    .send({ email })
  const [mail] = await mailsTo(email)
  expect(mail?.text).not.toContain('evil.test')
  const { rows } = await scene.testDatabase().database.pool.query('SELECT "tokenHash" FROM user_link')
  const stored = rows.map(({ tokenHash }) => (tokenHash as Buffer).toString('base64url'))
  expect(stored).not.toContain(tokenIn(mail?.text))
  expect(stored.every((hash) => Buffer.from(hash, 'base64url').length === 32)).toBe(true)
})

test('a page of another site can start none of this', async () => {
  for (const [path, body] of [
    ['/api/sign-up', { email: newAddress(), name: 'x', password: PASSWORD }],
    ['/api/password-reset', { email: newAddress() }],
    ['/api/join', { token: 'x', password: PASSWORD }],
    ['/api/verify', { token: 'x', password: PASSWORD }],
    ['/api/password-reset/confirm', { token: 'x', password: PASSWORD }],
  ] as const)
    expect([path, (await post(path, body, { 'sec-fetch-site': 'cross-site' })).status]).toEqual([path, 403])
})

test('where sign-up is closed nobody signs up, and visitors are told before', async () => {
  const closed = await createPeopleApp(scene.testDatabase(), { sessionSecret: scene.people().sessionSecret })
  const settings = await request(closed.app).get('/api/public-settings')
  expect(settings.body).toEqual({ mode: 'play', signUp: 'closed', mail: 'kept', version: '0.0.0-test' })
  const email = newAddress()
  const answer = await request(closed.app).post('/api/sign-up').send({ email, name: 'x', password: PASSWORD })
  expect([answer.status, answer.body.error.code]).toEqual([403, 'forbidden'])
  await closed.close()
  expect((await mailsTo(email)).length).toBe(0)
})

test('who signed up a week ago and never confirmed is forgotten, and the address is free', async () => {
  const email = newAddress()
  await post('/api/sign-up', { email, name: 'Grace', password: PASSWORD })
  await mailsTo(email)
  expect((await scene.people().users.accounts.findByEmail(email))?.state).toBe('unverified')
  await scene.people().users.tidy()
  expect(await scene.people().users.accounts.findByEmail(email)).toBeDefined()
  scene.people().clock.advance(7 * DAY_MS + 1)
  await scene.people().users.tidy()
  expect(await scene.people().users.accounts.findByEmail(email)).toBeUndefined()
})

test('ending all other sessions keeps the one that asks', async () => {
  const { email } = await newUser()
  const [mine, other] = [await signedIn(email), await signedIn(email)]
  expect((await request(scene.people().app).get('/api/me').set(other)).status).toBe(200)
  expect((await request(scene.people().app).delete('/api/sessions').set(mine)).status).toBe(204)
  expect((await request(scene.people().app).get('/api/me').set(mine)).status).toBe(200)
  expect((await request(scene.people().app).get('/api/me').set(other)).status).toBe(401)
})

test('the times of the mail do not tell: the answer does not wait for what it depends on', async () => {
  const { email } = await newUser()
  const { prisma } = scene.testDatabase().database
  let release = () => {}
  const blocked = new Promise<void>((resolve) => {
    release = resolve
  })
  // A lock on the user's row, which a look-up of a known address would have to wait for.
  const holding = prisma.$transaction(
    async (transaction) => {
      await transaction.$executeRaw`SELECT 1 FROM "user" WHERE email = ${email} FOR UPDATE`
      await blocked
    },
    { timeout: 30_000 },
  )
  expect((await post('/api/password-reset', { email })).status).toBe(202)
  release()
  await holding
  expect((await mailsTo(email))[0]?.kind).toBe('reset')
})
