/** What people may do with listings: who may, what is checked, and that it is written down. */
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Principal } from '../http/principal.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId, uuidv7 } from '../platform/ids.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import { checkBaseUrl } from './base-url.ts'
import { credentialAad } from './credential-aad.ts'
import { type PriceRule, priceOf } from './price-rule.ts'
import type { Ground, ListingChanges, ListingDraft } from './schema.ts'
import { hintOf } from './show-listing.ts'
import {
  findListing,
  findOrganisation,
  findPlatformOrganisation,
  insertListing,
  inTransaction,
  type ListingFields,
  type ListingFilter,
  type ListingRecord,
  listListings,
  lockListing,
  type ModelRow,
  type Transaction,
  updateListing,
} from './store.ts'

type Person = Extract<Principal, { kind: 'user' }>
/** A signed-in user, or the gateway itself, which may do what an operator may. */
export type Actor = Person | 'system'

export interface ListingsDeps {
  database: Database
  catalog: Pick<Catalog, 'find'>
  providers: Pick<Providers, 'find' | 'list'>
  sealer: Pick<Sealer, 'seal'>
  config: Pick<Config, 'mode' | 'allowPrivateUpstreams'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  /** Brings the market up to date; awaited, so that an answered change is on offer. */
  onChange: () => Promise<void>
}

export interface Listings {
  /** Operators only; active at once, because the operator vouches for it. */
  create(draft: ListingDraft, actor: Actor): Promise<ListingRecord>
  get(id: string, actor: Actor): Promise<ListingRecord>
  /** Everybody's for operators, one's own otherwise. */
  list(filter: ListingFilter, actor: Actor): Promise<ListingRecord[]>
  /** Sellers may rename, reprice, resize, pause and resume their own; where it points and its key are the operator's. */
  update(id: string, changes: ListingChanges, actor: Actor): Promise<ListingRecord>
  /** Ends a listing for good and destroys its credential. */
  remove(id: string, actor: Actor): Promise<void>
}

export function createListings(deps: ListingsDeps): Listings {
  const { database, audit, clock, onChange } = deps

  async function create(draft: ListingDraft, actor: Actor): Promise<ListingRecord> {
    requireOperator(actor, 'create a listing')
    const provider = providerNamed(deps, draft.provider)
    const organisationId = await sellerOf(deps, draft.organisationId)
    const id = uuidv7(clock.nowMs())
    const baseUrl = baseUrlFor(deps, provider, draft.baseUrl)
    const models = modelRows(deps, draft.models)
    checkGround(deps, draft.ground)
    const record = await inTransaction(database, async (transaction) => {
      const created = await insertListing(transaction, {
        id,
        organisationId,
        provider: provider.id,
        name: draft.name,
        baseUrl,
        ...sealedKey(deps, draft.key, { listingId: id, organisationId, baseUrl }),
        ground: draft.ground,
        groundAttestedAt: new Date(clock.nowMs()),
        state: 'active',
        stateReason: 'operator_attested',
        requestsPerMinute: draft.capacity?.requestsPerMinute ?? null,
        tokensPerMinute: draft.capacity?.tokensPerMinute ?? null,
        concurrency: draft.capacity?.concurrency ?? null,
        models,
      })
      await note(transaction, actor, 'listing.created', id, { ...auditable(draft), baseUrl })
      return created
    })
    await onChange()
    return record
  }

  async function get(id: string, actor: Actor): Promise<ListingRecord> {
    return reachable(await findListing(database.prisma, id), actor)
  }

  async function update(id: string, changes: ListingChanges, actor: Actor): Promise<ListingRecord> {
    const record = await inTransaction(database, async (transaction) => {
      const before = reachable(await lockListing(transaction, id), actor)
      mayChange(before, changes, actor)
      const fields = fieldsFor(deps, before, changes, actor)
      const after = await updateListing(transaction, id, fields)
      await note(transaction, actor, 'listing.updated', id, auditable(changes))
      return reachable(after, actor)
    })
    await onChange()
    return record
  }

  async function remove(id: string, actor: Actor): Promise<void> {
    await inTransaction(database, async (transaction) => {
      mayManage(reachable(await lockListing(transaction, id), actor), actor)
      await updateListing(transaction, id, {
        deletedAt: new Date(clock.nowMs()),
        state: 'disabled',
        stateReason: 'deleted',
        sealedCredential: new Uint8Array(),
        credentialHint: '',
      })
      await note(transaction, actor, 'listing.deleted', id, {})
    })
    await onChange()
  }

  async function note(
    transaction: Transaction,
    actor: Actor,
    action: string,
    id: string,
    detail: Record<string, unknown>,
  ): Promise<void> {
    await audit.record({ actor, action, subject: formatId('lst-', id), detail }, transaction)
  }

  return {
    create,
    get,
    list: (filter, actor) =>
      listListings(
        database,
        isOperator(actor) ? filter : { ...filter, organisationId: actor.organisationId },
      ),
    update,
    remove,
  }
}

