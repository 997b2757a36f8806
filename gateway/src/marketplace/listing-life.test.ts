import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import {
  type ListingScene,
  MODEL,
  path,
  startListingScene,
  uuidOf,
} from '../../test/support/listing-scene.ts'

let scene: ListingScene

beforeAll(async () => {
  scene = await startListingScene()
})
beforeEach(async () => {
  scene.door.answer = () => undefined
  const { prisma } = scene.database.database
  await prisma.listing.deleteMany()
  await prisma.acceptedGround.deleteMany()
  await scene.market.refresh()
})
afterAll(() => scene.close())

const unauthorised = { status: 401, body: '{"error":{"message":"no","code":"invalid_api_key"}}' }

/** Lets the next attempt of a listing that is retried begin now. */
async function dueNow(): Promise<void> {
  await scene.database.database.pool.query('UPDATE listing_verification SET "dueAt" = now()')
}

async function put(who: 'operator' | 'seller' | 'rival', id: string, change: object) {
  return scene.as(who).put(`${path}/${id}`).send(change)
}

test("every step of a listing's life is written down with from, to and reason", async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  await put('seller', id, { state: 'paused' })
  await put('seller', id, { state: 'active' })
  await scene.market.setState(uuidOf(id), 'cooling', 'day_limit')
  await scene.market.resume(uuidOf(id), 'day_limit')
  await put('operator', id, { state: 'quarantined' })
  const steps = (await scene.audited(id)).filter(
    ({ action }) => !['listing.created', 'listing.updated'].includes(action),
  )
  expect(steps).toEqual([
    { action: 'listing.active', detail: { from: 'verifying', to: 'active', reason: 'verified' } },
    { action: 'listing.paused', detail: { from: 'active', to: 'paused', reason: 'paused_by_seller' } },
    { action: 'listing.active', detail: { from: 'paused', to: 'active', reason: 'resumed_by_seller' } },
    { action: 'listing.cooling', detail: { from: 'active', to: 'cooling', reason: 'day_limit' } },
    { action: 'listing.active', detail: { from: 'cooling', to: 'active', reason: 'over:day_limit' } },
    {
      action: 'listing.quarantined',
      detail: { from: 'active', to: 'quarantined', reason: 'quarantined_by_operator' },
    },
  ])
})

test('a draft stays off the market until its seller says active, and is then verified', async () => {
  const { id, state } = await scene.created({ draft: true })
  expect(state).toBe('draft')
  expect(scene.door.asked.some(({ target }) => target.credentialAad.includes(uuidOf(id)))).toBe(false)
  const asked = await put('seller', id, { state: 'active' })
  expect(asked.body).toMatchObject({ state: 'verifying', stateReason: 'asked_by_seller' })
  expect(await scene.settled(id)).toMatchObject({ state: 'active', stateReason: 'verified' })
})

test('a key that the provider refuses makes it a draft that says what to do, and a new key tries again', async () => {
  scene.door.answer = () => unauthorised
  const { id } = await scene.created({ key: 'sk-the-refused-key' })
  const refused = await scene.settled(id)
  expect(refused).toMatchObject({
    state: 'draft',
    stateReason: 'verification_failed:key_rejected',
    verification: { outcome: 'key_rejected', attempts: 1, step: null },
  })
  expect(refused.verification.message).toContain('send it again')
  expect(scene.offers()).toBe(0)
  scene.door.answer = () => undefined
  const again = await put('seller', id, { key: 'sk-a-better-key' })
  expect(again.body).toMatchObject({ state: 'verifying', stateReason: 'key_changed' })
  expect(await scene.settled(id)).toMatchObject({ state: 'active', verification: { outcome: 'passed' } })
})

