/** Vendor keys in the environment become listings of the operator's: all of a vendor's own models, at list price. */
import { createHash } from 'node:crypto'
import type { Audit } from '../audit/audit.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Clock } from '../platform/clock.ts'
import type { Database } from '../platform/database.ts'
import { formatId } from '../platform/ids.ts'
import type { Logger } from '../platform/logger.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import { checkBaseUrl } from './base-url.ts'
import { credentialAad } from './credential-aad.ts'
import { hintOf } from './show-listing.ts'
import {
  findPlatformOrganisation,
  insertListing,
  inTransaction,
  type ListingRecord,
  lockListing,
  type ModelRow,
  type Transaction,
  updateListing,
} from './store.ts'

/** Why a listing of a key that has gone is disabled; when the key comes back, so does the listing. */
const KEY_REMOVED = 'environment_key_removed'
const FROM_ENVIRONMENT = 'environment_key'

export interface EnvironmentListingsDeps {
  database: Database
  catalog: Pick<Catalog, 'list'>
  providers: Pick<Providers, 'list'>
  sealer: Pick<Sealer, 'seal'>
  audit: Pick<Audit, 'record'>
  clock: Clock
  logger: Logger
  /** Keys that are set, by the name of their variable. */
  vendorKeys: Readonly<Record<string, string>>
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
  const models = modelsOf(provider, deps.catalog)
  if (models.length === 0) {
    deps.logger.warn(
      { provider: provider.id },
      'a vendor key is set, but no model of this vendor has a known price',
    )
    return
  }
  const id = environmentListingId(provider.id)
  const baseUrl = checkBaseUrl(undefined, { provider, anyHost: false })
  // Sealed anew each time: whether the key is another one cannot be told from here, only egress opens the old.
  const sealed = deps.sealer.seal(key, credentialAad({ listingId: id, organisationId, baseUrl }))
  const credential = { baseUrl, sealedCredential: new Uint8Array(sealed), credentialHint: hintOf(key) }
  const active = { state: 'active', stateReason: FROM_ENVIRONMENT }
  if (existing) {
    const stays = existing.state === 'paused' || existing.state === 'quarantined'
    await updateListing(transaction, id, { ...credential, models, ...(stays ? {} : active) })
    if (existing.state === 'disabled')
      await note(deps, transaction, id, 'listing.enabled', { provider: provider.id })
    return
  }
  await insertListing(transaction, {
    id,
    organisationId,
    provider: provider.id,
    name: `${provider.name} (from the environment)`,
    ...credential,
    ...active,
    ground: 'own_organisation',
    groundAttestedAt: new Date(deps.clock.nowMs()),
    requestsPerMinute: null,
    tokensPerMinute: null,
    concurrency: null,
    models,
  })
  await note(deps, transaction, id, 'listing.created', { provider: provider.id, models: models.length })
}

async function disable(
  deps: EnvironmentListingsDeps,
  transaction: Transaction,
  existing: ListingRecord | undefined,
): Promise<void> {
  if (!existing || existing.state === 'disabled') return
  await updateListing(transaction, existing.id, { state: 'disabled', stateReason: KEY_REMOVED })
  await note(deps, transaction, existing.id, 'listing.disabled', { reason: KEY_REMOVED })
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
