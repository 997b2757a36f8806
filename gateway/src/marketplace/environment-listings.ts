/** Vendor keys in the environment become listings of the operator's: all of a vendor's own models, at list price. */
import { createHash } from 'node:crypto'
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import { checkBaseUrl } from './base-url.ts'
import { changeState, standingOf } from './change-state.ts'
import { fingerprintOf, keyFields } from './listing-fields.ts'
import { mayMove } from './listing-states.ts'
import { askPrices } from './price-changes.ts'
import {
  findByFingerprint,
  findPlatformOrganisation,
  insertListing,
  inTransaction,
  isDeleted,
  type ListingRecord,
  lockListing,
  type ModelRow,
  type Transaction,
  updateListing,
} from './store.ts'
import { startVerification } from './verification-store.ts'

/** Why a listing of a key that has gone is disabled; when the key comes back, so does the listing. */
const KEY_REMOVED = 'environment_key_removed'
const FROM_ENVIRONMENT = 'environment_key'
/** Play mode does not use vendor keys unless it is told to, and does not try them either. */
const LISTINGS_OFF = 'environment_listings_off'

export interface EnvironmentListingsDeps {
  database: Database
  catalog: Pick<Catalog, 'list'>
  providers: Pick<Providers, 'list'>
  sealer: Pick<Sealer, 'seal'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  config: Pick<Config, 'priceNoticeMs'>
  logger: Logger
  /** Keys that are set, by the name of their variable. */
  vendorKeys: Readonly<Record<string, string>>
  secrets: { keyPepper: Buffer }
  /** Listings that are made and not used. */
  unused: ReadonlySet<string>
}

/** The same listing at every start: its id follows from the vendor's. */
export function environmentListingId(providerId: string): string {
  const hex = createHash('sha256').update(`environment-listing:${providerId}`).digest('hex')
  // RFC 9562's version 8, with no time in it: such listings sort behind all others.
  return `00000000-0000-8${hex.slice(0, 3)}-8${hex.slice(3, 6)}-${hex.slice(6, 18)}`
}

/**
 * One listing of the platform's per vendor whose key is set, renewed at each start; those whose key has gone are
 * disabled. One that an operator has paused stays paused.
 */
export async function ensureEnvironmentListings(deps: EnvironmentListingsDeps): Promise<void> {
  const organisationId = await findPlatformOrganisation(deps.database)
  if (!organisationId) throw new Error('The platform organisation must exist before its listings.')
  for (const provider of deps.providers.list()) {
    const key = provider.environmentKeys
      .map((name) => deps.vendorKeys[name])
      .find((value) => value !== undefined)
    await inTransaction(deps.database, async (transaction) => {
      const existing = await lockListing(transaction, environmentListingId(provider.id))
      if (key === undefined) await disable(deps, transaction, existing)
      else await ensure(deps, transaction, { organisationId, provider, key, existing })
    })
  }
}

interface Wanted {
  organisationId: string
  provider: ProviderConfig
  key: string
  existing: ListingRecord | undefined
}

async function ensure(
  deps: EnvironmentListingsDeps,
  transaction: Transaction,
  wanted: Wanted,
): Promise<void> {
  const { organisationId, provider, key, existing } = wanted
  const id = environmentListingId(provider.id)
  const models = modelsOf(provider, deps.catalog)
  const obstacle = await obstacleTo(deps, transaction, { ...wanted, id, models })
  if (obstacle !== undefined) {
    deps.logger.warn({ provider: provider.id }, obstacle)
    return
  }
  const baseUrl = checkBaseUrl(undefined, { provider, anyHost: false })
  const binding = { listingId: id, organisationId, baseUrl, ground: 'own_organisation' } as const
  const credential = { baseUrl, ...(await keyFields(deps, key, binding)) }
  if (existing) {
    await renew(deps, transaction, { existing, models, credential })
    return
  }
  const state = deps.unused.has(id)
    ? { state: 'draft', stateReason: LISTINGS_OFF }
    : { state: 'verifying', stateReason: FROM_ENVIRONMENT }
  await insertListing(transaction, {
    id,
    organisationId,
    provider: provider.id,
    name: `${provider.name} (from the environment)`,
    ...credential,
    ...state,
    stateBy: 'system',
    ground: binding.ground,
    groundAttestedAt: new Date(deps.clock.nowMs()),
    groundAttestedBy: 'system',
    models,
  })
  if (state.state === 'verifying') await startVerification(transaction, id)
  await ask(deps, transaction, id, models)
  const detail = { provider: provider.id, models: models.length, ...state }
  await note(deps, transaction, id, 'listing.created', detail)
}