test('a provider that is down is asked again and again, and after the last time the listing is a draft', async () => {
  scene.door.answer = () => ({ failure: 'network' })
  const { id } = await scene.created()
  expect(await scene.settled(id)).toMatchObject({
    state: 'verifying',
    verification: { outcome: 'network', attempts: 1, step: 'listing_models' },
  })
  const { rows } = await scene.database.database.pool.query(
    `SELECT round(extract(epoch FROM "dueAt" - now())) AS s FROM listing_verification`,
  )
  expect(Number(rows[0].s)).toBeGreaterThan(2)
  const attemptsOf = async () => (await scene.as('seller').get(`${path}/${id}`)).body.verification.attempts
  for (let attempt = 2; attempt <= 7; attempt += 1) {
    await dueNow()
    // Whatever changes, the gateway looks for what is due.
    await put('seller', id, { name: `attempt ${attempt}` })
    await vi.waitFor(async () => expect(await attemptsOf()).toBe(attempt), 8_000)
  }
  expect((await scene.as('seller').get(`${path}/${id}`)).body).toMatchObject({
    state: 'draft',
    stateReason: 'verification_failed:network',
  })
})

test('progress is seen while the provider thinks, and a key that is changed meanwhile is what counts', async () => {
  const gates: (() => void)[] = []
  scene.door.answer = ({ method }) =>
    method === 'GET' ? undefined : new Promise((resolve) => gates.push(() => resolve(unauthorised)))
  const { id } = await scene.created()
  const seen = async () => (await scene.as('seller').get(`${path}/${id}`)).body
  await vi.waitFor(async () => expect(await seen()).toMatchObject({ verification: { step: 'probing' } }))
  scene.door.answer = () => undefined
  await put('seller', id, { key: 'sk-the-right-key' })
  expect(await scene.settled(id)).toMatchObject({ state: 'active' })
  for (const open of gates) open()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await seen()).toMatchObject({ state: 'active', verification: { outcome: 'passed' } })
})

test('two nodes verify a listing once, and a node that died takes its own up again at its next start', async () => {
  const other = await scene.openMarket()
  let answered = 0
  scene.door.answer = () => {
    answered += 1
    return undefined
  }
  const ids: string[] = []
  for (let count = 0; count < 6; count += 1) ids.push((await scene.created()).id)
  for (const id of ids) expect(await scene.settled(id, other)).toMatchObject({ state: 'active' })
  expect(answered).toBe(12)

  const { pool } = scene.database.database
  await pool.query(`UPDATE listing SET state = 'verifying', "verifiedAt" = NULL`)
  await pool.query(
    `UPDATE listing_verification SET attempts = 0, "leaseOwner" = 'node-that-died', "leaseUntil" = now() + interval '1 hour'`,
  )
  const back = await scene.openMarket({}, 'node-that-died')
  for (const id of ids) expect(await scene.settled(id, back)).toMatchObject({ state: 'active' })
})

test('prices, capacity and names change while the listing serves; a new model is verified first', async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  const asked = scene.door.asked.length
  const cheaper = [{ model: MODEL, price: { kind: 'multiplier', ppm: 500_000 } }]
  const changed = await put('seller', id, { name: 'West', models: cheaper, capacity: { concurrency: 2 } })
  expect(changed.body).toMatchObject({ state: 'active', name: 'West' })
  expect(scene.offers()).toBe(1)
  expect(scene.door.asked).toHaveLength(asked)
  const more = [...cheaper, { model: 'openai/gpt-4o', price: { kind: 'multiplier', ppm: 500_000 } }]
  const grown = await put('seller', id, { models: more })
  expect(grown.body).toMatchObject({ state: 'verifying', stateReason: 'models_changed' })
  expect(await scene.settled(id)).toMatchObject({ state: 'active' })
  const fewer = await put('seller', id, { models: cheaper })
  expect(fewer.body).toMatchObject({ state: 'active' })
})

test('what is new of a paused listing is verified when it is resumed', async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  await put('seller', id, { state: 'paused' })
  expect((await put('seller', id, { key: 'sk-new-while-paused' })).body.state).toBe('paused')
  expect((await put('seller', id, { state: 'active' })).body.state).toBe('verifying')
  expect(await scene.settled(id)).toMatchObject({ state: 'active' })
  await put('seller', id, { state: 'paused' })
  expect((await put('seller', id, { state: 'active' })).body.state).toBe('active')
})