/** What `changes` make of the listing's fields. Throws `invalid_value` or `conflict`. */
function fieldsFor(deps: ListingsDeps, before: ListingRecord, changes: ListingChanges, actor: Actor) {
  const { name, key, models, capacity, ground, state } = changes
  const provider = providerNamed(deps, before.provider)
  const baseUrl = changes.baseUrl === undefined ? before.baseUrl : baseUrlFor(deps, provider, changes.baseUrl)
  if (key === undefined && new URL(baseUrl).origin !== new URL(before.baseUrl).origin) {
    throw new GatewayError(
      'invalid_value',
      'A listing that moves to another host needs its key again: send key with baseUrl.',
      {
        param: 'key',
      },
    )
  }
  if (ground) checkGround(deps, ground)
  const binding = { listingId: before.id, organisationId: before.organisationId, baseUrl }
  return {
    baseUrl,
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : sealedKey(deps, key, binding)),
    ...(models === undefined ? {} : { models: modelRows(deps, models) }),
    ...definedOnly(capacity ?? {}),
    ...(ground === undefined ? {} : { ground, groundAttestedAt: new Date(deps.clock.nowMs()) }),
    ...stateFor(before, { state, hasNewKey: key !== undefined }, actor),
  }
}

/** A new key revives a listing whose old key was refused; everything else is said. */
function stateFor(
  before: ListingRecord,
  { state, hasNewKey }: { state: ListingChanges['state']; hasNewKey: boolean },
  actor: Actor,
): { state?: string; stateReason?: string } {
  const by = isOperator(actor) ? 'operator' : 'seller'
  if (state === 'paused') return { state, stateReason: `paused_by_${by}` }
  if (state === 'active')
    return { state, stateReason: isOperator(actor) ? 'operator_attested' : 'resumed_by_seller' }
  const revives = hasNewKey && (before.state === 'disabled' || before.state === 'suspended')
  return revives ? { state: 'active', stateReason: 'operator_attested' } : {}
}

const SELLERS_MAY_CHANGE: ReadonlySet<string> = new Set(['name', 'models', 'capacity', 'state'])

function mayChange(listing: ListingRecord, changes: ListingChanges, actor: Actor): void {
  if (isOperator(actor)) return
  mayManage(listing, actor)
  const refused = Object.keys(changes).find((field) => !SELLERS_MAY_CHANGE.has(field))
  if (refused) {
    throw new GatewayError('forbidden', `Only an operator can change ${refused} of a listing. Ask one.`, {
      param: refused,
    })
  }
  const ownPause = listing.state === 'paused' && listing.stateReason === 'paused_by_seller'
  if (changes.state !== undefined && listing.state !== 'active' && !ownPause) {
    throw new GatewayError(
      'conflict',
      `This listing is ${listing.state} (${listing.stateReason}); only an operator can change that.`,
      {
        param: 'state',
      },
    )
  }
}

function mayManage(listing: ListingRecord, actor: Actor): void {
  if (isOperator(actor)) return
  if (listing.organisationId === actor.organisationId && actor.roles.includes('seller')) return
  throw new GatewayError('forbidden', "This needs the role 'seller'. Ask an operator to grant it.")
}

