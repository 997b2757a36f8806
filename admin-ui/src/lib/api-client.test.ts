import { expect, test } from 'vitest'
import { createApiClient } from './api-client.ts'
import { ApiError } from './api-error.ts'

type Handler = (path: string, init: RequestInit) => Response | Promise<Response>

const asIs = (answer: unknown): unknown => answer

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })

function clientOf(handler: Handler, renewToken: () => Promise<string | undefined> = async () => undefined) {
  const calls: { path: string; authorization: string | undefined }[] = []
  const fetchIt = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const headers = init.headers as Record<string, string>
    calls.push({ path: String(input), authorization: headers.authorization })
    return handler(String(input), init)
  }
  return { api: createApiClient({ fetch: fetchIt as typeof fetch, renewToken }), calls }
}

async function refusalOf(promise: Promise<unknown>): Promise<ApiError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(ApiError)
  return thrown as ApiError
}

test('a refusal shows the message, the field and the request id of the gateway', async () => {
  const body = {
    error: { message: 'name: too long', code: 'invalid_value', param: 'name', retryable: false },
  }
  const { api } = clientOf(() => json(400, body, { 'x-request-id': 'gen-01' }))
  const error = await refusalOf(api.call('/api/keys', asIs))
  expect(error.message).toBe('name: too long')
  expect(error.details).toMatchObject({
    status: 400,
    code: 'invalid_value',
    param: 'name',
    requestId: 'gen-01',
    retryable: false,
  })
})

test('the request id of the body is used when a proxy dropped the header', async () => {
  const { api } = clientOf(() =>
    json(503, { error: { message: 'later', code: 'unavailable', retryable: true, request_id: 'gen-02' } }),
  )
  const error = await refusalOf(api.call('/api/keys', asIs))
  expect(error.details).toMatchObject({ requestId: 'gen-02', retryable: true })
})

test('a page of HTML from a proxy becomes a sentence and is worth a retry', async () => {
  const { api } = clientOf(() => new Response('<h1>Bad Gateway</h1>', { status: 502 }))
  const error = await refusalOf(api.call('/api/keys', asIs))
  expect(error.message).toContain('502')
  expect(error.message).not.toContain('<h1>')
  expect(error.details.retryable).toBe(true)
})

test('a gateway that is down is told apart from a gateway that refuses', async () => {
  const { api } = clientOf(() => {
    throw new TypeError('fetch failed')
  })
  const error = await refusalOf(api.call('/api/keys', asIs))
  expect(error.details).toMatchObject({ status: 0, code: 'unreachable', retryable: true })
})

test('a call that the page gave up is not reported as a broken gateway', async () => {
  const { api } = clientOf((_path, init) => Promise.reject((init.signal as AbortSignal).reason))
  const controller = new AbortController()
  controller.abort()
  await expect(api.call('/api/keys', asIs, { signal: controller.signal })).rejects.toThrow(/abort/i)
})

test('an answer that is no JSON says so with its request id, and a retry is not offered', async () => {
  const { api } = clientOf(() => new Response('<!doctype html>', { headers: { 'x-request-id': 'gen-03' } }))
  const error = await refusalOf(api.call('/api/balance', asIs))
  expect(error.message).toContain('Reload the page')
  expect(error.details).toMatchObject({ code: 'unreadable_answer', requestId: 'gen-03', retryable: false })
})

test('a file is fetched with the token, renewed when it has run out, and never by an address that holds it', async () => {
  const { api, calls } = clientOf(
    (_path, init) => {
      const { authorization } = init.headers as Record<string, string>
      return authorization === 'Bearer fresh' ? new Response('day,cost\n') : json(401, {})
    },
    async () => 'fresh',
  )
  api.setToken('old')
  const file = await api.download('/api/usage?format=csv', 'text/csv')
  expect([await file.text(), file.type]).toEqual(['day,cost\n', 'text/csv'])
  expect(calls.map(({ path }) => path)).toEqual(['/api/usage?format=csv', '/api/usage?format=csv'])
  const refused = clientOf(() => json(403, { error: { message: 'Not yours.', code: 'forbidden' } }))
  expect((await refusalOf(refused.api.download('/api/usage', 'text/csv'))).message).toBe('Not yours.')
})

test('an expired token is renewed once for many calls, and each is sent again', async () => {
  let renewals = 0
  const { api, calls } = clientOf(
    (_path, init) => {
      const fresh = (init.headers as Record<string, string>).authorization === 'Bearer fresh'
      return fresh
        ? json(200, { ok: true })
        : json(401, { error: { message: 'expired', code: 'not_signed_in' } })
    },
    async () => {
      renewals += 1
      return 'fresh'
    },
  )
  api.setToken('stale')
  await Promise.all(['/api/a', '/api/b', '/api/c'].map((path) => api.call(path, asIs)))
  expect(renewals).toBe(1)
  expect(calls.filter((call) => call.authorization === 'Bearer fresh')).toHaveLength(3)
})

test('a session that is over ends in the 401, not in a loop', async () => {
  const { api, calls } = clientOf(() =>
    json(401, { error: { message: 'Sign in again.', code: 'not_signed_in' } }),
  )
  api.setToken('stale')
  const error = await refusalOf(api.call('/api/keys', asIs))
  expect(error.details.status).toBe(401)
  expect(calls).toHaveLength(1)
})

test('signing in with a wrong password does not try to renew a token', async () => {
  let renewals = 0
  const { api, calls } = clientOf(
    () => json(401, { error: { message: 'Wrong password.', code: 'invalid_credentials' } }),
    async () => {
      renewals += 1
      return 'fresh'
    },
  )
  api.setToken('old')
  const error = await refusalOf(api.call('/api/login', asIs, { method: 'POST', body: {}, anonymous: true }))
  expect(error.message).toBe('Wrong password.')
  expect(renewals).toBe(0)
  expect(calls[0]?.authorization).toBeUndefined()
})

test('an empty answer is read as nothing', async () => {
  const { api } = clientOf(() => new Response(null, { status: 204 }))
  expect(await api.call('/api/keys/1', (body) => body, { method: 'DELETE' })).toBeUndefined()
})
