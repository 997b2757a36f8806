/** Buyers, sellers and operators look at requests: each sees what is theirs, with what it came to, a moment after the end. */
import { setTimeout as delay } from 'node:timers/promises'
import supertest from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RequestShown, RequestsAnswer, UsageAnswer } from '../src/analytics/api.ts'
import { formatId, parseId } from '../src/platform/ids.ts'
import { type Buyer, startTestGateway, type TestGateway } from './support/gateway.ts'
import {
  chunk,
  completion,
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
} from './support/scripted-upstream.ts'
import { untilCounted } from './support/until-counted.ts'

const MODEL = 'openai/gpt-4o-mini'
const SECRET_WORDS = 'the upstream says: sk-upstream-secret was refused'

let gateway: TestGateway
let upstream: ScriptedUpstream
let buyer: Buyer
let other: Buyer
const listings: Record<string, string> = {}
const healthy: Script = (wire) => wire.json(200, completion('all good'))
const broken: Script = (wire) => wire.json(500, { error: { message: SECRET_WORDS } })

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  gateway = await startTestGateway()
  buyer = await gateway.buyer({ key: { scopes: ['inference', 'read'] } })
  other = await gateway.buyer({ key: { scopes: ['inference', 'read'] } })
  listings.good = await gateway.listing({
    name: '=good',
    baseUrl: upstream.serve('good', healthy),
    ppm: 1_000_000,
  })
  listings.other = await gateway.listing({
    name: 'elsewhere',
    baseUrl: upstream.serve('elsewhere', healthy),
    models: ['openai/gpt-4.1-mini'],
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

function ask(key: string, body: Record<string, unknown> = {}) {
  return fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL,
      max_tokens: 50,
      messages: [{ role: 'user', content: 'my secret prompt' }],
      ...body,
    }),
  })
}

async function answerOf(key: string, body: Record<string, unknown> = {}): Promise<string> {
  const answer = await ask(key, body)
  await answer.text()
  return answer.headers.get('x-request-id') as string
}

const allCounted = () => untilCounted(gateway)

const get = (path: string, token: string) =>
  supertest(gateway.origin).get(path).set('authorization', `Bearer ${token}`)

async function list(token: string, query = ''): Promise<RequestsAnswer> {
  const { status, body } = await get(`/api/requests?${query}`, token)
  expect(body.error).toBeUndefined()
  expect(status).toBe(200)
  return body
}

async function usage(token: string, query = ''): Promise<UsageAnswer> {
  const { status, body } = await get(`/api/usage?${query}`, token)
  expect(body.error).toBeUndefined()
  expect(status).toBe(200)
  return body
}

test('a buyer sees an answered request with its seller, tokens, money and times, and nothing of the prompt', async () => {
  const id = await answerOf(buyer.key)
  await allCounted()
  const { body, text } = await get(`/api/requests/${id}`, buyer.key)
  const shown = body as RequestShown
  expect(shown).toMatchObject({
    id,
    model: MODEL,
    modelAsked: MODEL,
    outcome: 'answered',
    status: 200,
    error: null,
    stream: false,
    provider: 'openai',
    listing: { id: listings.good, name: '=good' },
    key: { name: 'story' },
  })
  expect(shown.organisation).toBeUndefined()
  expect(shown.attempts).toMatchObject([{ listing: { id: listings.good }, outcome: 'ok' }])
  expect(BigInt(shown.costNanos as string)).toBe(await gateway.bookedNanos(id))
  expect(BigInt(shown.sellerNanos as string) + BigInt(shown.feeNanos as string)).toBe(
    BigInt(shown.costNanos as string),
  )
  expect(BigInt(shown.heldNanos as string)).toBeGreaterThan(BigInt(shown.costNanos as string))
  expect(shown.tokens?.output).toBeGreaterThan(0)
  expect(shown.settledAt).not.toBeNull()
  expect(text).not.toContain('my secret prompt')
  expect((await list(buyer.key)).data[0]).toEqual(shown)
})

