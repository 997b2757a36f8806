import type { ApiClient } from './api-client.ts'
import { ApiError } from './api-error.ts'
import { asObject, type Json, optionalText, text, texts } from './decode.ts'

export interface Person {
  id: string
  name: string
  email: string
  roles: readonly string[]
  /** `play` when the gateway says so; play money is badged on every page. */
  mode: string | undefined
}

export interface Session {
  /** Who is signed in; `undefined` before `restore` or after signing out. */
  person(): Person | undefined
  /** Who the session cookie belongs to, or `undefined`. Throws `ApiError` when the gateway cannot say. */
  restore(): Promise<Person | undefined>
  signIn(email: string, password: string): Promise<Person>
  signOut(): Promise<void>
  /** Called when a person signs in or out; returns the way to stop. */
  subscribe(listener: () => void): () => void
  /** For the API client: a fresh token from the cookie, or `undefined` when the session is over. */
  renewToken(): Promise<string | undefined>
}

/** Keeps who is signed in. The token goes to the API client only: never to storage, which a script could read later. */
export function createSession(deps: { api: () => ApiClient }): Session {
  let person: Person | undefined
  const listeners = new Set<() => void>()

  function become(next: Person | undefined, token: string | undefined): void {
    person = next
    deps.api().setToken(token)
    for (const listener of listeners) listener()
  }

  async function fromCookie(): Promise<{ token: string; person: Person } | undefined> {
    try {
      const grant = await deps.api().call('/api/token', readGrant, { method: 'POST', anonymous: true })
      deps.api().setToken(grant.token)
      const known = grant.person ?? (await deps.api().call('/api/me', readMe, { renew: false }))
      return { token: grant.token, person: known }
    } catch (error) {
      if (error instanceof ApiError && (error.details.status === 401 || error.details.status === 403))
        return undefined
      throw error
    }
  }

  return {
    person: () => person,
    async restore() {
      if (person) return person
      const grant = await fromCookie()
      become(grant?.person, grant?.token)
      return person
    },
    async renewToken() {
      const grant = await fromCookie()
      become(grant?.person, grant?.token)
      return grant?.token
    },
    async signIn(email, password) {
      const body = { email, password }
      const grant = await deps.api().call('/api/login', readGrant, { method: 'POST', body, anonymous: true })
      deps.api().setToken(grant.token)
      const signedIn = grant.person ?? (await deps.api().call('/api/me', readMe, { renew: false }))
      become(signedIn, grant.token)
      return signedIn
    },
    async signOut() {
      await deps.api().call('/api/logout', () => undefined, { method: 'POST' })
      become(undefined, undefined)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function readGrant(json: unknown): { token: string; person: Person | undefined } {
  const grant = asObject(json)
  return {
    token: text(grant, 'token'),
    person: grant.user === undefined ? undefined : readPerson(asObject(grant.user, 'user')),
  }
}

/** `/api/me` may wrap the user as login does, or be the user. */
function readMe(json: unknown): Person {
  const me = asObject(json)
  return readPerson(me.user === undefined ? me : asObject(me.user, 'user'))
}

function readPerson(json: Json): Person {
  const email = text(json, 'email')
  return {
    id: text(json, 'id'),
    name: optionalText(json, 'name') ?? email,
    email,
    roles: texts(json, 'roles'),
    mode: optionalText(json, 'mode'),
  }
}
