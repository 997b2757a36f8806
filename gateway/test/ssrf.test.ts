/**
 * Sellers may list servers of their own here, and try to make the gateway call what only it can reach. Every listing,
 * verification, proof and request is aimed at a decoy that stands for all of that, and the decoy must hear nothing; the
 * same ways reach it when its address is let through, so its silence means something.
 */
import { randomUUID } from 'node:crypto'
import supertest from 'supertest'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { isPublicAddress } from '../src/egress/address-guard.ts'
import type { Egress } from '../src/egress/egress.ts'
import type { ExchangeFailure } from '../src/egress/exchange.ts'
import { credentialAad } from '../src/marketplace/credential-aad.ts'
import { proveControl } from '../src/marketplace/prove-control.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import { answerAsUpstream, type OutsideWorld, startOutside } from './support/outside.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const HOST = 'llm.example.com'
const PUBLIC = '93.184.216.34'
const MODEL = 'openai/gpt-4.1-nano'

/** Every way to write an address of this machine or its network into a URL, beside the plain ones. */
const LITERALS = [
  ...['127.0.0.1', '127.8.8.8', '0.0.0.0', '10.0.0.1', '172.16.0.1', '192.168.1.1', '100.64.0.1'],
  ...['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', '198.18.0.1', '224.0.0.1'],
  ...['2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001', '127.1', '127.0.1', '0'],
  ...['0xa9fea9fe', '2852039166', '①②⑦.⓪.⓪.①', '127。0。0。1', '%31%32%37.0.0.1', '127.0.0.1.'],
  ...['[::]', '[::1]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[::ffff:0:7f00:1]'],
  ...['[::ffff:169.254.169.254]', '[::ffff:168.63.129.16]', '[64:ff9b::7f00:1]', '[64:ff9b:1::7f00:1]'],
  ...['[2002:7f00:1::]', '[2001:0:53aa:64c::1]', '[fc00::1]', '[fd00:ec2::254]', '[fe80::1]', '[fec0::1]'],
  ...['[ff02::1]', '[100::1]', '[100:0:0:1::1]', '[2001:db8::1]', '[3fff::1]', '[5f00::1]', '[4000::1]'],
]

/** Names that are no names of the public internet, and URLs that look like one place and mean another. */
const TRICKS = [
  ...['https://localhost/v1', 'https://localhost./v1', 'https://api.localhost/v1', 'https://intranet/v1'],
  ...['https://metadata.google.internal/v1', 'https://metadata.google.internal./v1', 'https://nas.local/v1'],
  ...[`https://${HOST}@127.0.0.1/v1`, `https://127.0.0.1@${HOST}/v1`, `https://${HOST}%40127.0.0.1/v1`],
  ...[`https://${HOST}\\@127.0.0.1/v1`, `https:\\\\127.0.0.1\\v1`, `https://${HOST}\\.127.0.0.1/v1`],
  ...[`https://127.0.0.1#@${HOST}/v1`, `https://127.0.0.1?@${HOST}/v1`, `https://127.0.0.1\\#${HOST}/v1`],
  ...['https://127.0.\t0.1/v1', 'https://local\nhost/v1', ' https://127.0.0.1/v1', 'https:127.0.0.1/v1'],
  ...[`http://${HOST}/v1`, `https://${HOST}:8443/v1`, `https://${HOST}:22/v1`, `https://${HOST}./v1`],
  ...['file:///etc/passwd', 'gopher://127.0.0.1:6379/_x', 'unix:/run/docker.sock', 'data:,x'],
]

/** What a name may answer: straight there, through an alias for it, or hidden among public addresses. */
const ANSWERS: readonly (readonly string[])[] = [
  ...['127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.1.1', '169.254.169.254', '100.100.100.200'].map(
    (one) => [one],
  ),
  ...['168.63.129.16', '0.0.0.0', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::'].map(
    (one) => [one],
  ),
  ...['fd00:ec2::254', 'fe80::1', '2001:0:53aa:64c::1', '::', '4000::1', 'nonsense'].map((one) => [one]),
  [PUBLIC, '127.0.0.1'],
  ['127.0.0.1', PUBLIC],
  [PUBLIC, '2606:4700::1', '::1'],
  [...Array.from({ length: 12 }, (_, index) => `93.184.216.${index + 1}`), '10.0.0.1'],
]

