import { randomBytes } from 'node:crypto'
import express, { type NextFunction, type Request, type Response } from 'express'
import supertest from 'supertest'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { createAnsweringEgress } from '../../test/support/answering-egress.ts'
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts'
import { requireAsDescribed } from '../../test/support/require-as-described.ts'
import { createAudit } from '../audit/audit.ts'
import { loadCatalog } from '../catalog/catalog.ts'
import type { Principal, Role } from '../http/principal.ts'
import { sendError } from '../http/send.ts'
import { systemClock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import { toGatewayError } from '../platform/errors.ts'
import { formatId, parseId, uuidv7 } from '../platform/ids.ts'
import { createLocalKms } from '../platform/kms.ts'
import { createLogger } from '../platform/logger.ts'
import { createSealer } from '../platform/secrets.ts'
import { loadProviders } from '../providers/registry.ts'
import { environmentListingId } from './environment-listings.ts'
import { createMarketplace, type Marketplace } from './marketplace.ts'
import type { Offer } from './offer.ts'
import { createListingRoutes } from './routes.ts'

const provider = {
  id: 'openai',
  name: 'OpenAI',
  format: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  allowedHosts: ['eu.api.openai.com'],
  environmentKeys: ['OPENAI_API_KEY'],
  author: 'openai',
  chatPath: '/chat/completions',
  maxTokensField: 'max_completion_tokens',
  streamOptions: true,
}
const providers = loadProviders({
  providers: [
    provider,
    {
      ...provider,
      id: 'groq',
      name: 'Groq',
      baseUrl: 'https://api.groq.com/v1',
      environmentKeys: ['GROQ_API_KEY'],
      author: 'nobody',
    },
  ],
})
const price = { input: '0.15', output: '0.6' }
const catalog = loadCatalog({
  nowMs: 0,
  overrides: {
    authors: [],
    rules: [],
    models: [
      { id: 'openai/gpt-4o-mini', aliases: ['gpt-mini'], price },
      { id: 'openai/gpt-4o', price },
      { id: 'openai/unpriced' },
    ],
  },
})
const sealer = createSealer(createLocalKms({ current: randomBytes(32) }))
const door = createAnsweringEgress()
const keyPepper = randomBytes(32)
let markets = 0
let keys = 0
const logger = createLogger({ level: 'silent' })
const KEY = 'sk-test-upstream-key-1234'
const multiplier = { kind: 'multiplier', ppm: 900_000 }
const draft = {
  provider: 'openai',
  name: 'East',
  key: KEY,
  models: [{ model: 'gpt-mini', price: multiplier }],
  capacity: { requestsPerMinute: 60, concurrency: 4 },
  ground: 'own_organisation',
}

let testDatabase: TestDatabase
let marketplace: Marketplace
let platformId: string
let sellerId: string
let otherId: string
const opened: Marketplace[] = []

async function openMarket(
  change: Partial<Config> = {},
  options: { listens?: boolean } = {},
): Promise<Marketplace> {
  const { database, url } = testDatabase
  markets += 1
  const opening = await createMarketplace({
    database,
    ...(options.listens === false ? {} : { databaseUrl: url }),
    catalog,
    providers,
    sealer,
    egress: door,
    secrets: { keyPepper },
    node: { nodeId: `node-${markets}` },
    config: {
      mode: 'play',
      feeBps: 500n,
      allowPrivateUpstreams: false,
      allowCustomEndpoints: false,
      environmentListings: true,
      priceNoticeMs: 300_000,
      ...change,
    },
    audit: createAudit({ database, logger }),
    logger,
    clock: systemClock,
  })
  opened.push(opening)
  return opening
}

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  const { prisma } = testDatabase.database
  platformId = await organisation('platform')
  sellerId = await organisation('personal')
  otherId = await organisation('personal')
  marketplace = await openMarket()
  async function organisation(kind: string): Promise<string> {
    const existing = await prisma.organisation.findFirst({ where: { kind: 'platform' } })
    if (kind === 'platform' && existing) return existing.id
    return (await prisma.organisation.create({ data: { id: uuidv7(), name: kind, kind } })).id
  }
})

beforeEach(async () => {
  door.answer = () => undefined
  await testDatabase.database.prisma.listing.deleteMany()
  await marketplace.refresh()
})

afterAll(async () => {
  for (const one of opened) await one.close()
  await testDatabase.drop()
})

