import type { Audit } from '../audit/audit.ts'
import type { Principal } from '../http/principal.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Budget } from '../ledger/operations.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import { keyedHash } from '../platform/secrets.ts'
import type { KeyChanges, KeyScope } from './schema.ts'
import {
  changeKey,
  countOpenKeys,
  findKey,
  findOrganisation,
  insertKey,
  inTransaction,
  type KeyRecord,
  listKeys,
  lockOrganisation,
  replaceSecret,
  type Transaction,
} from './store.ts'
import { mintToken } from './token.ts'

export type { KeyRecord } from './store.ts'

// A key per program and place, not per request; a leaked loop that mints must end somewhere.
const OPEN_KEYS_MAX = 500
const DEFAULT_SCOPES: KeyScope[] = ['inference', 'read']

/** What is needed of the ledger here: a budget is kept under its key's id. */
export type BudgetLedger = Pick<Ledger, 'setBudget' | 'budgetOf'>

export interface KeyDraft extends Omit<KeyChanges, 'name'> {
  name: string
  organisationId: string
  createdByUserId?: string | undefined
}

/** `token` is the whole key: told once, kept nowhere. */
export interface MintedKey {
  key: KeyRecord
  token: string
}

type Actor = Principal | 'system'

export interface Keys {
  /** Throws `not_found`, `conflict` for a closed organisation or too many keys, `forbidden` for a scope it may not have. */
  mint(draft: KeyDraft, actor: Actor): Promise<MintedKey>
  /** Throws `not_found`, also for a key of another organisation than `organisationId`. */
  get(id: string, organisationId?: string): Promise<KeyRecord>
  list(page: { limit: number; beforeId?: string; organisationId?: string }): Promise<KeyRecord[]>
  update(key: KeyRecord, changes: KeyChanges, actor: Actor): Promise<KeyRecord>
  /** A new secret for the same key; the old one goes on for `graceS` seconds, and the one before that ends now. */
  rotate(key: KeyRecord, graceS: number, actor: Actor): Promise<MintedKey>
  /** For good. Revoking twice is revoking once. */
  revoke(key: KeyRecord, actor: Actor): Promise<KeyRecord>
  budgetOf(id: string): Promise<Budget | undefined>
}

export interface KeysDeps {
  database: Database
  /** The key of the keyed hash: a copy of the table without it opens nothing. */
  pepper: Buffer
  clock: Clock
  audit: Audit
  ledger: BudgetLedger
}