let world: OutsideWorld
let gateway: TestGateway
let seller: Awaited<ReturnType<typeof signInAsSeller>>

/** A gateway on which sellers may list servers of their own, in a world of its own. */
beforeAll(async () => {
  world = await startOutside([HOST])
  gateway = await startTestGateway({
    env: { ALLOW_PRIVATE_UPSTREAMS: 'false', ALLOW_CUSTOM_ENDPOINTS: 'true' },
    outside: world.outside,
  })
  seller = await signInAsSeller()
})
beforeEach(async () => {
  const { database, marketplace } = gateway.context
  await database.prisma.listing.deleteMany({ where: { baseUrl: { contains: HOST } } })
  await marketplace.refresh()
  world.reset()
  world.names.set(HOST, [PUBLIC])
})
afterAll(async () => {
  await gateway.close()
  await world.close()
})

function list(baseUrl: string | undefined, send = seller, provider = 'openai') {
  return send('post', '/api/marketplace/listings').send({
    provider,
    name: 'my own server',
    baseUrl,
    key: `sk-${randomUUID()}`,
    models: [{ model: MODEL, price: { kind: 'multiplier', ppm: 1_000_000 } }],
    ground: 'own_endpoint',
  })
}

async function signInAsSeller() {
  const email = 'seller@example.test'
  const made = await gateway.api('post', '/api/users').send({ email, name: 'Seller', roles: ['seller'] })
  const login = await supertest(gateway.origin)
    .post('/api/login')
    .send({ email, password: made.body.password })
  return (method: 'get' | 'post' | 'put', path: string) =>
    supertest(gateway.origin)[method](path).set('authorization', `Bearer ${login.body.token}`)
}

/** Waits until the verification of a listing has ended one way or was tried. */
async function verified(id: string) {
  return vi.waitFor(
    async () => {
      const { body } = await seller('get', `/api/marketplace/listings/${id}`)
      expect(body.state !== 'verifying' || body.verification?.attempts > 0, JSON.stringify(body)).toBe(true)
      return body
    },
    { timeout: 10_000, interval: 10 },
  )
}

/** A listing of the seller's that has passed everything. */
async function listed(): Promise<string> {
  const { body, status } = await list(`https://${HOST}/v1`)
  expect(status, JSON.stringify(body)).toBe(201)
  await inState(body.id, 'active')
  return body.id
}

function inState(id: string, state: string): Promise<void> {
  return vi.waitFor(
    async () => {
      const { body } = await seller('get', `/api/marketplace/listings/${id}`)
      expect(body.state, JSON.stringify(body)).toBe(state)
    },
    { timeout: 10_000, interval: 10 },
  )
}

async function ask(buyer: Buyer): Promise<number> {
  const answer = await supertest(new URL(buyer.openai.baseURL).origin)
    .post('/v1/chat/completions')
    .set('authorization', `Bearer ${buyer.key}`)
    .send({ model: MODEL, messages: [{ role: 'user', content: 'hi' }] })
  return answer.status
}

/** Without keeping the connection, so that the next call finds the host anew. */
const answerOnce: typeof answerAsUpstream = (request, response) => {
  response.setHeader('connection', 'close')
  answerAsUpstream(request, response)
}

/** The listing as it would be had it been registered there, and a call to it as a request makes it. */
async function callAt(baseUrl: string): Promise<ExchangeFailure | 'answered'> {
  const { egress, sealer } = gateway.context
  const aad = credentialAad({ listingId: 'l', organisationId: 'o', baseUrl })
  const target = {
    baseUrl,
    auth: { header: 'authorization', prefix: 'Bearer ' },
    sealedCredential: await sealer.seal('sk-x', aad),
    credentialAad: aad,
  }
  return outcomeOf((limits, handler) =>
    egress.send(target, { method: 'GET', path: '/models', headers: {} }, limits, handler),
  )
}