/** The routes as the gateway mounts them, for somebody with these roles. */
function as(who: 'operator' | 'seller' | 'other' | 'buyer' | 'key', market = marketplace) {
  const app = express()
  app.use(express.json())
  const authenticate = (_request: Request, response: Response, next: NextFunction) => {
    response.locals.principal = principalOf(who)
    next()
  }
  app.use(
    '/api',
    createListingRoutes({
      ...market,
      reputations: { show: () => null },
      catalog,
      door: { authenticate, onAnswer: requireAsDescribed },
    }),
  )
  app.use((thrown: unknown, _request: Request, response: Response, _next: NextFunction) => {
    sendError(response, toGatewayError(thrown), 'gen-test')
  })
  return supertest(app)
}

function principalOf(who: string): Principal {
  const organisationId = who === 'other' ? otherId : sellerId
  if (who === 'key') return { kind: 'key', keyId: uuidv7(), organisationId }
  const roles: Record<string, Role[]> = {
    operator: ['owner', 'operator'],
    seller: ['seller'],
    other: ['seller'],
    buyer: ['buyer'],
  }
  return { kind: 'user', userId: uuidv7(), sessionId: uuidv7(), organisationId, roles: roles[who] ?? [] }
}

const path = '/api/marketplace/listings'

/** A listing of the seller's, made by an operator, when it is on the market. */
async function listed(change: Record<string, unknown> = {}) {
  keys += 1
  const { body, status } = await as('operator')
    .post(path)
    .send({ ...draft, key: `${KEY}-${keys}`, organisationId: formatId('org-', sellerId), ...change })
  if (status !== 201) throw new Error(JSON.stringify(body))
  return whenSettled(body.id)
}

/** The listing when its verification has been tried. */
async function whenSettled(id: string, market = marketplace) {
  await market.verified([parseId('lst-', id) as string], 10_000)
  return (await as('operator', market).get(`${path}/${id}`)).body
}

/** What egress would send for an offer. */
async function openedKey(offer: Offer | undefined, aad = offer?.credentialAad ?? ''): Promise<string> {
  return (await sealer.open(offer?.sealedCredential as Uint8Array, aad)).reveal()
}

const offers = (model = 'openai/gpt-4o-mini', market = marketplace) => market.offersFor(model)

test('an operator lists a key, and its offer is on the market when the key was seen to work', async () => {
  const answer = await as('operator').post(path).send(draft)
  expect(answer.status).toBe(201)
  expect(answer.body).toMatchObject({ state: 'verifying', stateReason: 'listing_created' })
  expect(offers()).toEqual([])
  expect(await whenSettled(answer.body.id)).toMatchObject({
    organisationId: formatId('org-', platformId),
    provider: 'openai',
    baseUrl: 'https://api.openai.com/v1',
    keyHint: '1234',
    models: [
      {
        model: 'openai/gpt-4o-mini',
        upstreamModel: 'gpt-4o-mini',
        price: multiplier,
        usdPerMTok: { input: '0.135', output: '0.54' },
      },
    ],
    capacity: { requestsPerMinute: 60, tokensPerMinute: null, concurrency: 4 },
    state: 'active',
    stateReason: 'verified',
    verification: { step: null, outcome: 'passed', attempts: 1 },
  })
  const [offer] = offers()
  expect(offer).toMatchObject({
    requestsPerMinute: 60,
    concurrency: 4,
    model: 'openai/gpt-4o-mini',
    backing: 'key',
    playOnly: false,
  })
  expect(offer?.price).toMatchObject({ multiplierPpm: 900_000n, feeBps: 500n })
  expect(await openedKey(offer)).toBe(KEY)
  expect([...marketplace.modelsOnOffer()]).toEqual(['openai/gpt-4o-mini'])
})

test('the key is never shown, logged or audited, and is not in the table in the clear', async () => {
  const created = await listed()
  const replacement = 'sk-another-key-of-9876'
  const updated = await as('operator').put(`${path}/${created.id}`).send({ key: replacement })
  await whenSettled(created.id)
  const shown = await as('seller').get(`${path}/${created.id}`)
  const list = await as('operator').get(path)
  const { rows } = await testDatabase.database.pool.query(
    'SELECT encode("sealedCredential", \'escape\') AS sealed FROM listing',
  )
  const audited = await testDatabase.database.prisma.auditEvent.findMany({ where: { subject: created.id } })
  const seen = JSON.stringify([created, updated.body, shown.body, list.body, rows, audited])
  expect(seen).not.toContain(KEY)
  expect(seen).not.toContain(replacement)
  expect(updated.body.keyHint).toBe('9876')
  expect(audited.map(({ action, actorType }) => `${action} by ${actorType}`)).toEqual([
    'listing.created by user',
    'listing.active by system',
    'listing.updated by user',
    'listing.verifying by user',
    'listing.active by system',
  ])
})