/** API keys from mint to revocation. */
export function createKeys({ database, pepper, clock, audit, ledger }: KeysDeps): Keys {
  const record = (
    transaction: Transaction,
    {
      actor,
      action,
      id,
      detail,
    }: { actor: Actor; action: string; id: string; detail?: Record<string, unknown> },
  ) =>
    audit.record({ actor, action, subject: formatId('key-', id), ...(detail ? { detail } : {}) }, transaction)

  return {
    async mint(draft, actor) {
      const { organisationId, createdByUserId, budget, ...settings } = draft
      const id = uuidv7(clock.nowMs())
      const minted = mintToken()
      const scopes = settings.scopes ?? DEFAULT_SCOPES
      const key = await inTransaction(database, async (transaction) => {
        await checkOwner(transaction, organisationId, settings.scopes ?? [])
        await checkRoom(transaction, organisationId)
        // Before the commit: a key that works before its limit stands could spend without one.
        if (budget) await ledger.setBudget(id, budget)
        const stored = await insertKey(transaction, {
          ...columnsOf(settings),
          id,
          organisationId,
          createdByUserId: createdByUserId ?? null,
          name: draft.name,
          scopes,
          models: settings.models ?? [],
          lookupId: minted.lookupId,
          secretHash: hashOf(pepper, minted.secret),
          hint: minted.token.slice(-4),
          createdAt: new Date(clock.nowMs()),
        })
        const detail = {
          ...settings,
          scopes,
          organisationId: formatId('org-', organisationId),
          budget: budget ?? null,
        }
        await record(transaction, { actor, action: 'key.created', id, detail })
        return stored
      })
      return { key, token: minted.token }
    },
    async get(id, organisationId) {
      const key = await findKey(database.prisma, id)
      // Another's key and no key are one answer, so ids cannot be tried out.
      if (!key || (organisationId !== undefined && key.organisationId !== organisationId)) throw notFound()
      return key
    },
    list: (page) => listKeys(database.prisma, page),
    async update(key, changes, actor) {
      refuseRevoked(key)
      const { budget, ...settings } = changes
      return inTransaction(database, async (transaction) => {
        const added = (settings.scopes ?? []).filter((scope) => !key.scopes.includes(scope))
        await checkOwner(transaction, key.organisationId, added)
        if (budget !== undefined) await ledger.setBudget(key.id, budget)
        const changed = await changeKey(transaction, key.id, columnsOf(settings))
        await record(transaction, { actor, action: 'key.updated', id: key.id, detail: changes })
        return changed
      })
    },
    async rotate(key, graceS, actor) {
      refuseRevoked(key)
      const minted = mintToken()
      const rotated = await inTransaction(database, async (transaction) => {
        const changed = await replaceSecret(transaction, key.id, {
          lookupId: minted.lookupId,
          secretHash: hashOf(pepper, minted.secret),
          hint: minted.token.slice(-4),
          graceUntil: graceS > 0 ? new Date(clock.nowMs() + graceS * 1000) : undefined,
        })
        await record(transaction, { actor, action: 'key.rotated', id: key.id, detail: { graceS } })
        return changed
      })
      return { key: rotated, token: minted.token }
    },
    async revoke(key, actor) {
      if (key.revokedAt) return key
      return inTransaction(database, async (transaction) => {
        const revoked = await changeKey(transaction, key.id, { revokedAt: new Date(clock.nowMs()) })
        await record(transaction, { actor, action: 'key.revoked', id: key.id })
        return revoked
      })
    },
    budgetOf: (id) => ledger.budgetOf(id),
  }
}

/** A key gets no scope that its organisation could not use itself. */
async function checkOwner(
  transaction: Transaction,
  organisationId: string,
  added: readonly string[],
): Promise<void> {
  // Two at once would both see room for one more.
  await lockOrganisation(transaction, organisationId)
  const owner = await findOrganisation(transaction, organisationId)
  if (!owner) throw new GatewayError('not_found', 'There is no such organisation.', { param: 'organisation' })
  if (owner.closedAt)
    throw new GatewayError('conflict', 'This organisation has been closed; it can have no keys.')
  if (added.includes('inference') && !owner.roles.includes('buyer')) {
    throw new GatewayError(
      'forbidden',
      "A key with the scope 'inference' needs the role 'buyer'. Ask an operator to grant it.",
      { param: 'scopes' },
    )
  }
}

async function checkRoom(transaction: Transaction, organisationId: string): Promise<void> {
  if ((await countOpenKeys(transaction, organisationId)) >= OPEN_KEYS_MAX) {
    throw new GatewayError('conflict', `This organisation has ${OPEN_KEYS_MAX} keys. Revoke one first.`)
  }
}

/** The columns behind what a caller may set; what is not named stays as it is. */
function columnsOf(settings: Omit<KeyChanges, 'budget'>) {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as {
    [Name in keyof typeof settings]-?: Exclude<(typeof settings)[Name], undefined>
  }
}

function hashOf(pepper: Buffer, secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(keyedHash(pepper, secret))
}

function refuseRevoked(key: KeyRecord): void {
  if (key.revokedAt)
    throw new GatewayError('conflict', 'This key has been revoked for good. Create a new one.')
}

function notFound(): GatewayError {
  return new GatewayError('not_found', 'There is no such key. GET /api/keys lists yours.')
}