function outcomeOf(
  send: (limits: Parameters<Egress['get']>[2], handler: Parameters<Egress['get']>[3]) => unknown,
): Promise<ExchangeFailure | 'answered'> {
  return new Promise((resolve) => {
    const limits = { firstByteMs: 5_000, idleMs: 5_000, totalMs: 5_000, maxBytes: 100_000 }
    const deaf = { onHeaders: () => undefined, onData: () => undefined }
    send(limits, { ...deaf, onEnd: () => resolve('answered'), onFailure: resolve })
  })
}

const proofAt = (baseUrl: string) => proveControl({ egress: gateway.context.egress, baseUrl, token: 'token' })

test('a base URL that means another place than it says is refused when it is listed, to sellers and operators', async () => {
  for (const baseUrl of [...LITERALS.map((host) => `https://${host}/v1`), ...TRICKS]) {
    const { status, body } = await list(baseUrl)
    expect([status, body.error?.param], baseUrl).toEqual([400, 'baseUrl'])
  }
  for (const host of LITERALS) {
    const { status } = await list(`https://${host}:8443/v1`, gateway.api)
    expect(status, host).toBe(400)
  }
  expect(world.dialled).toEqual([])
  expect(world.decoy.connections()).toBe(0)
})

test("a provider on the operator's own machine is not a seller's to sell", async () => {
  for (const baseUrl of [undefined, 'http://127.0.0.1:11434/v1']) {
    const { status, body } = await list(baseUrl, seller, 'ollama')
    expect([status, body.error?.param]).toEqual([403, 'provider'])
  }
})

test('an address in a base URL is not called, nor asked for a proof, however it came to stand there', async () => {
  for (const host of LITERALS.filter((each) => URL.canParse(`https://${each}`))) {
    for (const baseUrl of [`https://${host}`, `https://${host}:8443`, `http://${host}`]) {
      expect(await callAt(baseUrl), baseUrl).toMatchObject({
        class: expect.stringMatching(/own_fault|network/),
      })
      expect(await proofAt(baseUrl), baseUrl).toHaveProperty('failed')
    }
  }
  expect(world.dialled).toEqual([])
  expect(world.decoy.connections()).toBe(0)
})

test('a name that leads inside is neither verified nor called, alone, as an alias, or among public addresses', async () => {
  for (const answer of ANSWERS) {
    world.names.set(HOST, answer)
    const told = JSON.stringify(answer)
    expect(await callAt(`https://${HOST}/v1`), told).toMatchObject({ class: 'network', blocked: true })
    expect(await proofAt(`https://${HOST}/v1`), told).toEqual({
      failed: expect.stringContaining('public internet'),
    })
    const { body, status } = await list(`https://${HOST}/v1`)
    expect(status, told).toBe(201)
    const after = await verified(body.id)
    expect(after.state, told).not.toBe('active')
    expect(JSON.stringify(after)).not.toMatch(/10\.0\.0\.1|169\.254|::1/)
  }
  expect(world.dialled).toEqual([])
  expect(world.decoy.connections() + world.internet.connections()).toBe(0)
})

test('a name that turns inside after its listing was verified is not followed there, and the listing is quarantined', async () => {
  const id = await listed()
  const buyer = await gateway.buyer()
  expect(await ask(buyer)).toBe(200)
  // A connection that is open goes on to the machine that was checked.
  world.names.set(HOST, ['127.0.0.1'])
  expect(await ask(buyer)).toBe(200)
  world.internet.answer = answerOnce
  await ask(buyer)
  expect(await ask(buyer)).toBeGreaterThanOrEqual(500)
  expect(world.dialled).not.toContain('127.0.0.1')
  expect(world.decoy.connections()).toBe(0)
  await inState(id, 'quarantined')
})