test.each([
  [
    'an unknown model',
    { models: [{ model: 'gpt-5o', price: multiplier }] },
    "No model named 'gpt-5o'",
    'models[0].model',
  ],
  [
    'a multiplier of an unknown price',
    { models: [{ model: 'openai/unpriced', price: multiplier }] },
    'list price of this model is unknown',
    'models[0].price',
  ],
  [
    'a model twice',
    {
      models: [
        { model: 'gpt-mini', price: multiplier },
        { model: 'openai/gpt-4o-mini', price: multiplier },
      ],
    },
    'stands twice',
    'models[1].model',
  ],
  ['no models', { models: [] }, 'models', 'models'],
  ['an unknown provider', { provider: 'nobody' }, 'Known are openai, groq', 'provider'],
  ["another vendor's host", { baseUrl: 'https://evil.example/v1' }, 'must be on a host of OpenAI', 'baseUrl'],
  ['plain http', { baseUrl: 'http://eu.api.openai.com/v1' }, 'https', 'baseUrl'],
  ['a key that ends a header', { key: 'sk-1\r\nx-evil: 1' }, 'visible ASCII', 'key'],
  ['no ground', { ground: undefined }, 'ground', 'ground'],
  ['no capacity at all', { capacity: { concurrency: 0 } }, 'concurrency', 'capacity.concurrency'],
  ['a field we do not know', { organization: 'x' }, 'organization', 'organization'],
  [
    'an unknown organisation',
    { organisationId: formatId('org-', uuidv7()) },
    'no such organisation',
    'organisationId',
  ],
])('a listing with %s is refused by name', async (_what, change, message, param) => {
  const { status, body } = await as('operator')
    .post(path)
    .send({ ...draft, ...change })
  expect(status).toBe(400)
  expect(body.error.message).toContain(message)
  expect(body.error.param).toBe(param)
  expect(await testDatabase.database.prisma.listing.count()).toBe(0)
})

test('a demo listing is refused where money is real', async () => {
  const live = await openMarket({ mode: 'live' }, { listens: false })
  const answer = await as('operator', live)
    .post(path)
    .send({ ...draft, ground: 'demo' })
  expect(answer.body.error.param).toBe('ground')
  await listed({ ground: 'demo' })
  expect(offers()).toHaveLength(1)
  await live.refresh()
  expect(offers('openai/gpt-4o-mini', live)).toEqual([])
})

test('with private upstreams an operator may list a machine of his own', async () => {
  const open = await openMarket({ allowPrivateUpstreams: true }, { listens: false })
  const answer = await as('operator', open)
    .post(path)
    .send({ ...draft, baseUrl: 'http://127.0.0.1:9999/v1', ground: 'own_endpoint' })
  expect(answer.body.baseUrl).toBe('http://127.0.0.1:9999/v1')
})

test("a seller lists his own and nobody else's; a buyer lists nothing; a key cannot even see them", async () => {
  const other = await as('seller')
    .post(path)
    .send({ ...draft, organisationId: formatId('org-', otherId) })
  expect([other.status, other.body.error.param]).toEqual([403, 'organisationId'])
  const own = await as('seller').post(path).send(draft)
  expect(own.body).toMatchObject({ organisationId: formatId('org-', sellerId), state: 'verifying' })
  expect(await whenSettled(own.body.id)).toMatchObject({ state: 'active' })
  expect((await as('buyer').post(path).send(draft)).status).toBe(403)
  expect((await as('key').get(path)).status).toBe(403)
})

test('a seller cannot point a listing into the network of the operator, who may', async () => {
  const open = await openMarket({ allowPrivateUpstreams: true }, { listens: false })
  const own = { ...draft, baseUrl: 'http://127.0.0.1:9999/v1', ground: 'own_endpoint' }
  expect((await as('seller', open).post(path).send(own)).body.error.param).toBe('baseUrl')
})

