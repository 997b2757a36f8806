import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { createTestClock } from '../../test/support/people-app.ts'
import { startSmtpServer } from '../../test/support/smtp-server.ts'
import { createMailSender, type MailSender } from '../egress/send-mail.ts'
import { createJobBoard } from '../platform/job-board.ts'
import { createLogger } from '../platform/logger.ts'
import { createMail, LINK, type Mail } from './mail.ts'

let testDatabase: TestDatabase
beforeAll(async () => {
  testDatabase = await createTestDatabase()
})
afterAll(() => testDatabase?.drop())

const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  await testDatabase.database.prisma.mail.deleteMany()
})

const startSmtp = async (refuse?: (line: string) => string | undefined) => {
  const smtp = await startSmtpServer(refuse)
  closers.push(smtp.close)
  return smtp
}

function open(options: { sender?: MailSender; playMode?: boolean } = {}) {
  const clock = createTestClock()
  const mail = createMail({
    database: testDatabase.database,
    clock,
    logger: createLogger({ level: 'silent' }),
    jobs: createJobBoard(clock),
    sender: options.sender,
    playMode: options.playMode ?? false,
  })
  closers.push(() => mail.close())
  return { mail, clock }
}

const senderFor = (url: string) => createMailSender({ url, from: 'Bourse <bourse@example.test>' })
const draft = { to: 'ada@example.test', subject: 'Hello', text: 'A text.\n', kind: 'notice' }
const untilState = (mail: Mail, state: string) =>
  expect.poll(async () => (await mail.list({ limit: 1 }))[0]?.state, { timeout: 10_000 }).toBe(state)

test('a mail goes to the server as plain text, from us, and the outbox says so', async () => {
  const smtp = await startSmtp()
  const { mail, clock } = open({ sender: senderFor(smtp.url) })
  const expiresAt = new Date(clock.nowMs() + 60_000)
  const link = { url: 'https://bourse.example.test/console/join?token=abc', expiresAt }
  await mail.send({ ...draft, text: `Here:\n\n${LINK}\n`, link })
  await untilState(mail, 'sent')
  expect(smtp.mails).toHaveLength(1)
  const [received] = smtp.mails
  expect(received?.from).toContain('<bourse@example.test>')
  expect(received?.to).toEqual([expect.stringContaining('<ada@example.test>')])
  expect(received?.data).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m)
  expect(received?.data).not.toMatch(/text\/html/)
  expect(received?.data.replace(/=\n/g, '').replace(/=3D/g, '=')).toContain(link.url)
  // What is left in the database is no way in.
  const { rows } = await testDatabase.database.pool.query('SELECT to_jsonb(mail)::text AS row FROM mail')
  expect(rows[0].row).not.toContain('token=abc')
})

test('no line break in a name, a subject or an address begins another header', async () => {
  const smtp = await startSmtp()
  const { mail } = open({ sender: senderFor(smtp.url) })
  const subject = 'Hello\r\nBcc: victim@example.test\r\n\r\nAnother body'
  await mail.send({ ...draft, subject, text: 'Dear x\r\nBcc: victim@example.test\n.\nRCPT TO:<x@y.test>\n' })
  await untilState(mail, 'sent')
  const [received] = smtp.mails
  expect(received?.to).toHaveLength(1)
  const headers = received?.data.split('\n\n')[0] ?? ''
  expect(headers).not.toMatch(/^bcc:/im)
  expect(headers).toMatch(/^Subject: Hello Bcc: victim@example.test Another body$/m)
  // A text with a lone point ends neither the mail nor the talk with the server.
  expect(smtp.mails).toHaveLength(1)
  expect(received?.data).toContain('RCPT TO:<x@y.test>')

  await mail.send({ ...draft, to: 'a@b.test\r\nBcc: victim@example.test' })
  await untilState(mail, 'failed')
  await mail.send({ ...draft, to: 'a@b.test, victim@example.test' })
  await expect
    .poll(async () => (await mail.list({ limit: 1 }))[0]?.state, { timeout: 10_000 })
    .not.toBe('queued')
  expect(smtp.mails.flatMap(({ to }) => to).filter((to) => /^<victim@example\.test>/.test(to))).toEqual([])
})

test('a mail that was rolled back with its cause is never sent', async () => {
  const smtp = await startSmtp()
  const { mail } = open({ sender: senderFor(smtp.url) })
  const failing = testDatabase.database.prisma.$transaction(async (transaction) => {
    await mail.send({ ...draft, subject: 'never' }, transaction)
    throw new Error('rolled back')
  })
  await expect(failing).rejects.toThrow('rolled back')
  await mail.send({ ...draft, subject: 'kept' })
  await untilState(mail, 'sent')
  expect(smtp.mails.map(({ data }) => /^Subject: (.*)$/m.exec(data)?.[1])).toEqual(['kept'])
})

