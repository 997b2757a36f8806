/**
 * Who may do what, operation by operation, said once more than in the code: a route whose access changes by mistake no
 * longer agrees with its row. Rows are named by method and path.
 */
import type { PermissionRow } from './permission-row.ts'
import { marketRows } from './permission-rows-market.ts'
import { MODEL, type Owner, type PermissionScene, type Role, roles } from './permission-scene.ts'

export const EVERYBODY: readonly Role[] = roles
export const PEOPLE: readonly Role[] = ['buyer', 'seller', 'operator']
export const READERS: readonly Role[] = ['readKey', ...PEOPLE]
const KEYS: readonly Role[] = ['plainKey', 'readKey']
const OPERATORS: readonly Role[] = ['operator']
const MISSING = (prefix: string) => `${prefix}00000000000000000000000000`

const read = (may: readonly Role[], more: Partial<PermissionRow> = {}): PermissionRow => ({ may, ...more })

/** `/v1` knows API keys only: to it the token of a person is no key. */
const notKeys = { closed: 401, buyer: 401, seller: 401, operator: 401 } as const

const wire: Record<string, PermissionRow> = {
  'post /v1/chat/completions': {
    may: KEYS,
    body: { model: MODEL, messages: [{ role: 'user', content: 'hi' }] },
    refused: notKeys,
  },
  'get /v1/models': read(KEYS, { refused: notKeys }),
  'get /v1/models/{id}': {
    may: KEYS,
    refused: notKeys,
    object: async () => MODEL,
    foreign: { everybody: 200 },
  },
  'get /v1/generation': read(KEYS, { query: '?id=gen-none', done: ['not_found'], refused: notKeys }),
  'get /v1/credits': read(['readKey'], { refused: { ...notKeys, plainKey: 403 } }),
  'get /v1/key': read(KEYS, { refused: notKeys }),
}

const gettingIn: Record<string, PermissionRow> = {
  'get /api/public-settings': read(EVERYBODY),
  'post /api/login': {
    may: EVERYBODY,
    body: (_scene: PermissionScene, { email, password }: Owner) => ({ email, password }),
  },
  // It takes a cookie from our own page, whoever is in the header.
  'post /api/token': { may: EVERYBODY, done: ['forbidden'] },
  'post /api/logout': { may: PEOPLE, ownSession: true },
  'post /api/sign-up': {
    may: EVERYBODY,
    body: (scene: PermissionScene) => ({
      email: `new-${scene.counter()}@example.test`,
      name: 'New',
      password: 'a perfectly fine password',
    }),
    done: ['forbidden', 'rate_limit_exceeded'],
  },
  'post /api/links': {
    may: EVERYBODY,
    body: { kind: 'reset', token: 'none' },
    done: ['not_found', 'invalid_value'],
  },
  'post /api/verify': {
    may: EVERYBODY,
    body: { token: 'none', password: 'none' },
    done: ['not_found', 'invalid_value'],
  },
  'post /api/join': {
    may: EVERYBODY,
    body: { token: 'none', password: 'a perfectly fine password' },
    done: ['not_found', 'invalid_value'],
  },
  'post /api/password-reset': {
    may: EVERYBODY,
    body: { email: 'nobody@example.test' },
    done: ['rate_limit_exceeded'],
  },
  'post /api/password-reset/confirm': {
    may: EVERYBODY,
    body: { token: 'none', password: 'a perfectly fine password' },
    done: ['not_found', 'invalid_value'],
  },
}

/** Let in, and stopped by a password that is wrong: what it would do needs no second look here. */
const wrongPassword = { done: ['invalid_credentials', 'rate_limit_exceeded', 'conflict'] }

const account: Record<string, PermissionRow> = {
  'get /api/me': read(PEOPLE),
  'patch /api/me': { may: PEOPLE, body: { name: 'Somebody' } },
  'post /api/me/password': {
    may: PEOPLE,
    body: { currentPassword: 'wrong', newPassword: 'another perfectly fine one' },
    ...wrongPassword,
  },
  'get /api/me/two-factor': read(PEOPLE),
  'post /api/me/two-factor': { may: PEOPLE, body: { password: 'wrong' }, ...wrongPassword },
  'post /api/me/two-factor/confirm': {
    may: PEOPLE,
    body: { code: '000000' },
    done: ['conflict', 'invalid_credentials', 'invalid_value', 'not_found'],
  },
  'post /api/me/two-factor/backup-codes': { may: PEOPLE, body: { password: 'wrong' }, ...wrongPassword },
  'post /api/me/two-factor/disable': { may: PEOPLE, body: { password: 'wrong' }, ...wrongPassword },
  'get /api/sessions': read(PEOPLE),
  'delete /api/sessions': { may: PEOPLE },
  'delete /api/sessions/{id}': {
    may: PEOPLE,
    object: newSession,
    missing: MISSING('ses-'),
    foreign: { operator: 404 },
  },
}