/** A listing of somebody else's is not there. */
function reachable(listing: ListingRecord | undefined, actor: Actor): ListingRecord {
  if (listing && (isOperator(actor) || listing.organisationId === actor.organisationId)) return listing
  throw new GatewayError('not_found', 'There is no such listing. GET /api/marketplace/listings lists yours.')
}

function isOperator(actor: Actor): actor is 'system' {
  // The type says less than the test: for the code below both kinds of operator are the same, and not a mere person.
  return actor === 'system' || actor.roles.includes('operator')
}

function requireOperator(actor: Actor, what: string): void {
  if (!isOperator(actor)) throw new GatewayError('forbidden', `Only an operator can ${what}. Ask one.`)
}

function providerNamed({ providers }: ListingsDeps, id: string): ProviderConfig {
  const provider = providers.find(id)
  if (provider) return provider
  const known = providers.list().map((each) => each.id)
  throw new GatewayError('invalid_value', `provider: no provider '${id}'. Known are ${known.join(', ')}.`, {
    param: 'provider',
  })
}

async function sellerOf({ database }: ListingsDeps, named: string | undefined): Promise<string> {
  const id = named === undefined ? await findPlatformOrganisation(database) : parseId('org-', named)
  const organisation = id && (await findOrganisation(database.prisma, id))
  if (!organisation) {
    throw new GatewayError('invalid_value', 'organisationId: there is no such organisation.', {
      param: 'organisationId',
    })
  }
  if (organisation.closedAt) {
    throw new GatewayError('invalid_value', 'organisationId: this organisation is closed.', {
      param: 'organisationId',
    })
  }
  return id
}

function baseUrlFor({ config }: ListingsDeps, provider: ProviderConfig, text: string | undefined): string {
  return checkBaseUrl(text, { provider, anyHost: config.allowPrivateUpstreams })
}

function checkGround({ config }: ListingsDeps, ground: Ground): void {
  if (ground !== 'demo' || config.mode === 'play') return
  throw new GatewayError('invalid_value', "ground: 'demo' is for play money; this gateway is live.", {
    param: 'ground',
  })
}

/** Rows for models that exist, once each, at prices that can be known. */
function modelRows(
  { catalog }: ListingsDeps,
  models: readonly { model: string; upstreamModel?: string | undefined; price: PriceRule }[],
): ModelRow[] {
  const rows = new Map<string, ModelRow>()
  models.forEach((entry, index) => {
    const model = catalogued(() => catalog.find(entry.model), `models[${index}].model`)
    catalogued(() => priceOf(entry.price, model.listPrice, 0n), `models[${index}].price`)
    if (rows.has(model.id)) {
      throw new GatewayError('invalid_value', `models[${index}].model: '${model.id}' stands twice.`, {
        param: `models[${index}].model`,
      })
    }
    rows.set(model.id, {
      model: model.id,
      upstreamModel: entry.upstreamModel ?? model.name,
      price: entry.price,
    })
  })
  return [...rows.values()]
}

/** A fault of the catalogue or price, said of the field that caused it. */
function catalogued<Result>(read: () => Result, param: string): Result {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new GatewayError('invalid_value', `${param}: ${error.message}`, { param, cause: error })
  }
}

function sealedKey(
  { sealer }: ListingsDeps,
  key: string,
  binding: { listingId: string; organisationId: string; baseUrl: string },
): Pick<ListingFields, 'sealedCredential' | 'credentialHint'> {
  const sealed = sealer.seal(key, credentialAad(binding))
  return { sealedCredential: new Uint8Array(sealed), credentialHint: hintOf(key) }
}

/** What may be written down of a draft or change: everything but the key, of which only that there was one. */
function auditable({ key, ...rest }: Partial<ListingDraft> | ListingChanges): Record<string, unknown> {
  return { ...rest, ...(key === undefined ? {} : { key: 'replaced' }) }
}

function definedOnly<Fields extends object>(fields: Fields): Partial<ListingFields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
