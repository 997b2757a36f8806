/** What people may do with listings: who may, what is checked, and that it is written down. */
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, uuidv7 } from '../platform/ids.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { Providers } from '../providers/registry.ts'
import { type Actor, isOperator, nameOf, stateActorOf } from './actor.ts'
import { changeState, standingOf } from './change-state.ts'
import type { Grounds } from './grounds.ts'
import { capacityColumns } from './listing-capacity.ts'
import { baseUrlFor, keyFields, modelRows, providerNamed, sellerOf } from './listing-fields.ts'
import { type ListingState, mayMove, towardsActive, type VerifiedPart } from './listing-states.ts'
import { refusingSecondListings, requireOwnKey } from './one-listing-per-key.ts'
import { askPrices } from './price-changes.ts'
import type { Ground, ListingChanges, ListingDraft } from './schema.ts'
import {
  findListing,
  insertListing,
  inTransaction,
  type ListingRecord,
  lockListing,
  type ModelRow,
  type Transaction,
  updateListing,
} from './store.ts'
import { startVerification } from './verification-store.ts'
import { whatChanged } from './what-changed.ts'

export interface ListingsDeps {
  database: Database
  catalog: Pick<Catalog, 'find'>
  providers: Pick<Providers, 'find' | 'list'>
  sealer: Pick<Sealer, 'seal'>
  config: Pick<Config, 'mode' | 'allowPrivateUpstreams' | 'allowCustomEndpoints' | 'priceNoticeMs'>
  secrets: { keyPepper: Buffer }
  grounds: Pick<Grounds, 'require'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  /** Brings the market up to date and looks for what is to be verified; awaited, so that an answered change is on offer. */
  onChange: () => Promise<void>
}

export interface Listings {
  /** Sellers list their own, operators anybody's. It is verified next, unless it is to stay a draft. */
  create(draft: ListingDraft, actor: Actor): Promise<ListingRecord>
  get(id: string, actor: Actor): Promise<ListingRecord>
  /** Sellers change their own. A new key, base URL or model is verified before it serves; `active` asks for that too. */
  update(id: string, changes: ListingChanges, actor: Actor): Promise<ListingRecord>
  /** Ends a listing for good and destroys its credential. */
  remove(id: string, actor: Actor): Promise<void>
}

