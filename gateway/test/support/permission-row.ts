/** What a row of the permission matrix says, and how it is held against a running gateway. */
import type { Answer, Owner, PermissionScene, Role } from './permission-scene.ts'

/** A status, or the code of an error. */
type Outcome = number | string

export interface PermissionRow {
  /** Who is let in; everybody else hears 401 or 403 and nothing else. */
  may: readonly Role[]
  query?: string
  body?: unknown | ((scene: PermissionScene, owner: Owner) => unknown)
  /** What a call that was let in may come to, beside 2xx. */
  done?: readonly Outcome[]
  /** Makes a thing of this owner's, whose id goes into the path; `undefined` when such an owner has none. */
  object?: (scene: PermissionScene, owner: Owner, role: Role | 'stranger') => Promise<string | undefined>
  /** An id that nobody has. */
  missing?: string
  /** What those who are let in hear of a stranger's thing: 404 unless it is public. Operators reach it, unless they are named. */
  foreign?: { everybody?: Outcome; operator?: Outcome }
  /** The route takes `?organisation=`; what those who are no operators hear of a stranger's. */
  organisation?: Outcome
  /** The call ends the session, so it comes with one of its own. */
  ownSession?: boolean
  /** What those hear who are not let in, where it is not what the others hear. */
  refused?: Partial<Record<Role, Outcome>>
}

export interface Described {
  method: string
  /** As OpenAPI writes it: `/api/keys/{id}`. */
  path: string
}

/** Everything that is not as the row says. */
export async function faultsOf(
  scene: PermissionScene,
  { method, path }: Described,
  row: PermissionRow,
  options: { roles: readonly Role[]; origin?: string },
): Promise<string[]> {
  const faults: string[] = []
  const name = `${method.toUpperCase()} ${path}`
  const call = async (role: Role, id: string | undefined, query = row.query ?? ''): Promise<Answer> => {
    const owner = scene.ownerOf(role)
    const token = row.ownSession && row.may.includes(role) ? await scene.signIn(owner) : scene.tokens[role]
    const { body } = row
    return scene.ask(method.toUpperCase(), path.replace(/\{\w+\}/, encodeURIComponent(id ?? '')) + query, {
      token,
      body: typeof body === 'function' ? body(scene, owner) : body,
      ...(options.origin === undefined ? {} : { origin: options.origin }),
    })
  }
  const expect = (what: string, answer: Answer, wanted: readonly Outcome[]) => {
    const fits = wanted.some(
      (each) =>
        each === answer.status ||
        each === answer.code ||
        (each === 200 && answer.status >= 200 && answer.status < 300),
    )
    if (!fits)
      faults.push(
        `${name} as ${what}: ${answer.status} ${answer.code ?? ''} ${answer.message}, not ${wanted.join(' or ')}`,
      )
  }
  const theirs = row.object ? await row.object(scene, scene.owners.stranger, 'stranger') : undefined
  const done = [200, ...(row.done ?? [])]
  for (const role of options.roles) {
    if (!row.may.includes(role)) {
      const wanted = row.refused?.[role] ?? (role === 'anonymous' || role === 'closed' ? 401 : 403)
      expect(role, await call(role, theirs), [wanted])
      continue
    }
    if (row.object) {
      const own = await row.object(scene, scene.ownerOf(role), role)
      if (own !== undefined) expect(`${role}, own`, await call(role, own), done)
      await meetStranger(role)
    } else expect(role, await call(role, undefined), done)
    if (row.organisation !== undefined && role !== 'operator') {
      const query = `${row.query ? `${row.query}&` : '?'}organisation=${scene.owners.stranger.organisationId}`
      expect(`${role}, a stranger's organisation`, await call(role, undefined, query), [row.organisation])
    }
  }
  return faults

  async function meetStranger(role: Role): Promise<void> {
    const answer = await call(role, theirs)
    const wanted = role === 'operator' ? (row.foreign?.operator ?? 'done') : (row.foreign?.everybody ?? 404)
    expect(`${role}, a stranger's`, answer, wanted === 'done' ? done : [wanted])
    if (wanted !== 404) return
    const nothing = await call(role, row.missing)
    // A sentence may name what was asked for.
    const words = (text: string, id: string | undefined) => text.replaceAll(id ?? ' ', '…')
    const same =
      nothing.status === 404 && words(nothing.message, row.missing) === words(answer.message, theirs)
    if (!same)
      faults.push(
        `${name} as ${role} tells a stranger's thing from none: '${answer.message}', '${nothing.message}'`,
      )
  }
}