test('people see their own listings whole; of others what is on offer, and no more of it than buyers need', async () => {
  const own = await listed()
  const paused = await listed({ name: 'Asleep' })
  await as('seller').put(`${path}/${paused.id}`).send({ state: 'paused' })
  expect((await as('seller').get(path)).body.data).toHaveLength(2)
  const [seen, ...more] = (await as('other').get(path)).body.data
  expect(more).toEqual([])
  expect(seen).toEqual({
    id: own.id,
    provider: 'openai',
    name: 'East',
    host: 'api.openai.com',
    models: [
      expect.objectContaining({
        model: 'openai/gpt-4o-mini',
        usdPerMTok: expect.objectContaining({ input: '0.135' }),
      }),
    ],
    ground: 'own_organisation',
    state: 'active',
    health: 'healthy',
    createdAt: own.createdAt,
  })
  expect((await as('buyer').get(`${path}/${own.id}`)).body.keyHint).toBe(own.keyHint)
  expect((await as('other').get(`${path}/${own.id}`)).body).toEqual(seen)
  expect((await as('other').get(`${path}?scope=own`)).body.data).toEqual([])
  for (const request of [
    as('other').get(`${path}/${paused.id}`),
    as('other').put(`${path}/${own.id}`).send({ name: 'x' }),
    as('other').delete(`${path}/${own.id}`),
  ]) {
    expect((await request).status).toBe(404)
  }
  for (const id of ['nonsense', formatId('lst-', uuidv7()), '%00'])
    expect((await as('operator').get(`${path}/${id}`)).status).toBe(404)
})

test('a seller reprices, resizes, pauses and resumes his own, and what is new of it is verified first', async () => {
  const { id } = await listed()
  const half = { kind: 'multiplier', ppm: 500_000 }
  const changed = await as('seller')
    .put(`${path}/${id}`)
    .send({
      models: [{ model: 'openai/gpt-4o', price: half }],
      capacity: { concurrency: null },
      name: 'West',
    })
  expect(changed.body).toMatchObject({ name: 'West', capacity: { requestsPerMinute: 60, concurrency: null } })
  expect(offers()).toEqual([])
  expect(changed.body).toMatchObject({ state: 'verifying', stateReason: 'models_changed' })
  await whenSettled(id)
  expect(offers('openai/gpt-4o')[0]?.price.multiplierPpm).toBe(500_000n)
  await as('seller').put(`${path}/${id}`).send({ state: 'paused' })
  expect(offers('openai/gpt-4o')).toEqual([])
  expect((await as('seller').put(`${path}/${id}`).send({ state: 'active' })).body.stateReason).toBe(
    'resumed_by_seller',
  )
  expect(offers('openai/gpt-4o')).toHaveLength(1)
  const key = await as('seller').put(`${path}/${id}`).send({ key: 'sk-new-key-of-mine' })
  expect(key.body).toMatchObject({ state: 'verifying', stateReason: 'key_changed' })
  await whenSettled(id)
  expect((await as('buyer').put(`${path}/${id}`).send({ name: 'x' })).status).toBe(403)
  expect((await as('seller').put(`${path}/${id}`).send({})).status).toBe(400)
})

test('what an operator paused, a seller cannot resume', async () => {
  const { id } = await listed()
  await as('operator').put(`${path}/${id}`).send({ state: 'paused' })
  expect((await as('seller').put(`${path}/${id}`).send({ state: 'active' })).status).toBe(409)
})

test('a listing that moves to another host needs its key again: the old one does not open there', async () => {
  const { id } = await listed()
  const moved = { baseUrl: 'https://eu.api.openai.com/v1' }
  const refused = await as('operator').put(`${path}/${id}`).send(moved)
  expect(refused.status).toBe(400)
  expect(refused.body.error.param).toBe('key')
  const samePlace = await as('operator').put(`${path}/${id}`).send({ baseUrl: 'https://api.openai.com/v2' })
  expect(samePlace.status).toBe(200)
  await whenSettled(id)
  const before = offers()[0]
  await as('operator')
    .put(`${path}/${id}`)
    .send({ ...moved, key: 'sk-new-key-for-eu' })
  expect(offers()).toEqual([])
  await whenSettled(id)
  const after = offers()[0]
  expect(after?.baseUrl).toBe(moved.baseUrl)
  expect(await openedKey(after)).toBe('sk-new-key-for-eu')
  await expect(openedKey(before, after?.credentialAad)).rejects.toThrow()
})