export function createListings(deps: ListingsDeps): Listings {
  const { database, clock, onChange } = deps

  async function create(draft: ListingDraft, actor: Actor): Promise<ListingRecord> {
    requireSeller(actor)
    const provider = providerNamed(deps, draft.provider)
    const organisationId = await sellerOf(deps, draft.organisationId, actor)
    const baseUrl = baseUrlFor(deps, { provider, text: draft.baseUrl, actor })
    const models = modelRows(deps, draft.models)
    const { ground } = draft
    await deps.grounds.require({ provider: provider.id, ground, baseUrl })
    const id = uuidv7(clock.nowMs())
    const key = await keyFields(deps, draft.key, { listingId: id, organisationId, baseUrl, ground })
    const state = draft.draft
      ? { state: 'draft', stateReason: 'saved_as_draft' }
      : { state: 'verifying', stateReason: 'listing_created' }
    const work = async (transaction: Transaction) => {
      await requireOwnKey(transaction, { listingId: id, fingerprint: key.keyFingerprint })
      await insertListing(transaction, {
        id,
        organisationId,
        provider: provider.id,
        name: draft.name,
        baseUrl,
        ...key,
        ground,
        groundAttestedAt: new Date(clock.nowMs()),
        groundAttestedBy: nameOf(actor),
        ...state,
        stateBy: stateActorOf(actor),
        ...capacityColumns(draft.capacity ?? {}),
        models,
      })
      if (!draft.draft) await startVerification(transaction, id)
      await ask(deps, transaction, id, { models }, actor)
      await note(deps, transaction, actor, 'listing.created', id, { ...auditable(draft), baseUrl, ...state })
      return reachable(await findListing(transaction, id), actor)
    }
    const record = await refusingSecondListings(deps, { organisationId, actor }, () =>
      inTransaction(database, work),
    )
    await onChange()
    return record
  }

  async function get(id: string, actor: Actor): Promise<ListingRecord> {
    return reachable(await findListing(database.prisma, id), actor)
  }

  async function update(id: string, changes: ListingChanges, actor: Actor): Promise<ListingRecord> {
    const { organisationId } = await get(id, actor)
    const work = async (transaction: Transaction) => {
      const before = reachable(await lockListing(transaction, id), actor)
      mayManage(before, actor)
      const fields = await fieldsFor(deps, before, changes, actor)
      await requireOwnKey(transaction, { listingId: id, fingerprint: fields.keyFingerprint })
      const hasNewKey = changes.key !== undefined
      const part = whatChanged(before, { hasNewKey, baseUrl: fields.baseUrl, models: fields.models })
      const written = await updateListing(transaction, id, {
        ...fields,
        ...(part ? { verifiedAt: null } : {}),
      })
      await ask(deps, transaction, id, { ...fields, effectiveAt: changes.effectiveAt }, actor)
      await note(deps, transaction, actor, 'listing.updated', id, auditable(changes))
      await move(deps, transaction, { before: reachable(written, actor), part, wanted: changes.state, actor })
      return reachable(await findListing(transaction, id), actor)
    }
    const record = await refusingSecondListings(deps, { organisationId, actor }, () =>
      inTransaction(database, work),
    )
    await onChange()
    return record
  }

  async function remove(id: string, actor: Actor): Promise<void> {
    await inTransaction(database, async (transaction) => {
      const before = reachable(await lockListing(transaction, id), actor)
      mayManage(before, actor)
      mayRemove(before, actor)
      await updateListing(transaction, id, {
        deletedAt: new Date(clock.nowMs()),
        state: 'disabled',
        stateReason: 'deleted',
        stateBy: stateActorOf(actor),
        sealedCredential: new Uint8Array(),
        credentialHint: '',
        keyFingerprint: null,
      })
      const detail = { from: before.state, to: 'disabled', reason: 'deleted' }
      await note(deps, transaction, actor, 'listing.deleted', id, detail)
    })
    await onChange()
  }

  return { create, get, update, remove }
}

/** What a change does to the state: what was asked for, or a verification because of what is new. */
async function move(
  deps: ListingsDeps,
  transaction: Transaction,
  { before, part, wanted, actor }: Moving,
): Promise<void> {
  const to = wanted === 'active' ? resumed(before, part) : wanted
  if (to === 'active' || to === 'verifying') {
    await deps.grounds.require({ ...before, ground: before.ground as Ground })
  }
  if (to !== undefined && to !== before.state) {
    requireMove(before, to, actor)
    await changeState(deps, transaction, {
      before,
      change: { to, reason: reasonFor(to, part, actor), actor },
    })
  } else if (part && before.state === 'verifying') {
    await startVerification(transaction, before.id)
  } else if (part && to === undefined && startsAgain(before, part)) {
    if (mayMove(standingOf(before), 'verifying', stateActorOf(actor)) !== 'yes') return
    await changeState(deps, transaction, { before, change: { to: 'verifying', reason: part, actor } })
  }
}

interface Moving {
  before: ListingRecord
  part: VerifiedPart | undefined
  wanted: ListingChanges['state']
  actor: Actor
}

function resumed(before: ListingRecord, part: VerifiedPart | undefined): ListingState | undefined {
  const isVerified = before.verifiedAt !== null && part === undefined
  return towardsActive(standingOf(before), { isVerified })
}

function reasonFor(to: ListingState, part: VerifiedPart | undefined, actor: Actor): string {
  const by = stateActorOf(actor)
  if (to === 'verifying') return part ?? `asked_by_${by}`
  return to === 'active' ? `resumed_by_${by}` : `${to}_by_${by}`
}

/** Without being asked: what was on the market stays in sight of it, and a key that was refused is given another try. */
function startsAgain({ state, stateReason }: ListingRecord, part: VerifiedPart): boolean {
  if (state === 'active' || state === 'cooling') return true
  const wasRefused = state === 'draft' && stateReason?.startsWith('verification_failed:') === true
  return wasRefused || (part === 'key_changed' && (state === 'disabled' || state === 'suspended'))
}

