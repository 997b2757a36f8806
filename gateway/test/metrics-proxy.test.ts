/**
 * Grafana and Prometheus behind the sign-in. Grafana is a stand-in here: a small server that answers what it was
 * asked. Prometheus is the real one where this machine has it.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import supertest from 'supertest'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { NO_PAGE } from '../src/http/server.ts'
import { startTestGateway, type TestGateway } from './support/gateway.ts'

interface Asked {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

let gateway: TestGateway
let standIn: Server
let ticket: string
const asked: Asked[] = []
let answer: (request: IncomingMessage, response: ServerResponse) => void

beforeAll(async () => {
  standIn = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    asked.push({ method: String(request.method), url: String(request.url), headers: request.headers, body })
    answer(request, response)
  })
  await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(standIn.address() as AddressInfo).port}`
  gateway = await startTestGateway({ env: { GRAFANA_URL: url, PROMETHEUS_URL: url } })
  ticket = await ticketOf(gateway.operator.token)
})

afterAll(async () => {
  await gateway.close()
  standIn.closeAllConnections()
  await new Promise((resolve) => standIn.close(resolve))
})

async function ticketOf(token: string): Promise<string> {
  const issued = await supertest(gateway.origin)
    .post('/api/admin/metrics-ticket')
    .set('authorization', `Bearer ${token}`)
    .expect(200)
  const [cookie = ''] = issued.get('set-cookie') ?? []
  expect(cookie).toMatch(/; Max-Age=600; Path=\/admin; HttpOnly; SameSite=Strict$/)
  return String(cookie.split(';')[0])
}

const open = (path: string, cookie = ticket) => supertest(gateway.origin).get(path).set('cookie', cookie)

const page: typeof answer = (_request, response) => {
  response.setHeader('content-type', 'text/html').setHeader('set-cookie', 'bourse.session=theirs; Path=/')
  response.setHeader('content-security-policy', 'default-src *').setHeader('service-worker-allowed', '/')
  response.end('<p>a dashboard</p>')
}

test('an operator opens Grafana and is known there; what the browser claims to be is not passed on', async () => {
  answer = page
  const shown = await open('/admin/grafana/d/home?orgId=1', `${ticket}; bourse.session=mine`)
    .set({
      authorization: 'Bearer something',
      'x-webauth-user': 'admin',
      'x-webauth-role': 'Admin',
      'x-forwarded-for': '10.0.0.1',
      'proxy-authorization': 'Basic x',
      te: 'trailers',
    })
    .expect(200)
  expect(shown.text).toBe('<p>a dashboard</p>')
  const { url, headers } = asked.at(-1) as Asked
  expect(url).toBe('/admin/grafana/d/home?orgId=1')
  expect(headers).toMatchObject({
    'x-webauth-user': gateway.summary.email,
    'x-webauth-email': gateway.summary.email,
    'x-webauth-role': 'Editor',
  })
  for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'proxy-authorization', 'te'])
    expect(headers[name], name).toBeUndefined()
})

test('a page of Grafana may talk to its own path and to nothing else of ours', async () => {
  answer = page
  const { headers } = await open('/admin/grafana/').expect(200)
  const policy = Object.fromEntries(
    String(headers['content-security-policy'])
      .split('; ')
      .map((part) => [part.split(' ')[0], part.slice(part.indexOf(' ') + 1)]),
  )
  const own = `${gateway.origin}/admin/grafana/`
  expect(policy).toMatchObject({
    'default-src': "'none'",
    'connect-src': own,
    'frame-src': own,
    'form-action': own,
  })
  expect(policy.sandbox).not.toContain('popups')
  expect(headers['set-cookie']).toBeUndefined()
  expect(headers['service-worker-allowed']).toBeUndefined()
  // A redirect would make the browser forget the path of the policy.
  for (const location of [
    '/api/token',
    'http://elsewhere.test/',
    '/admin/grafana/../../api/token',
    '//elsewhere.test',
  ]) {
    answer = (_request, response) => response.writeHead(307, { location }).end()
    const refused = await open('/admin/grafana/').redirects(0)
    expect([refused.status, refused.headers.location], location).toEqual([502, undefined])
  }
  answer = (_request, response) => response.writeHead(302, { location: '/admin/grafana/login?a=1' }).end()
  await open('/admin/grafana/').redirects(0).expect(302).expect('location', '/admin/grafana/login?a=1')
})

test('nothing that a page of Grafana can put into a frame may call us in its stead', async () => {
  answer = page
  // Too long an address, a path that is not there, a probe: none of them is a page, and none comes without a policy.
  const tooLong = await fetch(`${gateway.origin}/admin/grafana/${'a'.repeat(17_000)}`)
  expect([tooLong.status, tooLong.headers.get('content-security-policy')]).toEqual([431, NO_PAGE])
  for (const path of ['/admin/nowhere', '/health/live', '/v1/models', '/api/public-settings']) {
    const shown = await supertest(gateway.origin).get(path)
    expect([path, shown.headers['content-security-policy']]).toEqual([path, NO_PAGE])
  }
  // A service worker could answer for a page of its own making, without any policy.
  const before = asked.length
  await open('/admin/grafana/sw.js').set('service-worker', 'script').expect(403)
  expect(asked.length).toBe(before)
})

test('without a ticket, with a forged one, or as somebody else nothing is passed on', async () => {
  answer = page
  const before = asked.length
  const seller = await gateway.buyer()
  const { body } = await supertest(gateway.origin).get('/api/me').set('authorization', `Bearer ${seller.key}`)
  expect(body.error).toBeDefined()
  const [name = '', value = ''] = ticket.split('=')
  const parts = value.split('.')
  for (const cookie of [
    'other=1',
    `${name}=`,
    `${name}=${'x'.repeat(500)}`,
    `${name}=${value.slice(0, -1)}${value.endsWith('A') ? 'B' : 'A'}`,
    `${name}=${[parts[0], parts[1], '9999999999', parts[3]].join('.')}`,
  ]) {
    const refused = await open('/admin/grafana/', cookie).expect(401)
    expect(refused.text).toContain('Open this page from Metrics in the console.')
    expect(refused.headers['content-security-policy']).toContain("default-src 'none'")
  }
  await supertest(gateway.origin)
    .get('/admin/grafana/')
    .set('authorization', `Bearer ${gateway.operator.token}`)
    .expect(401)
  expect(asked.length).toBe(before)
})

test('a ticket ends with the session it came from', async () => {
  answer = page
  const signIn = async () => {
    const { email, password } = gateway.summary
    const { body } = await supertest(gateway.origin).post('/api/login').send({ email, password }).expect(200)
    return String(body.token)
  }
  const token = await signIn()
  const mine = await ticketOf(token)
  await open('/admin/grafana/', mine).expect(200)
  await supertest(gateway.origin).post('/api/logout').set('authorization', `Bearer ${token}`)
  await open('/admin/grafana/', mine).expect(401)
  await open('/admin/grafana/').expect(200)
})

test('Grafana may be asked with a body from its own page; from elsewhere, or too large, it is not', async () => {
  answer = (_request, response) =>
    response.setHeader('content-type', 'application/json').end('{"results":{}}')
  const post = () => supertest(gateway.origin).post('/admin/grafana/api/ds/query').set('cookie', ticket)
  await post().set('origin', gateway.origin).send({ queries: [] }).expect(200)
  expect((asked.at(-1) as Asked).body).toBe('{"queries":[]}')
  await post().set('origin', 'http://elsewhere.test').send({}).expect(403)
  await post().send({}).expect(403)
  await post()
    .set('origin', gateway.origin)
    .send({ text: 'x'.repeat(2 ** 20) })
    .expect(413)
  const live = await open('/admin/grafana/api/live/ws').set({ connection: 'upgrade', upgrade: 'websocket' })
  expect(live.status).toBe(405)
})

test('of Prometheus only what reads is passed on', async () => {
  answer = (_request, response) => response.setHeader('content-type', 'application/json').end('{}')
  for (const path of ['/graph', '/api/v1/query?query=up', '/api/v1/label/job/values', '/static/js/main.js'])
    await open(`/admin/prometheus${path}`).expect(200)
  const before = asked.length
  for (const path of [
    '/-/quit',
    '/-/reload',
    '/api/v1/admin/tsdb/delete_series',
    '/api/v1/write',
    '/debug/pprof/heap',
    '/federate',
    '/static/..%2f-/quit',
    '/static/%2e%2e/-/quit',
    '//-/quit',
  ]) {
    const refused = await open(`/admin/prometheus${path}`)
    expect([400, 403], path).toContain(refused.status)
  }
  await supertest(gateway.origin)
    .post('/admin/prometheus/api/v1/query')
    .set({ cookie: ticket, origin: gateway.origin })
    .expect(403)
  expect(asked.length).toBe(before)
  expect((asked.at(-1) as Asked).headers['x-webauth-user']).toBeUndefined()
})

test('when the other server is down, or is not set, the page says so', async () => {
  answer = (request) => request.socket.destroy()
  const broken = await open('/admin/grafana/d/x')
  expect([502, 504]).toContain(broken.status)
  expect(broken.text).toContain('Grafana is not shown')
  expect(broken.text).not.toContain('127.0.0.1')
  const unset = await startTestGateway()
  try {
    const issued = await unset.api('post', '/api/admin/metrics-ticket').expect(200)
    expect(issued.body.places).toEqual([
      { name: 'grafana', path: null },
      { name: 'prometheus', path: null },
    ])
    const [cookie = ''] = issued.get('set-cookie') ?? []
    const shown = await supertest(unset.origin)
      .get('/admin/prometheus/')
      .set('cookie', String(cookie.split(';')[0]))
    expect([shown.status, shown.text]).toEqual([
      404,
      expect.stringContaining('Prometheus is not set up here.'),
    ])
  } finally {
    await unset.close()
  }
})

function findPrometheus(): string | undefined {
  try {
    return execFileSync('sh', ['-c', 'command -v prometheus'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

const prometheus = findPrometheus()

test.runIf(prometheus !== undefined)('a real Prometheus is read through us', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bourse-prometheus-'))
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, 'global: { scrape_interval: 1h }\n')
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  const url = `http://127.0.0.1:${port}`
  const server = spawn(
    String(prometheus),
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--web.external-url=http://localhost/admin/prometheus',
      '--web.enable-lifecycle',
    ],
    { stdio: 'ignore' },
  )
  const real = await startTestGateway({ env: { PROMETHEUS_URL: url } })
  try {
    const issued = await real.api('post', '/api/admin/metrics-ticket').expect(200)
    const cookie = String((issued.get('set-cookie') ?? [''])[0]?.split(';')[0])
    const ask = (path: string) => supertest(real.origin).get(`/admin/prometheus${path}`).set('cookie', cookie)
    const until = Date.now() + 10_000
    while ((await ask('/-/ready')).status !== 200 && Date.now() < until) await delay(50)
    const answered = await ask('/api/v1/query?query=1%2B1').expect(200)
    expect(answered.body).toMatchObject({ status: 'success', data: { result: [expect.any(Number), '2'] } })
    // Debian's has the older pages.
    const graph = await ask('/').redirects(0).expect(302)
    expect(graph.headers.location).toMatch(/^\/admin\/prometheus\/(classic|graph)/)
    const shown = await ask(String(graph.headers.location).slice('/admin/prometheus'.length)).expect(200)
    expect(shown.text).toContain('/admin/prometheus')
    await ask('/-/quit').expect(403)
    await ask('/api/v1/query?query=1').expect(200)
  } finally {
    await real.close()
    server.kill()
    await new Promise((resolve) => server.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
})