test('a deleted listing leaves the market, the lists and its key behind', async () => {
  const { id } = await listed()
  expect((await as('seller').delete(`${path}/${id}`)).status).toBe(204)
  expect(offers()).toEqual([])
  expect((await as('operator').get(`${path}/${id}`)).status).toBe(404)
  expect((await as('seller').delete(`${path}/${id}`)).status).toBe(404)
  const row = await testDatabase.database.prisma.listing.findFirstOrThrow()
  expect(row.sealedCredential).toHaveLength(0)
  expect(row.credentialHint).toBe('')
})

test('lists are paged without gaps and filtered by provider, model, state and name', async () => {
  const ids: string[] = []
  for (let count = 0; count < 5; count += 1) ids.push((await listed({ name: `East ${count}` })).id)
  await as('operator').put(`${path}/${ids[0]}`).send({ state: 'paused' })
  const seen: string[] = []
  let cursor = ''
  do {
    const { body } = await as('operator').get(`${path}?limit=2${cursor}`)
    seen.push(...body.data.map(({ id }: { id: string }) => id))
    cursor = body.nextCursor ? `&cursor=${body.nextCursor}` : ''
  } while (cursor)
  expect(seen).toEqual(ids.reverse())
  const count = async (query: string) => (await as('operator').get(`${path}?${query}`)).body.data?.length
  expect(await count('state=paused')).toBe(1)
  expect(await count('provider=openai')).toBe(5)
  expect(await count('provider=groq')).toBe(0)
  expect(await count('model=gpt-mini')).toBe(5)
  expect(await count('model=gpt-unknown')).toBe(0)
  expect(await count('search=EAST%203')).toBe(1)
  expect(await count('search=%25%25%25')).toBe(0)
  expect(await count('search=st__')).toBe(0)
  expect(await count(`organisation=${formatId('org-', otherId)}`)).toBe(0)
  for (const query of [
    'limit=0',
    'limit=1000',
    'state=asleep',
    'cursor=x',
    'organisation=x',
    'search=%00',
    'search=ea',
    'health=well',
    'maxInputUsdPerMTok=cheap',
    'nonsense=1',
  ]) {
    expect((await as('operator').get(`${path}?${query}`)).status).toBe(400)
  }
})

test('a listing whose key was refused leaves the market at once, and comes back with a new key', async () => {
  const { id } = await listed()
  const revision = offers()[0]?.revision ?? 0
  const pausing = marketplace.setState(parseId('lst-', id) as string, 'disabled', 'key_rejected')
  expect(offers()).toEqual([])
  await pausing
  await marketplace.refresh()
  expect(offers()).toEqual([])
  expect((await as('seller').get(`${path}/${id}`)).body).toMatchObject({
    state: 'disabled',
    stateReason: 'key_rejected',
  })
  await as('seller').put(`${path}/${id}`).send({ key: 'sk-a-fresh-key-0001' })
  expect(offers()).toEqual([])
  expect(await whenSettled(id)).toMatchObject({ state: 'active', stateReason: 'verified' })
  expect(offers()).toHaveLength(1)
  expect(offers()[0]?.revision).toBeGreaterThan(revision)
})

test('another gateway on the same database hears of a change at once, and by its poll when it cannot listen', async () => {
  const listening = await openMarket()
  const polling = await openMarket({}, { listens: false })
  await listed()
  await vi.waitFor(() => expect(offers('openai/gpt-4o-mini', listening)).toHaveLength(1), 1_500)
  await vi.waitFor(() => expect(offers('openai/gpt-4o-mini', polling)).toHaveLength(1), 6_000)
})

test('a closed seller is off the market', async () => {
  await listed()
  const { prisma } = testDatabase.database
  await prisma.organisation.update({ where: { id: sellerId }, data: { closedAt: new Date() } })
  await vi.waitFor(() => expect(offers()).toEqual([]), 6_000)
  const refused = await as('operator')
    .post(path)
    .send({ ...draft, organisationId: formatId('org-', sellerId) })
  expect(refused.body.error.message).toContain('closed')
  await prisma.organisation.update({ where: { id: sellerId }, data: { closedAt: null } })
})

