import type { Audit } from '../audit/audit.ts'
import type { Principal, Role } from '../http/principal.ts'
import { validate } from '../http/validate.ts'
import type { Clock } from '../platform/clock.ts'
import { type Database, uniqueViolation } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId } from '../platform/ids.ts'
import type { Auth } from './auth.ts'
import { generatePassword } from './generate-password.ts'
import type { Invitations } from './invitations.ts'
import type { IssuedLink, Links } from './links.ts'
import type { PasswordQueue } from './password-queue.ts'
import { firstOperator } from './schema.ts'
import { deleteSessions } from './session-store.ts'
import type { Sessions } from './sessions.ts'
import {
  closeUser,
  deleteUser,
  findUser,
  hasListings,
  hasTopups,
  insertUser,
  inTransaction,
  listUsers,
  lockOrganisation,
  lockPlatform,
  openOperators,
  setOperator,
  setPasswordHash,
  setRoles,
  setVerified,
  type Transaction,
  type UserFilter,
  type UserRecord,
  updateProfile,
} from './store.ts'
import type { Wallets } from './wallets.ts'

export type Actor = Principal | 'system'
export type GrantableRole = Extract<Role, 'buyer' | 'seller'>

export interface UserDraft {
  email: string
  name: string
  /** Without one we make one, or none with `invite`. */
  password?: string | undefined
  /** The person gets a mail and chooses the password. */
  invite?: boolean | undefined
  roles?: readonly GrantableRole[] | undefined
  operator?: boolean | undefined
}

export interface UserChanges {
  email?: string | undefined
  name?: string | undefined
  roles?: readonly GrantableRole[] | undefined
  operator?: boolean | undefined
  /** `true`: we make one. */
  password?: string | true | undefined
}

/** `password` is there when we made it: shown once, kept nowhere. `invitation` when one was sent. */
export interface UserAnswer {
  user: UserRecord
  password?: string
  invitation?: IssuedLink
}

export interface Accounts {
  /** Throws `conflict` when the address is taken. */
  create(draft: UserDraft, actor: Actor): Promise<UserAnswer>
  /** Throws `not_found`. */
  get(id: string): Promise<UserRecord>
  findByEmail(email: string): Promise<UserRecord | undefined>
  list(filter: UserFilter): Promise<UserRecord[]>
  /** Throws `not_found`, or `conflict` for a closed user, a taken address, or the last operator. */
  update(id: string, changes: UserChanges, actor: Actor): Promise<UserAnswer>
  /** What `remove` would do with the user now. */
  removalOf(user: UserRecord): Promise<'closed' | 'deleted'>
  /** Closes a user with money, holds, history or listings; deletes any other. Throws as `update`. */
  remove(id: string, actor: Actor): Promise<'closed' | 'deleted'>
  /** The platform organisation and one operator, made once; later calls find the operator there is and change nothing. */
  ensureFirstOperator(operator: {
    email: string
    password: string
  }): Promise<{ user: UserRecord; created: boolean }>
}

export interface AccountsDeps {
  database: Database
  auth: Auth
  audit: Audit
  clock: Clock
  passwordQueue: PasswordQueue
  wallets: Pick<Wallets, 'isTouched'>
  sessions: Pick<Sessions, 'forgetUser'>
  links: Pick<Links, 'end'>
  invitations: Pick<Invitations, 'send'>
}