test("a rule that is over gives back only what it took, and an operator's word outlasts it", async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  const { market } = scene
  await market.setState(uuidOf(id), 'cooling', 'day_limit')
  await market.setState(uuidOf(id), 'cooling', 'day_limit')
  expect(scene.offers()).toBe(0)
  await market.resume(uuidOf(id), 'month_limit')
  expect(scene.offers()).toBe(0)
  await put('operator', id, { state: 'suspended' })
  await market.resume(uuidOf(id), 'day_limit')
  expect((await scene.as('seller').get(`${path}/${id}`)).body).toMatchObject({ state: 'suspended' })
  expect((await put('seller', id, { state: 'active' })).status).toBe(409)
  expect((await put('seller', id, { state: 'quarantined' })).status).toBe(409)
  await put('operator', id, { state: 'active' })
  expect(await scene.settled(id)).toMatchObject({ state: 'active' })
})

test('a rule never brings back what was never verified, nor touches a draft', async () => {
  const { id } = await scene.created({ draft: true })
  await scene.market.setState(uuidOf(id), 'cooling', 'day_limit')
  await scene.market.resume(uuidOf(id), 'day_limit')
  expect((await scene.as('seller').get(`${path}/${id}`)).body).toMatchObject({ state: 'draft' })
})

test('one key has one listing: a second seller is refused, and the first is looked at', async () => {
  const key = 'sk-that-two-people-have'
  const { id } = await scene.created({ key })
  await scene.settled(id)
  const second = await scene.as('rival').post(path).send(scene.draft({ key }))
  expect([second.status, second.body.error.param]).toEqual([409, 'key'])
  expect(JSON.stringify(second.body)).not.toContain(id)
  const first = (await scene.as('operator').get(`${path}/${id}`)).body
  expect(first).toMatchObject({ state: 'active', reviewReason: 'key_listed_twice' })
  const toLookAt = async (who: 'operator' | 'buyer') =>
    (await scene.as(who).get(`${path}?review=true`)).body.data.map((each: { id: string }) => each.id)
  expect(await toLookAt('operator')).toEqual([id])
  expect(await toLookAt('buyer')).toEqual([])
  expect(scene.offers()).toBe(1)
  expect((await scene.audited(id)).map(({ action }) => action)).toContain('listing.key_listed_twice')

  const own = await scene.as('seller').post(path).send(scene.draft({ key }))
  expect(own.body.error.message).toContain(id)
  const other = (await scene.created()).id
  expect((await put('seller', other, { key })).status).toBe(409)

  await scene.as('seller').delete(`${path}/${id}`)
  const third = await scene.as('rival').post(path).send(scene.draft({ key }))
  expect(third.status).toBe(201)
})

test('of two who list a key in the same moment one is refused', async () => {
  const key = 'sk-in-the-same-moment'
  const answers = await Promise.all(
    (['seller', 'rival'] as const).map((who) => scene.as(who).post(path).send(scene.draft({ key }))),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409])
})

test('the operator decides which grounds are accepted, and listings follow at once and back', async () => {
  const everyone = await scene.as('buyer').get('/api/marketplace/grounds')
  expect(everyone.body.data).toEqual([
    {
      provider: 'openai',
      key: ['authorised_reseller', 'own_organisation', 'demo'],
      endpoint: ['own_endpoint', 'demo'],
    },
  ])
  const wrong = await scene
    .as('seller')
    .post(path)
    .send(scene.draft({ ground: 'own_endpoint' }))
  expect(wrong.body.error.message).toContain('Accepted are authorised_reseller, own_organisation')
  const { id } = await scene.created()
  await scene.settled(id)
  const paused = await scene.created()
  await scene.settled(paused.id)
  await put('seller', paused.id, { state: 'paused' })

  const decide = (who: 'seller' | 'operator', grounds: string[]) =>
    scene.as(who).put('/api/marketplace/grounds').send({ provider: 'openai', grounds })
  expect((await decide('seller', [])).status).toBe(403)
  expect((await decide('operator', ['authorised_reseller'])).body.key).toEqual(['authorised_reseller'])
  expect(scene.offers()).toBe(0)
  expect((await scene.as('seller').get(`${path}/${id}`)).body).toMatchObject({
    state: 'suspended',
    stateReason: 'ground_not_accepted',
  })
  for (const one of [id, paused.id]) expect((await put('seller', one, { state: 'active' })).status).toBe(400)
  expect((await scene.as('seller').post(path).send(scene.draft())).body.error.param).toBe('ground')

  await decide('operator', ['authorised_reseller', 'own_organisation'])
  expect((await scene.as('seller').get(`${path}/${id}`)).body).toMatchObject({ state: 'active' })
  expect((await scene.as('seller').get(`${path}/${paused.id}`)).body).toMatchObject({ state: 'paused' })
  expect(scene.offers()).toBe(1)
})

