import { expect, test } from 'vitest'
import { createApiClient } from './api-client.ts'
import { createSession } from './session.ts'

const user = { id: 'u1', name: 'Operator', email: 'operator@example.com', roles: ['operator'] }

/** A gateway that knows one cookie session, switched on and off by `alive`. */
function scene(state: { alive: boolean; broken?: boolean }) {
  const seen: string[] = []
  const answer = (status: number, body: unknown): Response => new Response(JSON.stringify(body), { status })
  const fetchIt = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const path = String(input)
    const { authorization } = init.headers as Record<string, string>
    seen.push(path)
    if (state.broken) return answer(503, { error: { message: 'Database away.', code: 'unavailable' } })
    if (path === '/api/login')
      return answer(200, { token: 'first', tokenType: 'Bearer', expiresInS: 900, user })
    if (path === '/api/token' && state.alive) return answer(200, { token: 'fresh', user })
    if (path === '/api/logout') return answer(200, {})
    if (path === '/api/keys' && authorization !== undefined) return answer(200, { data: [] })
    return answer(401, { error: { message: 'Sign in.', code: 'not_signed_in' } })
  }
  const api = createApiClient({ fetch: fetchIt as typeof fetch, renewToken: () => session.renewToken() })
  const session = createSession({ api: () => api })
  return { api, session, seen }
}

test('after a reload the cookie brings the person back', async () => {
  const { session } = scene({ alive: true })
  expect((await session.restore())?.email).toBe('operator@example.com')
})

test('without a session the person is asked to sign in, and a gateway that is down is not mistaken for that', async () => {
  expect(await scene({ alive: false }).session.restore()).toBeUndefined()
  await expect(scene({ alive: true, broken: true }).session.restore()).rejects.toThrow('Database away.')
})

test('signing in and out is told to whoever listens, and the token is gone afterwards', async () => {
  const { api, session } = scene({ alive: false })
  const heard: (string | undefined)[] = []
  session.subscribe(() => heard.push(session.person()?.email))
  await session.signIn('operator@example.com', 'secret')
  await api.call('/api/keys', String)
  await session.signOut()
  expect(heard).toEqual(['operator@example.com', undefined])
  await expect(api.call('/api/keys', String)).rejects.toThrow('Sign in.')
})
