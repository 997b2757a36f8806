import request from 'supertest'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { createPeopleApp, OPERATOR, PASSWORD, type PeopleApp } from './people-app.ts'

/** Someone else's password, or one's own next one. */
export const NEW_PASSWORD = 'another perfectly fine password'

/** People, their mails and an operator. Each story has its own throttles and its own time, on the same database. */
export function useGettingInScene() {
  let testDatabase: TestDatabase
  let people: PeopleApp
  let operator: { authorization: string }
  let serial = 0

  beforeAll(async () => {
    testDatabase = await createTestDatabase()
  })
  beforeEach(async () => {
    await people?.close()
    people = await createPeopleApp(testDatabase, {
      signUpOpen: true,
      publicUrl: 'https://bourse.example.test',
    })
    operator = await signedIn(OPERATOR.email, OPERATOR.password)
  })
  afterAll(async () => {
    await people?.close()
    await testDatabase?.drop()
  })

  const newAddress = () => {
    serial += 1
    return `person${serial}@getting-in.test`
  }
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    request(people.app).post(path).set(headers).send(body)

  async function signedIn(email: string, password = PASSWORD) {
    const { body } = await post('/api/login', { email, password })
    return { authorization: `Bearer ${body.token}` }
  }

  /** The mails to an address as the operator's outbox shows them, the newest first. */
  async function mailsTo(email: string) {
    await people.users.gettingIn.idle()
    const { body } = await request(people.app)
      .get(`/api/outbox?to=${encodeURIComponent(email)}`)
      .set(operator)
    return body.data as { id: string; kind: string; subject: string; text: string; state: string }[]
  }

  return {
    people: () => people,
    testDatabase: () => testDatabase,
    operator: () => operator,
    newAddress,
    post,
    signedIn,
    mailsTo,
    /** A day is longer than the operator's session. */
    async operatorAgain() {
      operator = await signedIn(OPERATOR.email, OPERATOR.password)
    },
    async newUser(email = newAddress()) {
      const { body } = await post('/api/users', { email, name: 'Somebody', password: PASSWORD }, operator)
      return { email, id: body.id as string }
    },
    async invite(email = newAddress()) {
      const answer = await post('/api/users', { email, name: 'Ada', invite: true }, operator)
      expect(answer.status).toBe(201)
      const token = tokenIn((await mailsTo(email))[0]?.text)
      return { email, id: answer.body.id as string, answer, token }
    },
    async credit(id: string) {
      const headers = { ...operator, 'idempotency-key': id }
      await post(`/api/users/${id}/credits`, { amountNanos: '5', reason: 'welcome' }, headers)
    },
  }
}

export function tokenIn(text: string | undefined): string {
  return /\?token=([\w-]{43})\s/.exec(text ?? '')?.[1] ?? 'no link'
}