async function newSession(scene: PermissionScene, owner: Owner): Promise<string> {
  const token = await scene.signIn(owner)
  const { body } = await scene.ask('GET', '/api/sessions', { token })
  const sessions: { id: string; current: boolean }[] = Array.isArray(body) ? body : body.data
  return String(sessions.find(({ current }) => current)?.id)
}

async function newKey(scene: PermissionScene, { token }: Owner): Promise<string> {
  const { body } = await scene.ask('POST', '/api/keys', { token, body: { name: 'one of many' } })
  return String(body.id)
}

const ownKey = { may: PEOPLE, object: newKey, missing: MISSING('key-') }

const keys: Record<string, PermissionRow> = {
  'post /api/keys': { may: PEOPLE, body: { name: 'one of many' }, organisation: 403 },
  'get /api/keys': read(PEOPLE, { organisation: 403 }),
  'get /api/keys/{id}': ownKey,
  'patch /api/keys/{id}': { ...ownKey, body: { name: 'renamed' } },
  'post /api/keys/{id}/rotate': { ...ownKey, body: {} },
  'delete /api/keys/{id}': ownKey,
}

/** A payout that is over, so that nothing can be done with it; 409 says that it was found. */
async function oldPayout(scene: PermissionScene, { organisationId, userId }: Owner): Promise<string> {
  const { id, uuid } = scene.freshId('pay-')
  await scene.sql(
    `INSERT INTO payout (id, "organisationId", "amountNanos", state, "requestedAt", "requestedByUserId", "concludedAt")
     VALUES ($1, $2, 10000000000, 'cancelled', now(), $3, now())`,
    [uuid, scene.uuidOf('org-', organisationId), scene.uuidOf('usr-', userId)],
  )
  return id
}

const ownPayout = { object: oldPayout, missing: MISSING('pay-'), done: ['conflict'] }

const money: Record<string, PermissionRow> = {
  'get /api/balance': read(READERS, { organisation: 403 }),
  'get /api/statements': read(READERS, { organisation: 403 }),
  'get /api/earnings': read(PEOPLE, { organisation: 403 }),
  'get /api/payouts': read(PEOPLE, { organisation: 403 }),
  'get /api/payouts/{id}': { may: PEOPLE, ...ownPayout },
  'post /api/payouts': {
    may: ['seller'],
    body: {},
    done: ['conflict', 'insufficient_quota', 'invalid_value'],
  },
  'post /api/payouts/{id}/cancel': { may: PEOPLE, ...ownPayout },
  'post /api/payouts/{id}/approve': { may: OPERATORS, ...ownPayout },
  'post /api/payouts/{id}/refuse': { may: OPERATORS, body: { note: 'no' }, ...ownPayout },
  'post /api/payouts/{id}/book': { may: OPERATORS, body: { bankReference: 'REF 1' }, ...ownPayout },
  'post /api/payouts/{id}/fail': { may: OPERATORS, body: { note: 'no' }, ...ownPayout },
  'post /api/topups': { may: ['buyer'], body: { amountNanos: '1000000000' } },
  'get /api/transactions': read(PEOPLE, { organisation: 403 }),
}

/** A request of the key that asks; sellers and operators have asked nothing here. */
async function ownRequest(
  scene: PermissionScene,
  _owner: Owner,
  role: Role | 'stranger',
): Promise<string | undefined> {
  if (role === 'stranger') return scene.served(scene.strangerKey)
  if (role === 'seller' || role === 'operator') return undefined
  return scene.served(String(scene.tokens[role === 'plainKey' ? 'plainKey' : 'readKey']))
}

const ownAlert = {
  may: PEOPLE,
  missing: MISSING('alr-'),
  async object(scene: PermissionScene, { token }: Owner) {
    const body = { kind: 'spend', period: 'month', amountNanos: String(1_000_000_000 + scene.counter()) }
    const answer = await scene.ask('POST', '/api/spending-alerts', { token, body })
    if (answer.status !== 201) throw new Error(JSON.stringify(answer))
    return String(answer.body.id)
  },
  // An alert is between the gateway and the organisation it writes to.
  foreign: { operator: 404 },
}