test('a server that is away or busy is tried again later, once at a time, with the same message id', async () => {
  let busy = true
  const smtp = await startSmtp((line) => (line === 'END' && busy ? '451 come back later' : undefined))
  const { mail, clock } = open({ sender: senderFor(smtp.url) })
  await mail.send(draft)
  await expect
    .poll(async () => (await mail.list({ limit: 1 }))[0]?.lastError)
    .toContain('451 come back later')
  const [waiting] = await mail.list({ limit: 1 })
  expect(waiting).toMatchObject({ state: 'queued', attempts: 1 })
  expect((waiting?.nextAttemptAt.getTime() ?? 0) - clock.nowMs()).toBeGreaterThan(50_000)
  busy = false
  await mail.hurry(waiting?.id ?? '')
  await untilState(mail, 'sent')
  expect(smtp.mails[0]?.data).toContain(`Message-ID: <${waiting?.id}@example.test>`)
  await expect(mail.hurry(waiting?.id ?? '')).rejects.toMatchObject({ code: 'not_found' })

  const gone = open({ sender: senderFor('smtp://127.0.0.1:1') })
  await gone.mail.send({ ...draft, subject: 'to nobody' })
  await expect
    .poll(async () => (await gone.mail.list({ limit: 1 }))[0]?.attempts, { timeout: 10_000 })
    .toBe(1)
  await expect.poll(async () => (await gone.mail.list({ limit: 1 }))[0]?.lastError).toBeTruthy()
})

test('what the server refuses for good is not tried again', async () => {
  const smtp = await startSmtp((line) => (/^RCPT/i.test(line) ? '550 no such person' : undefined))
  const { mail } = open({ sender: senderFor(smtp.url) })
  await mail.send(draft)
  await untilState(mail, 'failed')
  expect((await mail.list({ limit: 1 }))[0]?.lastError).toContain('550 no such person')
})

test('a mail whose link is over is not sent, and two gateways send a mail once', async () => {
  const smtp = await startSmtp()
  const waiting = open()
  const over = { url: 'https://x.test/?token=old', expiresAt: new Date(waiting.clock.nowMs() - 1) }
  await waiting.mail.send({ ...draft, subject: 'over', text: LINK, link: over })
  for (let serial = 0; serial < 15; serial += 1)
    await waiting.mail.send({ ...draft, subject: `mail ${serial}` })
  open({ sender: senderFor(smtp.url) })
  open({ sender: senderFor(smtp.url) })
  await expect.poll(() => smtp.mails.length, { timeout: 10_000 }).toBe(15)
  await expect
    .poll(async () => (await waiting.mail.list({ limit: 100, state: 'queued' })).length, { timeout: 10_000 })
    .toBe(0)
  const subjects = smtp.mails.map(({ data }) => /^Subject: (.*)$/m.exec(data)?.[1])
  expect(new Set(subjects).size).toBe(15)
  expect(subjects).not.toContain('over')
  expect(await waiting.mail.list({ limit: 9, state: 'failed' })).toMatchObject([{ subject: 'over' }])
})

test('in play without a server mails are kept to be read; in live they wait', async () => {
  const play = open({ playMode: true })
  await play.mail.send(draft)
  expect([play.mail.way, (await play.mail.list({ limit: 1 }))[0]?.state]).toEqual(['kept', 'kept'])
  const live = open()
  await live.mail.send(draft)
  expect([live.mail.way, (await live.mail.list({ limit: 1 }))[0]?.state]).toEqual(['none', 'queued'])
})

test('mails older than a month are forgotten', async () => {
  const first = open({ playMode: true })
  await first.mail.send({ ...draft, subject: 'old' })
  first.clock.advance(31 * 86_400_000)
  await first.mail.send({ ...draft, subject: 'young' })
  const later = createTestClock()
  later.advance(31 * 86_400_000)
  const mail = createMail({
    database: testDatabase.database,
    clock: later,
    logger: createLogger({ level: 'silent' }),
    jobs: createJobBoard(later),
    playMode: true,
  })
  closers.push(() => mail.close())
  await expect
    .poll(async () => (await mail.list({ limit: 9 })).map(({ subject }) => subject))
    .toEqual(['young'])
})

test('while ten thousand mails wait, strangers cause no more', async () => {
  const { mail } = open()
  await mail.requireRoom()
  await testDatabase.database.pool.query(
    `INSERT INTO mail ("id", "kind", "recipient", "subject", "text", "state", "createdAt", "nextAttemptAt")
     SELECT gen_random_uuid(), 'notice', 'a@b.test', 's', 't', 'queued', now(), now() FROM generate_series(1, 10000)`,
  )
  await expect(mail.requireRoom()).rejects.toMatchObject({ code: 'overloaded' })
})
