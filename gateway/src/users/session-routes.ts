import { type Request, type RequestHandler, type Response, Router } from 'express'
import { userOf } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import type { Visitor } from './auth.ts'
import { refuseCrossSite, requireSameOrigin } from './same-origin.ts'
import { loginBody, passwordBody, profileBody } from './schema.ts'
import type { Grant } from './sessions.ts'
import { showSession, showUser } from './show-user.ts'
import type { Users } from './users.ts'

/** Signing in and out, and what people do with their own account. Paths relative to `/api`. */
export function createSessionRoutes({
  users,
  authenticate,
}: {
  users: Users
  authenticate: RequestHandler
}): Router {
  const { sessions, accounts, mode, publicHost } = users
  const router = Router()

  const giveToken = (response: Response, { token, expiresInS, user, cookies }: Grant) => {
    if (cookies.length > 0) response.setHeader('set-cookie', cookies)
    response.setHeader('cache-control', 'no-store')
    response.json({ token, tokenType: 'Bearer', expiresInS, user: { ...showUser(user), mode } })
  }

  router.post('/login', async (request, response) => {
    refuseCrossSite(request.headers)
    giveToken(response, await sessions.signIn(validate(loginBody, request.body ?? {}), visitorOf(request)))
  })
  // The one route that a cookie opens: it changes nothing, and only our own pages can read the answer.
  router.post('/token', async (request, response) => {
    requireSameOrigin(request.headers, publicHost)
    giveToken(response, await sessions.renew(request.headers.cookie, visitorOf(request)))
  })
  router.post('/logout', authenticate, async (_request, response) => {
    response.setHeader('set-cookie', await sessions.signOut(userOf(response)))
    response.status(204).end()
  })

  router.get('/me', authenticate, async (_request, response) => {
    const { userId, sessionId } = userOf(response)
    const user = await accounts.get(userId)
    response.json({ ...showUser(user), mode, sessionId: formatId('ses-', sessionId) })
  })
  router.patch('/me', authenticate, async (request, response) => {
    const principal = userOf(response)
    const { user } = await accounts.update(
      principal.userId,
      validate(profileBody, request.body ?? {}),
      principal,
    )
    response.json({ ...showUser(user), mode })
  })
  router.post('/me/password', authenticate, async (request, response) => {
    const principal = userOf(response)
    await sessions.changePassword(principal, validate(passwordBody, request.body ?? {}), visitorOf(request))
    response.status(204).end()
  })

  router.get('/sessions', authenticate, async (_request, response) => {
    const { userId, sessionId } = userOf(response)
    const own = await sessions.list(userId)
    response.json({ data: own.map((session) => showSession(session, sessionId)) })
  })
  router.delete('/sessions/:id', authenticate, async (request, response) => {
    const principal = userOf(response)
    const id = parseId('ses-', String(request.params.id))
    if (!id) throw new GatewayError('not_found', 'You have no such session. GET /api/sessions lists yours.')
    await sessions.end(principal, id)
    response.status(204).end()
  })
  return router
}

function visitorOf(request: Request): Visitor {
  return { address: request.ip ?? 'unknown', userAgent: request.headers['user-agent'] }
}