test('a request that fails over says who was tried first, and what an upstream said stays out of it', async () => {
  listings.sick = await gateway.listing({
    name: 'sick',
    baseUrl: upstream.serve('sick', healthy),
    ppm: 100_000,
  })
  upstream.serve('sick', broken)
  const id = await answerOf(buyer.key, { provider: { order: [listings.sick, listings.good] } })
  await allCounted()
  const { body, text } = await get(`/api/requests/${id}`, buyer.key)
  expect(body.attempts.map(({ listing }: { listing: { name: string } }) => listing.name)).toEqual([
    'sick',
    '=good',
  ])
  expect(body.attempts[1].afterMs).toBeGreaterThanOrEqual(
    body.attempts[0].afterMs + body.attempts[0].durationMs - 1,
  )
  expect(text).not.toContain('sk-upstream-secret')
})

test('what was refused or failed after the key was known is in the log, costs nothing, and is counted once', async () => {
  const before = await usage(other.key, 'groupBy=model')
  const unknown = await answerOf(other.key, { model: 'nobody/knows-this' })
  const failed = await answerOf(other.key, { provider: { only: [listings.sick], allow_fallbacks: false } })
  await allCounted()
  const { data } = await list(other.key, 'outcome=trouble')
  expect(data.map(({ id, outcome, costNanos }) => ({ id, outcome, costNanos }))).toEqual([
    { id: failed, outcome: 'failed', costNanos: null },
    { id: unknown, outcome: 'refused', costNanos: null },
  ])
  expect(data[1]).toMatchObject({
    error: 'model_not_found',
    status: 404,
    model: null,
    modelAsked: 'nobody/knows-this',
  })
  expect((await list(other.key, 'outcome=refused')).data.map(({ id }) => id)).toEqual([unknown])
  await allCounted()
  const after = await usage(other.key, 'groupBy=model')
  expect(after.totals.failed - before.totals.failed).toBe(1)
  expect(after.totals.refused - before.totals.refused).toBe(1)
  // Whatever people send as a model, only those that exist become rows of the sums.
  expect(after.data.map(({ id }) => id)).not.toContain('nobody/knows-this')
})