test('offers outlive a database that does not answer, and a pause is written when it is back', async () => {
  const { id } = await listed()
  const other = await listed({ name: 'North' })
  const { database } = testDatabase
  const broken = vi
    .spyOn(database.pool, 'query')
    .mockRejectedValue(new Error('the database is gone') as never)
  const failing = vi
    .spyOn(database.prisma, '$transaction')
    .mockRejectedValue(new Error('the database is gone') as never)
  await expect(marketplace.refresh()).rejects.toThrow('gone')
  await expect(
    marketplace.setState(parseId('lst-', id) as string, 'disabled', 'key_rejected'),
  ).rejects.toThrow('gone')
  expect(offers().map((offer) => formatId('lst-', offer.listingId))).toEqual([other.id])
  broken.mockRestore()
  failing.mockRestore()
  await marketplace.refresh()
  expect(offers()).toHaveLength(1)
  await vi.waitFor(
    async () => expect((await as('seller').get(`${path}/${id}`)).body.state).toBe('disabled'),
    6_000,
  )
})

const environmentId = formatId('lst-', environmentListingId('openai'))

test('a vendor key in the environment is a listing of all its models at list price, the same at every start', async () => {
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY, GROQ_API_KEY: KEY })
  expect(await whenSettled(environmentId)).toMatchObject({ state: 'active' })
  expect([...marketplace.modelsOnOffer()].sort()).toEqual(['openai/gpt-4o', 'openai/gpt-4o-mini'])
  const [offer] = offers('openai/gpt-4o')
  expect(offer).toMatchObject({
    listingId: environmentListingId('openai'),
    sellerOrganisationId: platformId,
    upstreamModel: 'gpt-4o',
  })
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: 'sk-rotated-key-7777' })
  expect(offers('openai/gpt-4o')).toEqual([])
  await whenSettled(environmentId)
  expect(await openedKey(offers('openai/gpt-4o')[0])).toBe('sk-rotated-key-7777')
  expect(await testDatabase.database.prisma.listing.count()).toBe(1)
  await marketplace.ensureEnvironmentListings({})
  expect(offers('openai/gpt-4o')).toEqual([])
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: 'sk-rotated-key-7777' })
  expect(offers('openai/gpt-4o')).toHaveLength(1)
})

test('a start with the same vendor key goes on serving without asking the vendor again', async () => {
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  await whenSettled(environmentId)
  const asked = door.asked.length
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  expect(offers('openai/gpt-4o')).toHaveLength(1)
  expect(door.asked).toHaveLength(asked)
})

test('models that a vendor key does not list are left out of its listing, also at the next start', async () => {
  door.answer = ({ method }) =>
    method === 'GET' ? { status: 200, body: '{"data":[{"id":"gpt-4o-2024-08-06"}]}' } : undefined
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: 'sk-of-a-small-account' })
  expect(await whenSettled(environmentId)).toMatchObject({ verification: { unlisted: ['gpt-4o-mini'] } })
  expect([...marketplace.modelsOnOffer()]).toEqual(['openai/gpt-4o'])
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: 'sk-of-a-small-account' })
  expect([...marketplace.modelsOnOffer()]).toEqual(['openai/gpt-4o'])
})

test('a vendor listing that an operator deleted is not made again, and the gateway still starts', async () => {
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  await as('operator').delete(`${path}/${environmentId}`)
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  expect(offers('openai/gpt-4o')).toEqual([])
})

test('an environment listing that an operator paused stays paused', async () => {
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  await whenSettled(environmentId)
  await as('operator').put(`${path}/${environmentId}`).send({ state: 'paused' })
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  expect(offers('openai/gpt-4o')).toEqual([])
})

test('a vendor key that play may not use is not spent a token on, and its listing waits', async () => {
  const hiding = await openMarket({ environmentListings: false }, { listens: false })
  const asked = door.asked.length
  await hiding.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  expect(await whenSettled(environmentId, hiding)).toMatchObject({
    state: 'draft',
    stateReason: 'environment_listings_off',
  })
  await marketplace.ensureEnvironmentListings({ OPENAI_API_KEY: KEY })
  expect(await whenSettled(environmentId)).toMatchObject({ state: 'active' })
  await hiding.refresh()
  expect(offers('openai/gpt-4o', hiding)).toEqual([])
  expect((await as('buyer', hiding).get(path)).body.data).toEqual([])
  expect(door.asked.length - asked).toBe(2)
})
