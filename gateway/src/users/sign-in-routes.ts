import { type Response, Router } from 'express'
import { type Door, serveOperation } from '../http/serve-operation.ts'
import { refuseCrossSite, requireSameOrigin } from './same-origin.ts'
import type { Grant } from './sessions.ts'
import { showUser } from './show-user.ts'
import {
  askReset,
  checkLink,
  getPublicSettings,
  joinByInvitation,
  login,
  logout,
  renewToken,
  resetPassword,
  signUp,
  verifyEmail,
} from './sign-in-api.ts'
import type { Users } from './users.ts'
import { visitorOf } from './visitor.ts'

/** Signing up, in and out, and what comes by mail. Paths relative to `/api`. */
export function createSignInRoutes({
  users,
  door,
  version,
}: {
  users: Users
  door: Door
  version: string
}): Router {
  const { sessions, gettingIn, mode, publicHost } = users
  const router = Router()

  const given = (response: Response, { token, expiresInS, user, cookies }: Grant) => {
    if (cookies.length > 0) response.setHeader('set-cookie', cookies)
    return { token, tokenType: 'Bearer' as const, expiresInS, user: { ...showUser(user), mode } }
  }

  serveOperation(router, door, getPublicSettings, () => ({
    mode,
    signUp: users.signUp,
    mail: users.mailWay,
    version,
  }))
  serveOperation(router, door, login, async ({ request, response, body }) => {
    refuseCrossSite(request.headers)
    return given(response, await sessions.signIn(body, visitorOf(request)))
  })
  // The one route that a cookie opens: it changes nothing, and only our own pages can read the answer.
  serveOperation(router, door, renewToken, async ({ request, response }) => {
    requireSameOrigin(request.headers, publicHost)
    return given(response, await sessions.renew(request.headers.cookie, visitorOf(request)))
  })
  serveOperation(router, door, logout, async ({ response, user }) => {
    response.setHeader('set-cookie', await sessions.signOut(user))
    return undefined
  })

  serveOperation(router, door, signUp, async ({ request, body }) => {
    refuseCrossSite(request.headers)
    await gettingIn.signUp(body, visitorOf(request))
    return {}
  })
  serveOperation(router, door, askReset, async ({ request, body }) => {
    refuseCrossSite(request.headers)
    await gettingIn.askReset(body.email, visitorOf(request))
    return {}
  })
  serveOperation(router, door, checkLink, async ({ body }) => {
    const { email, name, expiresAt } = await gettingIn.look(body.kind, body.token)
    return { email, name, expiresAt: expiresAt.toISOString() }
  })
  serveOperation(router, door, verifyEmail, async ({ request, response, body }) => {
    refuseCrossSite(request.headers)
    return given(response, await gettingIn.verify(body, visitorOf(request)))
  })
  serveOperation(router, door, joinByInvitation, async ({ request, response, body }) => {
    refuseCrossSite(request.headers)
    return given(response, await gettingIn.join(body, visitorOf(request)))
  })
  serveOperation(router, door, resetPassword, async ({ request, body }) => {
    refuseCrossSite(request.headers)
    await gettingIn.reset(body)
    return undefined
  })
  return router
}
