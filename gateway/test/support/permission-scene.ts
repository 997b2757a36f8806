/** Two organisations that know nothing of each other, an operator, and everything they can own. */
import { setTimeout as delay } from 'node:timers/promises'
import { formatId, parseId, uuidv7 } from '../../src/platform/ids.ts'
import type { TestGateway } from './gateway.ts'
import { completion, type ScriptedUpstream, startScriptedUpstream } from './scripted-upstream.ts'

export const roles = ['anonymous', 'closed', 'plainKey', 'readKey', 'buyer', 'seller', 'operator'] as const
export type Role = (typeof roles)[number]

// A request is in the log a second after its end.
const LOGGED_MS = 5_000
const PASSWORD = 'a perfectly fine password'
export const MODEL = 'openai/gpt-4.1-nano'

export interface Owner {
  userId: string
  organisationId: string
  email: string
  password: string
  token: string
}

export interface Answer {
  status: number
  code: string | undefined
  message: string
  // biome-ignore lint/suspicious/noExplicitAny: each operation has its own
  body: any
}

export interface PermissionScene {
  gateway: TestGateway
  /** What stands in the Authorization header of each. */
  tokens: Readonly<Record<Role, string | undefined>>
  /** Whose things are a role's own. */
  owners: Readonly<Record<'buyer' | 'seller' | 'operator' | 'stranger', Owner>>
  ownerOf(role: Role): Owner
  ask(
    method: string,
    path: string,
    options?: { token?: string | undefined; body?: unknown; origin?: string },
  ): Promise<Answer>
  signIn(owner: Owner): Promise<string>
  /** A request that was answered and billed; its id. */
  served(key: string): Promise<string>
  strangerKey: string
  sql(text: string, values: unknown[]): Promise<void>
  counter(): number
  freshId: typeof freshId
  uuidOf: typeof uuidOf
  close(): Promise<void>
}

export async function raisePermissionScene(gateway: TestGateway): Promise<PermissionScene> {
  const upstream: ScriptedUpstream = await startScriptedUpstream()
  let count = 0
  const counter = () => {
    count += 1
    return count
  }

  const ask: PermissionScene['ask'] = async (method, path, { token, body, origin = gateway.origin } = {}) => {
    const response = await fetch(origin + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        'idempotency-key': `permission-${counter()}`,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: 'manual',
    })
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
    const text = isStream ? '' : await response.text()
    if (isStream) await response.body?.cancel()
    const json = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined
    return {
      status: response.status,
      code: json?.error?.code,
      message: json?.error?.message ?? '',
      body: json,
    }
  }

  const signIn = async ({ email, password }: Pick<Owner, 'email' | 'password'>) => {
    const { body, status } = await ask('POST', '/api/login', { body: { email, password } })
    if (status !== 200) throw new Error(`nobody signs in as ${email}: ${JSON.stringify(body)}`)
    return String(body.token)
  }
  const operatorAsks = async (method: string, path: string, body?: unknown) => {
    const answer = await ask(method, path, { token: gateway.operator.token, body })
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const person = async (name: string, given: readonly string[], isOperator = false): Promise<Owner> => {
    const email = `${name}@example.test`
    const draft = { email, name, password: PASSWORD, roles: given, operator: isOperator }
    const user = await operatorAsks('POST', '/api/users', draft)
    const token = await signIn({ email, password: PASSWORD })
    return { userId: user.id, organisationId: user.organisationId, email, password: PASSWORD, token }
  }
  const keyOf = async ({ organisationId }: Owner, scopes: readonly string[]) =>
    String(
      (await operatorAsks('POST', `/api/keys?organisation=${organisationId}`, { name: 'matrix', scopes }))
        .key,
    )

  const buyer = await person('matrix-buyer', ['buyer'])
  const seller = await person('matrix-seller', ['seller'])
  const stranger = await person('matrix-stranger', ['buyer', 'seller'])
  const closed = await person('matrix-closed', ['buyer'])
  // An operator and nothing else: the first one also buys and sells.
  const operator = await person('matrix-operator', [], true)
  for (const { userId } of [buyer, stranger, closed])
    await operatorAsks('POST', `/api/users/${userId}/credits`, {
      amountNanos: '5000000000',
      reason: 'a story',
    })
  await operatorAsks('DELETE', `/api/users/${closed.userId}`)
  await gateway.listing({
    baseUrl: upstream.serve('matrix', (wire) => wire.json(200, completion('all good'))),
    model: MODEL,
  })
  const owners = { buyer, seller, operator, stranger }
  return {
    gateway,
    owners,
    tokens: {
      anonymous: undefined,
      closed: closed.token,
      plainKey: await keyOf(buyer, ['inference']),
      readKey: await keyOf(buyer, ['inference', 'read']),
      buyer: buyer.token,
      seller: seller.token,
      operator: operator.token,
    },
    ownerOf: (role) => (role === 'seller' || role === 'operator' ? owners[role] : buyer),
    ask,
    signIn,
    async served(key) {
      const answer = await ask('POST', '/v1/chat/completions', {
        token: key,
        body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }] },
      })
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
      await gateway.settleAndAudit()
      await gateway.context.receipts.idle()
      await gateway.context.routes.idle()
      const id = String(answer.body.id)
      const seen = () => ask('GET', `/api/requests/${id}`, { token: gateway.operator.token })
      const untilMs = Date.now() + LOGGED_MS
      while ((await seen()).status !== 200 && Date.now() < untilMs) await delay(50)
      return id
    },
    strangerKey: await keyOf(stranger, ['inference', 'read']),
    async sql(text, values) {
      await gateway.database.database.pool.query(text, values)
    },
    counter,
    freshId,
    uuidOf,
    close: () => upstream.close(),
  }
}

/** An id as the outside knows it, and as the database does. */
function freshId(prefix: Parameters<typeof formatId>[0]): { id: string; uuid: string } {
  const uuid = uuidv7()
  return { id: formatId(prefix, uuid), uuid }
}

function uuidOf(prefix: Parameters<typeof parseId>[0], id: string): string {
  const uuid = parseId(prefix, id)
  if (uuid === undefined) throw new Error(`${id} is no ${prefix}`)
  return uuid
}