test('a name that changes its mind at every question leads to what was checked or nowhere', async () => {
  let asked = 0
  world.internet.answer = answerOnce
  world.names.set(HOST, () => (asked++ % 2 === 0 ? [PUBLIC] : ['127.0.0.1']))
  const outcomes: string[] = []
  for (let call = 0; call < 20; call += 1) {
    const outcome = await callAt(`https://${HOST}/v1`)
    outcomes.push(outcome === 'answered' ? outcome : `${outcome.class} ${outcome.blocked}`)
  }
  expect(new Set(outcomes)).toEqual(new Set(['answered', 'network true']))
  expect(new Set(world.dialled)).toEqual(new Set([PUBLIC]))
  expect(world.decoy.connections()).toBe(0)
})

test('a redirect is followed nowhere: not in a proof, not in a verification, not in a request', async () => {
  const id = await listed()
  world.names.set('inside.example.com', ['127.0.0.1'])
  const targets = [
    ...LITERALS.slice(0, 14).map((host) => `https://${host}/`),
    ...[
      'https://inside.example.com/',
      'http://127.0.0.1/',
      '//127.0.0.1/',
      'file:///etc/passwd',
      `https://${HOST}/other`,
    ],
  ]
  const before = world.internet.requests.length
  let redirects = 0
  for (const status of [301, 302, 303, 307, 308]) {
    for (const location of targets) {
      world.internet.answer = (_request, response) => void response.writeHead(status, { location }).end()
      expect(await callAt(`https://${HOST}/v1`)).toMatchObject({ class: 'malformed' })
      expect(await proofAt(`https://${HOST}/v1`)).toHaveProperty('failed')
      redirects += 2
    }
  }
  expect(world.internet.requests).toHaveLength(before + redirects)
  expect(world.internet.requests.some((request) => request.includes('other'))).toBe(false)
  const buyer = await gateway.buyer()
  expect(await ask(buyer)).toBeGreaterThanOrEqual(500)
  await seller('put', `/api/marketplace/listings/${id}`).send({ key: 'sk-another' })
  expect((await verified(id)).state).not.toBe('active')
  expect(new Set(world.dialled)).toEqual(new Set([PUBLIC]))
  expect(world.decoy.connections()).toBe(0)
})

test('a host whose owner has not put the proof there is not sent a key or a prompt', async () => {
  const headers: string[] = []
  world.internet.answer = (request, response) => {
    headers.push(JSON.stringify(request.rawHeaders))
    response.writeHead(404).end()
  }
  const { body } = await list(`https://${HOST}/v1`)
  const after = await verified(body.id)
  expect(after).toMatchObject({ state: 'verifying', verification: { outcome: 'host_not_proved' } })
  expect(after.verification.message).toContain(`https://${HOST}/.well-known/bourse-`)
  expect(world.internet.requests.every((request) => request.startsWith('GET /.well-known/bourse-'))).toBe(
    true,
  )
  expect(headers.join()).not.toMatch(/authorization|sk-/i)
})

test('the decoy is reached by the same ways when its address is let through: by proof, verification and request', async () => {
  const allowed = '10.9.8.7'
  world.guard.isPublic = (address) => address === allowed || isPublicAddress(address)
  world.names.set(HOST, [allowed])
  await listed()
  expect(await ask(await gateway.buyer())).toBe(200)
  expect(world.internet.connections()).toBe(0)
  expect(world.decoy.requests.map((request) => request.replace(/bourse-.*/, 'bourse'))).toEqual([
    'GET /.well-known/bourse',
    'GET /v1/models',
    'POST /v1/chat/completions',
    'POST /v1/chat/completions',
  ])
})

test('without the guard every one of these addresses is dialled, so it is the guard that keeps them away', async () => {
  world.guard.isPublic = () => true
  world.internet.answer = answerOnce
  world.decoy.answer = answerOnce
  for (const answer of ANSWERS) {
    world.names.set(HOST, answer)
    await callAt(`https://${HOST}/v1`)
    expect(world.dialled, JSON.stringify(answer)).toEqual(expect.arrayContaining([answer[0]]))
  }
  const literals = LITERALS.filter((each) => URL.canParse(`https://${each}`))
  for (const host of literals) await callAt(`https://${host}`)
  // Each is a connection of its own, but for different spellings of one address.
  const places = new Set(literals.map((host) => new URL(`https://${host}`).origin))
  expect(world.decoy.connections()).toBeGreaterThanOrEqual(places.size)
})