test('a client that leaves a stream is seen to have left, with what it pays', async () => {
  upstream.serve('good', async (wire) => {
    await wire.stream()
    while (!wire.gone()) {
      await wire.event(chunk({ content: ' word' }))
      await delay(2)
    }
  })
  const stop = new AbortController()
  const answer = await fetch(`${gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL,
      stream: true,
      max_tokens: 500,
      messages: [{ role: 'user', content: 'go on' }],
    }),
    signal: stop.signal,
  })
  const reader = answer.body?.getReader()
  await reader?.read()
  await reader?.read()
  stop.abort()
  upstream.serve('good', healthy)
  const id = answer.headers.get('x-request-id') as string
  await allCounted()
  const { body } = await get(`/api/requests/${id}`, buyer.key)
  expect(body).toMatchObject({ outcome: 'left', stream: true, billed: 'delivered' })
  expect(BigInt(body.costNanos)).toBe(await gateway.bookedNanos(id))
})

test("another organisation's request is not found, in the words for one that does not exist", async () => {
  const id = await answerOf(buyer.key)
  await allCounted()
  const theirs = await get(`/api/requests/${id}`, other.key)
  const none = await get(
    `/api/requests/${formatId('gen-', '01900000-0000-7000-8000-000000000000')}`,
    other.key,
  )
  expect(theirs.status).toBe(404)
  expect(theirs.body.error.message).toBe(none.body.error.message)
  expect((await list(other.key)).data.map((each) => each.id)).not.toContain(id)
  const forbidden = await get(`/api/requests?organisation=${buyer.organisationId}`, other.key)
  expect(forbidden.status).toBe(403)
  expect((await get('/api/requests?organisation=all', other.key)).status).toBe(403)
  expect((await get('/api/usage?organisation=all', other.key)).status).toBe(403)
})

test('a seller sees what his listings served and earned, and nothing of who bought it', async () => {
  const seller = await sellerOfOwn()
  const id = await answerOf(buyer.key, { provider: { only: [seller.listing] } })
  await allCounted()
  const sales = await get('/api/requests?side=seller', seller.token)
  expect(sales.body.data.map((each: RequestShown) => each.id)).toEqual([id])
  const one = await get(`/api/requests/${id}`, seller.token)
  expect(one.body).toMatchObject({ id, listing: { id: seller.listing }, model: MODEL, heldNanos: null })
  expect(BigInt(one.body.sellerNanos)).toBeGreaterThan(0n)
  const sums = await get('/api/usage?side=seller&groupBy=listing', seller.token)
  expect(sums.body.data).toMatchObject([
    { id: seller.listing, requests: 1, sellerNanos: one.body.sellerNanos },
  ])
  for (const { text } of [sales, one, sums]) {
    expect(text).not.toContain(buyer.organisationId)
    expect(text).not.toContain('"key"')
    expect(text).not.toContain('Buyer')
  }
  for (const groupBy of ['key', 'user'])
    expect((await get(`/api/usage?side=seller&groupBy=${groupBy}`, seller.token)).status).toBe(400)
  // What he bought himself is another list.
  expect((await list(seller.token)).data).toEqual([])
})

test('filters and pages: each request once, in order, and only what was asked for', async () => {
  const keys = [buyer.key]
  for (let count = 0; count < 7; count += 1) await answerOf(keys[0] as string)
  await answerOf(buyer.key, { model: 'openai/gpt-4.1-mini' })
  await allCounted()
  const all = (await list(buyer.key, 'limit=100')).data.map(({ id }) => id)
  const paged: string[] = []
  let cursor = ''
  do {
    const page = await list(buyer.key, `limit=3${cursor}`)
    expect(page.speed === undefined).toBe(cursor !== '')
    paged.push(...page.data.map(({ id }) => id))
    cursor = page.nextCursor ? `&cursor=${page.nextCursor}` : ''
  } while (cursor !== '')
  expect(paged).toEqual(all)
  expect(all).toEqual(all.toSorted().reverse())
  const byModel = await list(buyer.key, 'model=openai/gpt-4.1-mini')
  expect(byModel.data.map(({ listing }) => listing?.id)).toEqual([listings.other])
  expect((await list(buyer.key, `listing=${listings.other}`)).data).toEqual(byModel.data)
  const key = byModel.data[0]?.key?.id
  expect((await list(buyer.key, `key=${key}&limit=100`)).data).toHaveLength(all.length)
  expect((await list(other.key, `key=${key}`)).data).toEqual([])
  const last = byModel.data[0]?.at as string
  expect((await list(buyer.key, `from=${last}`)).data.map(({ id }) => id)).toEqual(
    byModel.data.map(({ id }) => id),
  )
  expect((await list(buyer.key, `to=${last}&limit=100`)).data.map(({ id }) => id)).toEqual(all.slice(1))
})

test('an operator sees the whole market with who bought, one buyer, and sums by user', async () => {
  const { token } = gateway.operator
  const all = await list(token, 'organisation=all&limit=100')
  expect(new Set(all.data.map(({ organisation }) => organisation?.id))).toEqual(
    new Set([buyer.organisationId, other.organisationId]),
  )
  const one = await list(token, `organisation=${other.organisationId}&limit=100`)
  expect(new Set(one.data.map(({ organisation }) => organisation?.id))).toEqual(
    new Set([other.organisationId]),
  )
  const byUser = await usage(token, 'organisation=all&groupBy=user')
  expect(byUser.data.find(({ id }) => id === buyer.organisationId)?.name).toBe('buyer-1@example.test')
  const own = await usage(buyer.key, 'groupBy=day')
  expect(byUser.data.find(({ id }) => id === buyer.organisationId)?.costNanos).toBe(own.totals.costNanos)
})

test('every way to group the same hours comes to the same sums, and to what the books say', async () => {
  await allCounted()
  const { token } = gateway.operator
  const { rows } = await gateway.context.database.pool.query(
    `SELECT count(*)::integer AS requests, sum(cost_nanos)::text AS cost FROM ledger.usage_record`,
  )
  for (const groupBy of ['hour', 'day', 'model', 'seller', 'listing', 'user']) {
    const { totals, data } = await usage(token, `organisation=all&groupBy=${groupBy}&limit=1000`)
    expect([groupBy, totals.requests, totals.costNanos]).toEqual([groupBy, rows[0].requests, rows[0].cost])
    expect(data.reduce((sum, each) => sum + BigInt(each.costNanos), 0n)).toBe(BigInt(totals.costNanos))
  }
  // Few days come from the sums of hours, many from those of days.
  const hourAgo = new Date(Date.now() - 3_600_000).toISOString()
  for (const groupBy of ['model', 'seller', 'listing', 'user']) {
    const few = await usage(token, `organisation=all&groupBy=${groupBy}&from=${hourAgo}`)
    const many = await usage(token, `organisation=all&groupBy=${groupBy}`)
    expect(few.data).toEqual(many.data)
    const first = await usage(token, `organisation=all&groupBy=${groupBy}&limit=1`)
    expect(first.data).toEqual(many.data.slice(0, 1))
    expect(first.totals).toEqual(many.totals)
    const rest = BigInt(first.rest?.costNanos ?? '0') + BigInt(first.data[0]?.costNanos ?? '0')
    expect(rest).toBe(BigInt(many.totals.costNanos))
  }
  const bySeller = await usage(token, 'organisation=all&groupBy=day&splitBy=seller')
  expect(bySeller.totals.costNanos).toBe(rows[0].cost)
  expect((await get('/api/usage?organisation=all&groupBy=key', token)).status).toBe(400)
  const split = await usage(buyer.key, 'groupBy=hour&splitBy=model')
  for (const { parts = [], costNanos } of split.data)
    expect(parts.reduce((sum, part) => sum + BigInt(part.costNanos), 0n)).toBe(BigInt(costNanos))
  const cut = await usage(buyer.key, 'groupBy=listing&limit=1')
  expect(BigInt(cut.data[0]?.costNanos as string) + BigInt(cut.rest?.costNanos as string)).toBe(
    BigInt(cut.totals.costNanos),
  )
})

test('a file holds what the list and the sums say, and no cell of it is a formula', async () => {
  const { data } = await list(buyer.key, 'limit=100')
  const file = await get('/api/requests?format=csv', buyer.key)
  expect(file.headers['content-type']).toContain('text/csv')
  const [head, ...lines] = rowsOf(file.text)
  const told = lines.map((cells) => Object.fromEntries(cells.map((cell, index) => [head?.[index], cell])))
  expect(told.map(({ request, cost_nanos }) => [request, cost_nanos])).toEqual(
    data.map(({ id, costNanos }) => [id, costNanos ?? '']),
  )
  expect(file.text).toContain("'=good")
  expect(file.text).not.toMatch(/(^|,)=good/m)
  const sums = await usage(buyer.key, 'groupBy=listing')
  const sumsFile = rowsOf((await get('/api/usage?groupBy=listing&format=csv', buyer.key)).text)
  expect(sumsFile.slice(1).map(([id, , requests]) => [id, requests])).toEqual(
    sums.data.map(({ id, requests }) => [id ?? '', String(requests)]),
  )
})

test('whoever follows is told of his own requests as they end, and a short absence is made up for', async () => {
  const tail = await follow(buyer.key)
  const strange = await follow(other.key)
  const first = await answerOf(buyer.key)
  await tail.until(first)
  expect(strange.text()).not.toContain(first)
  tail.leave()
  const second = await answerOf(buyer.key)
  await gateway.context.analytics.requestLog.idle()
  const again = await follow(buyer.key, tail.lastId())
  await again.until(second)
  expect(again.text()).not.toContain(first)
  const lost = await follow(buyer.key, 'another-life')
  await lost.until('event: reset')
  for (const each of [again, strange, lost]) each.leave()
})

test('what a killed gateway did not tell comes into the log from the books', async () => {
  const id = await answerOf(buyer.key)
  await allCounted()
  const told = (await get(`/api/requests/${id}`, buyer.key)).body as RequestShown
  const { pool } = gateway.context.database
  // As if it had died between the bill and the log, and another node came to count the block again.
  await pool.query(`DELETE FROM request_log WHERE id = $1`, [parseId('gen-', id)])
  await pool.query(`DELETE FROM usage_hour`)
  await pool.query(`DELETE FROM usage_market`)
  await pool.query(`UPDATE usage_progress SET xid = '0'`)
  await allCounted()
  const { body } = await get(`/api/requests/${id}`, buyer.key)
  const untold = { status: null, attempts: null, overheadMs: null, modelAsked: null }
  expect(body).toEqual({ ...told, ...untold, durationMs: body.durationMs })
})

test('a stream ends soon after the sign-in or the role that opened it', async () => {
  const email = 'watcher@example.test'
  const made = await gateway.api('post', '/api/users').send({ email, name: 'Watcher', operator: true })
  const signIn = async () => {
    const { body } = await supertest(gateway.origin)
      .post('/api/login')
      .send({ email, password: made.body.password })
    return String(body.token)
  }
  const [first, second] = [await signIn(), await signIn()]
  const [signedOut, demoted] = [await follow(first), await follow(second)]
  await supertest(gateway.origin).post('/api/logout').set('authorization', `Bearer ${first}`).expect(204)
  await signedOut.until('this sign-in has ended or changed')
  expect(demoted.text()).not.toContain('has ended')
  await gateway.api('patch', `/api/users/${made.body.id}`).send({ operator: false }).expect(200)
  await demoted.until('this sign-in has ended or changed')
})

async function sellerOfOwn() {
  const made = await gateway.api('post', '/api/users').send({
    email: 'seller@example.test',
    name: 'Sel Ler',
    roles: ['seller', 'buyer'],
  })
  const { email, password, organisationId } = made.body
  const login = await supertest(gateway.origin).post('/api/login').send({ email, password })
  const listing = await gateway.api('post', '/api/marketplace/listings').send({
    organisationId,
    provider: 'openai',
    name: 'own',
    baseUrl: upstream.serve('own', healthy),
    key: 'sk-of-this-seller-alone-0001',
    models: [{ model: MODEL, price: { kind: 'multiplier', ppm: 1_000_000 } }],
    ground: 'own_endpoint',
  })
  const state = async () =>
    (await gateway.api('get', `/api/marketplace/listings/${listing.body.id}`)).body.state
  await expect.poll(state, { timeout: 20_000 }).toBe('active')
  return { token: String(login.body.token), listing: String(listing.body.id) }
}

async function follow(token: string, lastEventId?: string) {
  const leave = new AbortController()
  const answer = await fetch(`${gateway.origin}/api/requests/stream`, {
    headers: { authorization: `Bearer ${token}`, ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
    signal: leave.signal,
  })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  const reading = (async () => {
    const decoder = new TextDecoder()
    for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>)
      text += decoder.decode(piece, { stream: true })
  })()
  reading.catch(() => undefined)
  return {
    text: () => text,
    until: (part: string) => expect.poll(() => text, { timeout: 10_000 }).toContain(part),
    lastId: () => [...text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] as string,
    leave: () => leave.abort(),
  }
}

/** Cells of a file without line breaks in them. */
function rowsOf(text: string): string[][] {
  return text
    .trim()
    .split('\r\n')
    .map((line) => line.split(',').map((cell) => cell.replace(/^"|"$/g, '').replaceAll('""', '"')))
}
