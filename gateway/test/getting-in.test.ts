import supertest from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { startSmtpServer } from './support/smtp-server.ts'

const PASSWORD = 'a perfectly fine password'

let gateway: TestGateway
beforeAll(async () => {
  gateway = await startTestGateway({ env: { GATEWAY_SIGN_UP: 'open' } })
}, 60_000)
afterAll(() => gateway?.close())

const visitor = () => supertest(gateway.origin)

async function linkFor(email: string): Promise<URL> {
  await gateway.context.users.gettingIn.idle()
  const { body } = await gateway.api('get', `/api/outbox?to=${email}`).expect(200)
  return new URL(/https?:\S+\?token=\S+/.exec(body.data[0].text)?.[0] ?? '')
}

test('an invited buyer gets in by mail, makes a key, and sends a first request', async () => {
  const email = 'ada@getting-in.test'
  const made = await gateway.api('post', '/api/users').send({ email, name: 'Ada', invite: true }).expect(201)
  await gateway
    .api('post', `/api/users/${made.body.id}/credits`)
    .set('idempotency-key', 'welcome')
    .send({ amountNanos: '1000000000', reason: 'welcome' })
    .expect(201)
  // Links lead to where this gateway listens, since no public URL is set.
  const link = await linkFor(email)
  expect(link.origin).toBe(gateway.origin)
  expect(link.pathname).toBe('/console/join')
  const token = link.searchParams.get('token')
  const joined = await visitor().post('/api/join').send({ token, password: PASSWORD }).expect(200)
  const authorization = `Bearer ${joined.body.token}`
  const minted = await visitor().post('/api/keys').set({ authorization }).send({ name: 'first' }).expect(201)
  const { body: models } = await visitor()
    .get('/v1/models')
    .set('authorization', `Bearer ${minted.body.key}`)
    .expect(200)
  const answer = await visitor()
    .post('/v1/chat/completions')
    .set('authorization', `Bearer ${minted.body.key}`)
    .send({ model: models.data[0].id, messages: [{ role: 'user', content: 'Hello' }] })
  expect([answer.status, answer.body.object]).toEqual([200, 'chat.completion'])
})

test('a person who signs up by mail is a buyer and nothing more', async () => {
  const email = 'grace@getting-in.test'
  await visitor().post('/api/sign-up').send({ email, name: 'Grace', password: PASSWORD }).expect(202)
  const token = (await linkFor(email)).searchParams.get('token')
  const { body } = await visitor().post('/api/verify').send({ token, password: PASSWORD }).expect(200)
  expect(body.user.roles).toEqual(['owner', 'buyer'])
  const refused = await visitor().get('/api/outbox').set('authorization', `Bearer ${body.token}`)
  expect(refused.status).toBe(403)
})

test('the pages that links lead to tell no other site where somebody came from', async () => {
  const page = await visitor().get('/console/join?token=something')
  // With or without a built console: the policy stands before its files.
  expect(page.headers['referrer-policy']).toBe('no-referrer')
  expect((await visitor().get('/api/public-settings')).body).toEqual({
    mode: 'play',
    signUp: 'open',
    mail: 'kept',
    version: expect.any(String),
  })
})

test('with a mail server the invitation goes there, and nobody else sees its link', async () => {
  const smtp = await startSmtpServer()
  const sending = await startTestGateway({
    env: {
      SMTP_URL: smtp.url,
      MAIL_FROM: 'Bourse <bourse@example.test>',
      GATEWAY_PUBLIC_URL: 'https://bourse.example.test',
    },
  })
  try {
    const email = 'ada@getting-in.test'
    const made = await sending
      .api('post', '/api/users')
      .send({ email, name: 'Ada', invite: true })
      .expect(201)
    expect(made.body.invitation).toEqual({ expiresAt: expect.any(String), mail: 'queued' })
    await expect.poll(() => smtp.mails.length, { timeout: 20_000 }).toBe(1)
    const text = smtp.mails[0]?.data.replace(/=\n/g, '').replace(/=3D/g, '=') ?? ''
    const token = /https:\/\/bourse\.example\.test\/console\/join\?token=([\w-]{43})/.exec(text)?.[1]
    const outbox = async () => (await sending.api('get', '/api/outbox')).body.data[0]
    await expect.poll(async () => (await outbox()).state, { timeout: 20_000 }).toBe('sent')
    expect((await outbox()).text).not.toContain('token=')
    await supertest(sending.origin).post('/api/join').send({ token, password: PASSWORD }).expect(200)
  } finally {
    await sending.close()
    await smtp.close()
  }
})