function requireMove(before: ListingRecord, to: ListingState, actor: Actor): void {
  const answer = mayMove(standingOf(before), to, stateActorOf(actor))
  if (answer === 'yes') return
  const now = `This listing is ${before.state} (${before.stateReason})`
  const only = answer === 'operators_only' || !isOperator(actor)
  const message = only ? `${now}; only an operator can change that.` : `${now} and cannot become ${to}.`
  throw new GatewayError('conflict', message, { param: 'state' })
}

/** What `changes` make of the listing's fields. Throws `invalid_value`. */
async function fieldsFor(deps: ListingsDeps, before: ListingRecord, changes: ListingChanges, actor: Actor) {
  const { name, key, models, capacity } = changes
  const provider = providerNamed(deps, before.provider)
  const text = changes.baseUrl
  const baseUrl = text === undefined ? before.baseUrl : baseUrlFor(deps, { provider, text, actor })
  if (key === undefined && new URL(baseUrl).origin !== new URL(before.baseUrl).origin) {
    const message = 'A listing that moves to another host needs its key again: send key with baseUrl.'
    throw new GatewayError('invalid_value', message, { param: 'key' })
  }
  const ground = changes.ground ?? (before.ground as Ground)
  if (key === undefined && before.ground === 'demo' && ground !== 'demo') {
    const message = 'A listing that was a demo needs its own key: send key with ground.'
    throw new GatewayError('invalid_value', message, { param: 'key' })
  }
  if (changes.ground) await deps.grounds.require({ provider: provider.id, ground, baseUrl })
  const binding = { listingId: before.id, organisationId: before.organisationId, baseUrl, ground }
  return {
    baseUrl,
    ...(name === undefined ? {} : { name }),
    ...(key === undefined ? {} : await keyFields(deps, key, binding)),
    ...(models === undefined ? {} : { models: modelRows(deps, models) }),
    ...capacityColumns(capacity ?? {}),
    ...(changes.ground === undefined
      ? {}
      : { ground, groundAttestedAt: new Date(deps.clock.nowMs()), groundAttestedBy: nameOf(actor) }),
  }
}

/** Prices of models that are sent; those of the others stay. */
async function ask(
  { clock, config }: ListingsDeps,
  transaction: Transaction,
  listingId: string,
  { models, effectiveAt }: { models?: readonly ModelRow[]; effectiveAt?: Date | undefined },
  actor: Actor,
): Promise<void> {
  if (!models) return
  await askPrices(transaction, {
    listingId,
    models,
    nowMs: clock.nowMs(),
    noticeMs: config.priceNoticeMs,
    effectiveAtMs: effectiveAt?.getTime(),
    createdBy: actor === 'system' ? null : actor.userId,
  })
}

async function note(
  { audit }: ListingsDeps,
  transaction: Transaction,
  actor: Actor,
  action: string,
  id: string,
  detail: Record<string, unknown>,
): Promise<void> {
  await audit.record({ actor, action, subject: formatId('lst-', id), detail }, transaction)
}

function requireSeller(actor: Actor): void {
  if (!isOperator(actor) && !actor.roles.includes('seller')) {
    throw new GatewayError('forbidden', "This needs the role 'seller'. Ask an operator to grant it.")
  }
}

function mayManage(listing: ListingRecord, actor: Actor): void {
  if (isOperator(actor)) return
  requireSeller(actor)
  if (listing.organisationId === actor.organisationId) return
  throw new GatewayError('forbidden', "This listing is somebody else's.")
}

/** What stands against a listing must not be got rid of by listing its key anew. */
function mayRemove({ state, stateReason }: ListingRecord, actor: Actor): void {
  if (state !== 'quarantined' || isOperator(actor)) return
  throw new GatewayError(
    'conflict',
    `This listing is quarantined (${stateReason}) and stays until an operator has decided. Ask one.`,
  )
}

/** A listing of somebody else's is not there. */
function reachable(listing: ListingRecord | undefined, actor: Actor): ListingRecord {
  if (listing && (isOperator(actor) || listing.organisationId === actor.organisationId)) return listing
  throw new GatewayError('not_found', 'There is no such listing. GET /api/marketplace/listings lists yours.')
}

/** What may be written down of a draft or change: everything but the key, of which only that there was one. */
function auditable({ key, ...rest }: Partial<ListingDraft> | ListingChanges): Record<string, unknown> {
  return { ...rest, ...(key === undefined ? {} : { key: 'replaced' }) }
}