/** Users, their personal organisation and their roles. */
export function createAccounts(deps: AccountsDeps): Accounts {
  const { database, auth, audit, clock, passwordQueue, wallets, sessions, links, invitations } = deps
  const hashed = (password: string) => passwordQueue.run(() => auth.hashPassword(password))

  async function insert(
    transaction: Transaction,
    { draft, passwordHash, actor }: { draft: UserDraft; passwordHash: string | null; actor: Actor },
  ): Promise<UserRecord> {
    const { email, name, roles = ['buyer'], operator = false } = draft
    const nowMs = clock.nowMs()
    const emailVerified = true // an operator vouches for the address
    const id = await insertUser(transaction, { email, name, roles, passwordHash, emailVerified, nowMs })
    if (operator) {
      await lockPlatform(transaction)
      await setOperator(transaction, id, true)
    }
    await audit.record(
      { actor, action: 'user.created', subject: subjectOf(id), detail: { email, roles, operator } },
      transaction,
    )
    return found(await findUser(transaction, { id }))
  }

  async function removalOf(client: Transaction, { organisationId }: UserRecord) {
    const keep =
      (await hasListings(client, organisationId)) ||
      (await hasTopups(client, organisationId)) ||
      (await wallets.isTouched(organisationId))
    return keep ? 'closed' : 'deleted'
  }

  return {
    async create(draft, actor) {
      if (draft.invite) {
        return refusingTakenAddress(() =>
          inTransaction(database, async (transaction) => {
            const user = await insert(transaction, { draft, passwordHash: null, actor })
            return { user, invitation: await invitations.send(transaction, user, actor) }
          }),
        )
      }
      const password = draft.password ?? generatePassword()
      const passwordHash = await hashed(password)
      const user = await refusingTakenAddress(() =>
        inTransaction(database, (transaction) => insert(transaction, { draft, passwordHash, actor })),
      )
      return draft.password === undefined ? { user, password } : { user }
    },
    get: async (id) => found(await findUser(database.prisma, { id })),
    findByEmail: (email) => findUser(database.prisma, { email: email.toLowerCase() }),
    list: (page) => listUsers(database.prisma, page),
    async update(id, changes, actor) {
      const password = changes.password === true ? generatePassword() : changes.password
      const passwordHash = password === undefined ? undefined : await hashed(password)
      const user = await refusingTakenAddress(() =>
        inTransaction(database, async (transaction) => {
          await change(transaction, { id, changes, passwordHash })
          // A link that went to the old address, or was asked for because of the old password, is no way in.
          if (changes.email !== undefined || passwordHash !== undefined) await links.end(transaction, id)
          const detail = { ...changes, ...(passwordHash === undefined ? {} : { password: 'changed' }) }
          await audit.record({ actor, action: 'user.updated', subject: subjectOf(id), detail }, transaction)
          return found(await findUser(transaction, { id }))
        }),
      )
      sessions.forgetUser(id)
      return changes.password === true && password !== undefined ? { user, password } : { user }
    },
    removalOf: (user) => removalOf(database.prisma, user),
    async remove(id, actor) {
      const ended = await inTransaction(database, async (transaction) => {
        const user = await openUser(transaction, id)
        if (user.roles.includes('operator')) await leaveOneOperator(transaction, id)
        // A credit that is being booked waits here or is seen below, see wallets.ts.
        await lockOrganisation(transaction, user.organisationId)
        await links.end(transaction, id)
        await closeUser(transaction, user, clock.nowMs())
        const how = await removalOf(transaction, user)
        if (how === 'deleted') await deleteUser(transaction, user)
        const detail = { email: user.email }
        await audit.record({ actor, action: `user.${how}`, subject: subjectOf(id), detail }, transaction)
        return how
      })
      sessions.forgetUser(id)
      return ended
    },
    async ensureFirstOperator(operator) {
      const { email, password } = validate(firstOperator, operator)
      const [known] = await openOperators(database.prisma)
      // Hashing takes a tenth of a second, which every later start would pay for nothing.
      const passwordHash = known ? '' : await hashed(password)
      return inTransaction(database, async (transaction) => {
        await lockPlatform(transaction)
        const [first] = await openOperators(transaction)
        if (first) return { user: found(await findUser(transaction, { id: first })), created: false }
        const draft: UserDraft = {
          email,
          name: 'Operator',
          roles: ['buyer', 'seller'],
          operator: true,
        }
        return { user: await insert(transaction, { draft, passwordHash, actor: 'system' }), created: true }
      })
    },
  }
}

async function change(
  transaction: Transaction,
  { id, changes, passwordHash }: { id: string; changes: UserChanges; passwordHash: string | undefined },
): Promise<void> {
  const user = await openUser(transaction, id)
  const { email, name, roles, operator } = changes
  if (operator === false && user.roles.includes('operator')) await leaveOneOperator(transaction, id)
  if (operator === true) await lockPlatform(transaction)
  if (operator !== undefined) await setOperator(transaction, id, operator)
  if (roles) await setRoles(transaction, { userId: id, organisationId: user.organisationId, roles })
  if (email !== undefined || name !== undefined) {
    await updateProfile(transaction, id, {
      ...(email === undefined ? {} : { email }),
      ...(name === undefined ? {} : { name }),
    })
  }
  if (passwordHash !== undefined) {
    await setPasswordHash(transaction, id, passwordHash)
    // The operator who gives a password vouches for the address, as when the user was made.
    await setVerified(transaction, id)
    await deleteSessions(transaction, id)
  }
}

/** Throws when `id` is the only operator left. The lock makes two who remove each other wait in line. */
async function leaveOneOperator(transaction: Transaction, id: string): Promise<void> {
  await lockPlatform(transaction)
  const operators = await openOperators(transaction)
  if (operators.some((operator) => operator !== id)) return
  throw new GatewayError('conflict', 'This is the last operator. Make another user an operator first.')
}

async function openUser(transaction: Transaction, id: string): Promise<UserRecord> {
  const user = found(await findUser(transaction, { id }))
  if (user.closedAt) throw new GatewayError('conflict', 'This user has been closed and cannot be changed.')
  return user
}

function found(user: UserRecord | undefined): UserRecord {
  if (!user) throw new GatewayError('not_found', 'There is no such user. GET /api/users lists them.')
  return user
}

async function refusingTakenAddress<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!uniqueViolation(error)?.includes('email')) throw error
    throw new GatewayError(
      'conflict',
      'A user with this email address exists already, perhaps a closed one.',
      { param: 'email', cause: error },
    )
  }
}

const subjectOf = (id: string) => formatId('usr-', id)
