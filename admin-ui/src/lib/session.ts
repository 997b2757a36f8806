import type { GrantShown } from '@bourse/gateway/api/users'
import type { ApiClient } from './api-client.ts'
import { ApiError } from './api-error.ts'

/** Who is signed in, and in which mode the gateway runs: play money is badged on every page. */
export type Person = GrantShown['user']

export interface Session {
  /** Who is signed in; `undefined` before `restore` or after signing out. */
  person(): Person | undefined
  /** Who the session cookie belongs to, or `undefined`. Throws `ApiError` when the gateway cannot say. */
  restore(): Promise<Person | undefined>
  /** Throws `ApiError` with the code `two_factor_required` when a code of the second factor is needed as well. */
  signIn(email: string, password: string, code?: string): Promise<Person>
  /** Signs in by what came in a mail: an invitation, or the confirmation of an address. */
  enter(path: '/api/join' | '/api/verify', proof: { token: string; password: string }): Promise<Person>
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

  async function enter(path: string, body: object): Promise<Person> {
    const grant = await deps.api().call(path, asGrant, { method: 'POST', body, anonymous: true })
    become(grant.user, grant.token)
    return grant.user
  }

  async function fromCookie(): Promise<GrantShown | undefined> {
    try {
      return await deps.api().call('/api/token', asGrant, { method: 'POST', anonymous: true })
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
      become(grant?.user, grant?.token)
      return person
    },
    async renewToken() {
      const grant = await fromCookie()
      become(grant?.user, grant?.token)
      return grant?.token
    },
    signIn: (email, password, code) =>
      enter('/api/login', { email, password, ...(code === undefined ? {} : { code }) }),
    enter,
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

const asGrant = (json: unknown): GrantShown => json as GrantShown
