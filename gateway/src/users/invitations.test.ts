import request from 'supertest'
import { expect, test } from 'vitest'
import { tokenIn, useGettingInScene } from '../../test/support/getting-in-scene.ts'
import { createPeopleApp, OPERATOR, PASSWORD } from '../../test/support/people-app.ts'

const DAY_MS = 86_400_000

const scene = useGettingInScene()
const { invite, mailsTo, newAddress, newUser, post, signedIn } = scene

test('an invited person gets a mail, chooses a password, and is in', async () => {
  const { email, answer, token, id } = await invite()
  expect(answer.body).toMatchObject({ state: 'invited', invitation: { mail: 'kept' } })
  expect(answer.body.password).toBeUndefined()
  const [mail] = await mailsTo(email)
  expect(mail).toMatchObject({ kind: 'invitation', state: 'kept', subject: 'Your invitation to Bourse' })
  expect(mail?.text).toContain('https://bourse.example.test/console/join?token=')
  const look = await post('/api/links', { kind: 'invitation', token })
  expect(look.body).toMatchObject({ email, name: 'Ada' })
  // Nobody gets in without the link, whatever the password.
  expect((await post('/api/login', { email, password: PASSWORD })).body.error.code).toBe(
    'invalid_credentials',
  )
  const joined = await post('/api/join', { token, password: PASSWORD })
  expect(joined.status).toBe(200)
  expect(String(joined.headers['set-cookie'])).toContain('session_token=')
  const me = await request(scene.people().app)
    .get('/api/me')
    .set('authorization', `Bearer ${joined.body.token}`)
  expect(me.body).toMatchObject({ id, email, state: 'active' })
  // The mail is a mere text now.
  expect((await mailsTo(email))[0]?.text).not.toContain(token)
})

test('an invitation works once, for a week, and a new one ends the old', async () => {
  const first = await invite()
  const again = await post(`/api/users/${first.id}/invitation`, {}, scene.operator())
  expect(again.status).toBe(201)
  const second = tokenIn((await mailsTo(first.email))[0]?.text)
  const join = (token: string) => post('/api/join', { token, password: PASSWORD })
  const refused = await join(first.token)
  expect([refused.status, refused.body.error.code]).toEqual([404, 'not_found'])
  // The same words for a link that was replaced and for one that never was.
  expect((await join('A'.repeat(43))).body).toEqual(refused.body)
  const both = await Promise.all([join(second), join(second)])
  expect(both.map(({ status }) => status).sort()).toEqual([200, 404])
  expect((await join(second)).status).toBe(404)

  const late = await invite()
  scene.people().clock.advance(7 * DAY_MS)
  expect((await join(late.token)).status).toBe(404)
  const [mail] = await scene.people().mail.list({ limit: 1, recipient: late.email })
  expect(mail?.link).toBeNull()
})

test('a withdrawn invitation and one for a closed user are no way in', async () => {
  const withdrawn = await invite()
  const end = await request(scene.people().app)
    .delete(`/api/users/${withdrawn.id}/invitation`)
    .set(scene.operator())
  expect(end.status).toBe(204)
  expect((await post('/api/join', { token: withdrawn.token, password: PASSWORD })).status).toBe(404)
  const shown = await request(scene.people().app).get(`/api/users/${withdrawn.id}`).set(scene.operator())
  expect(shown.body).toMatchObject({ state: 'invited', invitation: null, removal: 'deleted' })

  const rich = await invite()
  await scene.credit(rich.id)
  const before = await request(scene.people().app).get(`/api/users/${rich.id}`).set(scene.operator())
  expect(before.body.removal).toBe('closed')
  expect(
    (await request(scene.people().app).delete(`/api/users/${rich.id}`).set(scene.operator())).body.outcome,
  ).toBe('closed')
  expect((await post('/api/join', { token: rich.token, password: PASSWORD })).status).toBe(404)
  expect((await post(`/api/users/${rich.id}/invitation`, {}, scene.operator())).status).toBe(409)
})

test('who has a password is not invited, and only operators invite', async () => {
  const { email, id } = await newUser()
  expect((await post(`/api/users/${id}/invitation`, {}, scene.operator())).body.error.code).toBe('conflict')
  const as = await signedIn(email)
  const invited = await invite()
  expect((await post(`/api/users/${invited.id}/invitation`, {}, as)).status).toBe(403)
  expect(
    (await request(scene.people().app).delete(`/api/users/${invited.id}/two-factor`).set(as)).status,
  ).toBe(403)
  expect((await request(scene.people().app).get('/api/outbox').set(as)).status).toBe(403)
  const both = await post(
    '/api/users',
    { email: newAddress(), name: 'x', invite: true, password: PASSWORD },
    scene.operator(),
  )
  expect([both.status, both.body.error.param]).toEqual([400, 'password'])
})

test('a new address ends the links that went to the old one', async () => {
  const { id, token } = await invite()
  await request(scene.people().app)
    .patch(`/api/users/${id}`)
    .set(scene.operator())
    .send({ email: newAddress() })
  expect((await post('/api/join', { token, password: PASSWORD })).status).toBe(404)
})

test('in live mode without a mail server mails wait, the operator gets the link once, and the outbox hides it', async () => {
  const live = await createPeopleApp(scene.testDatabase(), {
    playMode: false,
    sessionSecret: scene.people().sessionSecret,
  })
  const email = newAddress()
  const made = await request(live.app)
    .post('/api/users')
    .set(scene.operator())
    .send({ email, name: 'Ada', invite: true })
  const { link } = made.body.invitation
  expect(link).toContain('/console/join?token=')
  const outbox = await request(live.app).get(`/api/outbox?to=${email}`).set(scene.operator())
  expect(outbox.body.data).toMatchObject([{ state: 'queued', kind: 'invitation' }])
  expect(outbox.body.data[0].text).toContain('the link is shown to its recipient only')
  expect(outbox.text).not.toContain(tokenIn(`${link} `))
  expect((await request(live.app).get('/api/public-settings')).body.mail).toBe('none')
  const token = tokenIn(`${link} `)
  expect((await request(live.app).post('/api/join').send({ token, password: PASSWORD })).status).toBe(200)
  // It would have come too late; now it is not sent at all.
  const after = await request(live.app).get(`/api/outbox?to=${email}`).set(scene.operator())
  expect(after.body.data[0].state).toBe('failed')
  await live.close()
})

test('operators find people by state and role', async () => {
  const email = newAddress()
  await invite(email)
  const list = async (query: string) => {
    const { body } = await request(scene.people().app)
      .get(`/api/users?limit=100&${query}`)
      .set(scene.operator())
    return body.data as { email: string; state: string; operator: boolean }[]
  }
  for (const state of ['active', 'invited', 'unverified', 'closed']) {
    const found = await list(`state=${state}`)
    expect([state, found.every((user) => user.state === state)]).toEqual([state, true])
    expect([state, found.some((user) => user.email === email)]).toEqual([state, state === 'invited'])
  }
  const operators = await list('role=operator')
  expect(operators.map((user) => user.email)).toContain(OPERATOR.email)
  expect(operators.every((user) => user.operator)).toBe(true)
})