const asked: Record<string, PermissionRow> = {
  'get /api/requests': read(READERS, { organisation: 403 }),
  'get /api/requests/stream': read(READERS, { organisation: 403 }),
  'get /api/requests/{id}': { may: READERS, object: ownRequest, missing: MISSING('gen-') },
  'get /api/usage': read(READERS, { query: '?groupBy=day', organisation: 403 }),
  'get /api/spending-alerts': read(PEOPLE),
  'post /api/spending-alerts': {
    may: PEOPLE,
    body: (scene: PermissionScene) => ({
      kind: 'spend',
      period: 'day',
      amountNanos: String(2_000_000_000 + scene.counter()),
    }),
  },
  'patch /api/spending-alerts/{id}': { ...ownAlert, body: { amountNanos: '3000000000' } },
  'delete /api/spending-alerts/{id}': ownAlert,
  'get /api/requests/{id}/route': { may: READERS, object: ownRequest, missing: MISSING('gen-') },
  'get /api/receipts/{id}': {
    may: ['plainKey', ...READERS],
    object: ownRequest,
    missing: MISSING('gen-'),
    // Who paid has it, and nobody else.
    foreign: { operator: 404 },
  },
}

/** A user who was just made. */
async function newUser(scene: PermissionScene): Promise<string> {
  const { body } = await scene.ask('POST', '/api/users', {
    token: scene.tokens.operator,
    body: { email: `made-${scene.counter()}@example.test`, name: 'Made', invite: true },
  })
  return String(body.id)
}

const oneUser = { may: OPERATORS, object: newUser, missing: MISSING('usr-'), done: ['conflict'] }

/** The first of what a list has. */
const firstOf = (path: string) => async (scene: PermissionScene) => {
  const { body } = await scene.ask('GET', path, { token: scene.tokens.operator })
  const [first] = body.data
  return first?.id ?? first?.key
}

/** The mail of an invitation. */
async function newMail(scene: PermissionScene): Promise<string> {
  await newUser(scene)
  return firstOf('/api/outbox')(scene)
}

/** A journal that one of the first accounts has an entry of. */
async function someJournal(scene: PermissionScene): Promise<string> {
  const token = scene.tokens.operator
  const { body } = await scene.ask('GET', '/api/ledger/accounts', { token })
  for (const { id } of body.data) {
    const entries = await scene.ask('GET', `/api/ledger/accounts/${encodeURIComponent(id)}/entries`, {
      token,
    })
    const [entry] = entries.body.data
    if (entry) return String(entry.journalId)
  }
  throw new Error('nothing has been booked')
}

const operators: Record<string, PermissionRow> = {
  'get /api/users': read(OPERATORS),
  'post /api/users': {
    may: OPERATORS,
    body: (scene: PermissionScene) => ({
      email: `made-${scene.counter()}@example.test`,
      name: 'Made',
      invite: true,
    }),
  },
  'get /api/users/{id}': oneUser,
  'patch /api/users/{id}': { ...oneUser, body: { name: 'Renamed' } },
  'delete /api/users/{id}': oneUser,
  'post /api/users/{id}/invitation': { ...oneUser, done: ['conflict', 'rate_limit_exceeded'] },
  'delete /api/users/{id}/invitation': oneUser,
  'delete /api/users/{id}/two-factor': { ...oneUser, done: ['conflict', 'not_found'] },
  'post /api/users/{id}/credits': { ...oneUser, body: { amountNanos: '1000000000', reason: 'a story' } },
  'get /api/openapi.json': read(EVERYBODY),
  'get /api/admin/overview': read(OPERATORS),
  'get /api/admin/system': read(OPERATORS),
  'post /api/admin/metrics-ticket': { may: OPERATORS },
  'get /api/admin/metrics': read(OPERATORS),
  'get /api/admin/credentials': read(OPERATORS),
  'post /api/admin/credentials/rotate': { may: OPERATORS },
  'get /api/outbox': read(OPERATORS),
  'get /api/outbox/{id}': { may: OPERATORS, object: newMail, missing: MISSING('mal-') },
  'post /api/outbox/{id}/attempts': { may: OPERATORS, object: newMail, done: ['conflict', 'not_found'] },
  'get /api/ledger/accounts': read(OPERATORS),
  'get /api/ledger/accounts/{id}': { may: OPERATORS, object: firstOf('/api/ledger/accounts') },
  'get /api/ledger/accounts/{id}/entries': { may: OPERATORS, object: firstOf('/api/ledger/accounts') },
  'get /api/ledger/journals/{id}': { may: OPERATORS, object: someJournal },
  'get /api/ledger/status': read(OPERATORS),
  'get /api/audit': read(OPERATORS),
}

export const permissionRows: Readonly<Record<string, PermissionRow>> = {
  ...wire,
  ...gettingIn,
  ...account,
  ...keys,
  ...money,
  ...asked,
  ...marketRows,
  ...operators,
}