test('whoever attests a ground is remembered', async () => {
  const { id } = await scene.created()
  const { groundAttestedBy } = (await scene.as('seller').get(`${path}/${id}`)).body
  expect(groundAttestedBy).toMatch(/^usr-/)
})

test('people search by price and health, page by page, through what they may see', async () => {
  const ids: string[] = []
  for (const ppm of [500_000, 2_000_000, 600_000, 3_000_000, 700_000]) {
    const { id } = await scene.created({ models: [{ model: MODEL, price: { kind: 'multiplier', ppm } }] })
    ids.push(id)
    await scene.settled(id)
  }
  const seen: string[] = []
  for (let cursor = ''; ; ) {
    const { body } = await scene
      .as('buyer')
      .get(`${path}?limit=1&model=${MODEL}&maxInputUsdPerMTok=0.15${cursor}`)
    seen.push(...body.data.map(({ id }: { id: string }) => id))
    if (body.nextCursor === null) break
    cursor = `&cursor=${body.nextCursor}`
  }
  expect(seen).toEqual([ids[4], ids[2], ids[0]])
  scene.market.watch({
    sightOf: (listingId) => ({
      fill: 0,
      headroom: {},
      breakers: [],
      resting:
        listingId === uuidOf(ids[1] as string) ? [{ model: null, reason: 'rate_limited', untilMs: 0 }] : [],
      notChosen: { lost_the_draw: 3 },
      reputation: 0.9,
      successRate: null,
    }),
  })
  const resting = await scene.as('buyer').get(`${path}?health=resting`)
  expect(resting.body.data.map(({ id }: { id: string }) => id)).toEqual([ids[1]])
})

test('a seller sees on his dashboard how a listing does; others do not', async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  const { body } = await scene.as('seller').get(`${path}/${id}/dashboard`)
  expect(body).toMatchObject({
    id,
    state: 'active',
    health: 'healthy',
    notChosenLastHour: { lost_the_draw: 3 },
    reputation: 0.9,
    earnings: {
      today: { requests: 0, amountNanos: '0' },
      month: { requests: 0, amountNanos: '0' },
      total: { requests: 0, amountNanos: '0' },
    },
  })
  expect((await scene.as('buyer').get(`${path}/${id}/dashboard`)).status).toBe(404)
  expect((await scene.as('operator').get(`${path}/${id}/dashboard`)).status).toBe(200)
})

test('saying active beside a new key or model is no way round the verification', async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  scene.door.answer = () => unauthorised
  const rekeyed = await put('seller', id, { key: 'sk-never-verified', state: 'active' })
  expect(rekeyed.body).toMatchObject({ state: 'verifying', stateReason: 'key_changed' })
  expect(scene.market.offersFor(MODEL)).toEqual([])
  await scene.settled(id)
  expect((await scene.as('seller').get(`${path}/${id}`)).body.state).toBe('draft')
  expect(scene.market.offersFor(MODEL)).toEqual([])
})

test('an operator who gives a disabled listing another key and says disabled is not contradicted', async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  await put('operator', id, { state: 'disabled' })
  const rekeyed = await put('operator', id, { key: 'sk-for-later', state: 'disabled' })
  expect(rekeyed.body).toMatchObject({ state: 'disabled', stateReason: 'disabled_by_operator' })
})

test('what stands against a quarantined listing is not got rid of by deleting it', async () => {
  const { id } = await scene.created()
  await scene.settled(id)
  await put('operator', id, { state: 'quarantined' })
  const refused = await scene.as('seller').delete(`${path}/${id}`)
  expect(refused.status).toBe(409)
  expect((await scene.as('operator').delete(`${path}/${id}`)).status).toBe(204)
})