async function obstacleTo(
  deps: EnvironmentListingsDeps,
  transaction: Transaction,
  { id, key, existing, models }: Wanted & { id: string; models: readonly ModelRow[] },
): Promise<string | undefined> {
  if (models.length === 0) return 'a vendor key is set, but no model of this vendor has a known price'
  const fingerprint = fingerprintOf(deps, key, { ground: 'own_organisation' })
  const holder = fingerprint && (await findByFingerprint(transaction, fingerprint))
  if (holder && holder.id !== id) return 'a vendor key is set, but another listing has it already'
  const isEnded = !existing && (await isDeleted(transaction, id))
  return isEnded ? 'a vendor key is set, but its listing was deleted; list the key by hand' : undefined
}

type Credential = Awaited<ReturnType<typeof keyFields>> & { baseUrl: string }

/** Goes on serving when nothing is new; else it is verified again, unless somebody has taken it off the market. */
async function renew(
  deps: EnvironmentListingsDeps,
  transaction: Transaction,
  { existing, models, credential }: { existing: ListingRecord; models: ModelRow[]; credential: Credential },
): Promise<void> {
  const { id } = existing
  const unlisted = new Set(existing.verification?.unlisted ?? [])
  const known = new Set([...unlisted, ...existing.models.map(({ upstreamModel }) => upstreamModel)])
  const holder =
    credential.keyFingerprint && (await findByFingerprint(transaction, credential.keyFingerprint))
  const isProven =
    existing.verifiedAt !== null &&
    holder?.id === id &&
    credential.baseUrl === existing.baseUrl &&
    models.every(({ upstreamModel }) => known.has(upstreamModel))
  const offered = isProven ? models.filter(({ upstreamModel }) => !unlisted.has(upstreamModel)) : models
  const verified = isProven ? {} : { verifiedAt: null }
  const before = await updateListing(transaction, id, { ...credential, models: offered, ...verified })
  await ask(deps, transaction, id, offered)
  if (!before) return
  const to = nextState(before, { isProven, isUnused: deps.unused.has(id) })
  if (to === before.state) {
    if (to === 'verifying') await startVerification(transaction, id)
  } else if (to !== undefined) {
    const reason = to === 'draft' ? LISTINGS_OFF : FROM_ENVIRONMENT
    await changeState(deps, transaction, { before, change: { to, reason, actor: 'system' } })
  }
}

/** `undefined`: it stays where it is. */
function nextState(
  { state }: ListingRecord,
  { isProven, isUnused }: { isProven: boolean; isUnused: boolean },
): 'draft' | 'verifying' | 'active' | undefined {
  if (state === 'paused' || state === 'suspended' || state === 'quarantined') return undefined
  if (isUnused) return state === 'draft' || isProven ? undefined : 'draft'
  if (!isProven) return 'verifying'
  return state === 'disabled' ? 'active' : undefined
}

function ask(
  { clock, config }: EnvironmentListingsDeps,
  transaction: Transaction,
  listingId: string,
  models: readonly ModelRow[],
): Promise<void> {
  const nowMs = clock.nowMs()
  return askPrices(transaction, { listingId, models, nowMs, noticeMs: config.priceNoticeMs, createdBy: null })
}

async function disable(
  deps: EnvironmentListingsDeps,
  transaction: Transaction,
  before: ListingRecord | undefined,
): Promise<void> {
  if (!before || mayMove(standingOf(before), 'disabled', 'system') !== 'yes') return
  const change = { to: 'disabled', reason: KEY_REMOVED, actor: 'system' } as const
  await changeState(deps, transaction, { before, change })
}

/** The vendor's own models that have a price, under their maker's names, at list price. */
function modelsOf(provider: ProviderConfig, catalog: Pick<Catalog, 'list'>): ModelRow[] {
  return catalog
    .list()
    .filter(({ author, listPrice }) => author === provider.author && listPrice !== undefined)
    .map(({ id, name }) => ({
      model: id,
      upstreamModel: name,
      price: { kind: 'multiplier', ppm: 1_000_000 },
    }))
}

async function note(
  { audit }: EnvironmentListingsDeps,
  transaction: Transaction,
  id: string,
  action: string,
  detail: Record<string, unknown>,
): Promise<void> {
  await audit.record({ actor: 'system', action, subject: formatId('lst-', id), detail }, transaction)
}
