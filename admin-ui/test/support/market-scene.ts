/** The market as its people make it: by the API, each signed in as themselves. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { MailShown } from '../../../gateway/src/mail/api.ts'
import { parseId } from '../../../gateway/src/platform/ids.ts'
import type { TestGateway } from '../../../gateway/test/support/gateway.ts'
import type { Person } from './real-stage.ts'

// What a stranger causes is written behind the answer, so that the time of the answer tells nothing.
const MAILED_MS = 10_000

/** The gateway's API as this person, signed in. */
export async function apiOf(gateway: TestGateway, { email, password }: Person) {
  const ask = async <Answer>(
    method: string,
    path: string,
    sent?: object,
    token?: string,
  ): Promise<Answer> => {
    const answer = await fetch(gateway.origin + path, {
      method: method.toUpperCase(),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        // Each call is its own, also where the gateway wants to be told.
        'idempotency-key': randomUUID(),
      },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return (text === '' ? undefined : JSON.parse(text)) as Answer
  }
  const { token } = await ask<{ token: string }>('post', '/api/login', { email, password })
  return <Answer = Record<string, string>>(
    method: 'get' | 'post' | 'put' | 'patch' | 'delete',
    path: string,
    sent?: object,
  ): Promise<Answer> => ask<Answer>(method, path, sent, token)
}

export type Api = Awaited<ReturnType<typeof apiOf>>

/** A seller's listing, verified and on the market. */
export async function listKey(
  gateway: TestGateway,
  api: Api,
  { name, key, models = ['openai/gpt-4o-mini'], ppm = 900_000, organisationId }: ListingWish,
): Promise<string> {
  const { id } = await api('post', '/api/marketplace/listings', {
    provider: 'openai',
    name,
    key,
    ...(organisationId === undefined ? {} : { organisationId }),
    models: models.map((model) => ({ model, price: { kind: 'multiplier', ppm } })),
    ground: 'own_organisation',
  })
  await gateway.context.marketplace.verified([parseId('lst-', String(id)) as string], 30_000)
  return String(id)
}

interface ListingWish {
  name: string
  key: string
  models?: string[]
  ppm?: number
  /** For an operator, who would list for the platform. */
  organisationId?: string
}

/** Asks a model as a buyer's client does; answers the request's id, however it ended. */
export async function chat(
  origin: string,
  key: string,
  {
    model = 'openai/gpt-4o-mini',
    content = 'Hello',
    maxTokens = 60,
    stream = false,
    agent = 'a client',
  } = {},
): Promise<string> {
  const answer = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'user-agent': agent },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content }],
      max_tokens: maxTokens,
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    }),
  })
  await answer.text()
  return answer.headers.get('x-request-id') ?? ''
}

/** The link in the latest mail to this address; the stories' gateway sends none, its operators read them. */
export async function linkMailedTo(gateway: TestGateway, email: string, subject: RegExp): Promise<string> {
  const giveUpMs = performance.now() + MAILED_MS
  while (true) {
    const { body } = await gateway.api('get', `/api/outbox?to=${encodeURIComponent(email)}`)
    const mail = (body.data as MailShown[]).find((one) => subject.test(one.subject))
    const link = /https?:\/\/\S+/.exec(mail?.text ?? '')?.[0]
    if (link !== undefined) return link
    if (performance.now() > giveUpMs)
      throw new Error(`no link was mailed to ${email}: ${JSON.stringify(body)}`)
    await delay(20)
  }
}

/** Whoever sells until now leaves the market to the story's own. */
export async function clearMarket(gateway: TestGateway): Promise<void> {
  const { body } = await gateway.api('get', '/api/marketplace/listings?state=active&scope=own')
  for (const { id } of body.data as { id: string }[])
    await gateway.api('put', `/api/marketplace/listings/${id}`).send({ state: 'paused' }).expect(200)
}
