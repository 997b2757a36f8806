/** From what people send to the fields of a listing: each checked where it enters, faults said of the member that caused them. */
import type { Catalog } from '../catalog/catalog.ts'
import type { Config } from '../platform/config.ts'
import type { Database } from '../platform/database.ts'
import { GatewayError } from '../platform/errors.ts'
import { formatId, parseId } from '../platform/ids.ts'
import type { Sealer } from '../platform/secrets.ts'
import type { ProviderConfig } from '../providers/provider.ts'
import type { Providers } from '../providers/registry.ts'
import { type Actor, isOperator } from './actor.ts'
import { checkBaseUrl } from './base-url.ts'
import { credentialAad } from './credential-aad.ts'
import { keyFingerprint } from './key-fingerprint.ts'
import { modelCapacityJson } from './listing-capacity.ts'
import { type PriceRule, priceOf } from './price-rule.ts'
import type { Ground } from './schema.ts'
import { hintOf } from './show-listing.ts'
import { findOrganisation, findPlatformOrganisation, type ListingFields, type ModelRow } from './store.ts'

interface FieldsDeps {
  database: Database
  catalog: Pick<Catalog, 'find'>
  providers: Pick<Providers, 'find' | 'list'>
  sealer: Pick<Sealer, 'seal'>
  config: Pick<Config, 'allowPrivateUpstreams' | 'allowCustomEndpoints'>
  /** Keys the fingerprints of upstream keys. */
  secrets: { keyPepper: Buffer }
}

export function providerNamed({ providers }: Pick<FieldsDeps, 'providers'>, id: string): ProviderConfig {
  const provider = providers.find(id)
  if (provider) return provider
  const known = providers.list().map((each) => each.id)
  throw new GatewayError('invalid_value', `provider: no provider '${id}'. Known are ${known.join(', ')}.`, {
    param: 'provider',
  })
}

/** Whose listing it becomes: an operator names anybody, the platform when he names nobody; a seller is himself. */
export async function sellerOf(
  { database }: Pick<FieldsDeps, 'database'>,
  named: string | undefined,
  actor: Actor,
): Promise<string> {
  if (!isOperator(actor)) {
    if (named === undefined || named === formatId('org-', actor.organisationId)) return actor.organisationId
    throw new GatewayError('forbidden', 'organisationId: only an operator can list for somebody else.', {
      param: 'organisationId',
    })
  }
  const id = named === undefined ? await findPlatformOrganisation(database) : parseId('org-', named)
  const organisation = id && (await findOrganisation(database.prisma, id))
  if (!organisation) throw badOrganisation('there is no such organisation')
  if (organisation.closedAt) throw badOrganisation('this organisation is closed')
  return id
}

function badOrganisation(why: string): GatewayError {
  return new GatewayError('invalid_value', `organisationId: ${why}.`, { param: 'organisationId' })
}

/** Machines of one's own network are for operators: a seller's listing must not reach into it. */
export function baseUrlFor(
  { config }: Pick<FieldsDeps, 'config'>,
  { provider, text, actor }: { provider: ProviderConfig; text: string | undefined; actor: Actor },
): string {
  const ports = isOperator(actor) ? 'any_port' : 'port_443'
  const baseUrl = checkBaseUrl(text, {
    provider,
    anyHost: config.allowPrivateUpstreams && isOperator(actor),
    custom: config.allowCustomEndpoints ? ports : undefined,
  })
  // A provider that is a machine of the operator's, such as Ollama, is not a seller's to sell.
  if (!isOperator(actor) && !baseUrl.startsWith('https://')) {
    throw new GatewayError(
      'forbidden',
      `Only an operator can list ${provider.name}: it runs on his own machines.`,
      {
        param: 'provider',
      },
    )
  }
  return baseUrl
}

interface ListedModel {
  model: string
  upstreamModel?: string | undefined
  price: PriceRule
  capacity?: Parameters<typeof modelCapacityJson>[0]
}

/** Rows for models that exist, once each, at prices that can be known. */
export function modelRows(
  { catalog }: Pick<FieldsDeps, 'catalog'>,
  models: readonly ListedModel[],
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
    const capacity = modelCapacityJson(entry.capacity)
    rows.set(model.id, {
      model: model.id,
      upstreamModel: entry.upstreamModel ?? model.name,
      price: entry.price,
      ...(capacity === undefined ? {} : { capacity }),
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

interface Binding {
  listingId: string
  organisationId: string
  baseUrl: string
}

/** The key sealed for this listing, seller and place, and what recognises it. */
export async function keyFields(
  deps: Pick<FieldsDeps, 'sealer' | 'secrets'>,
  key: string,
  { ground, ...binding }: Binding & { ground: Ground },
): Promise<Pick<ListingFields, 'sealedCredential' | 'credentialHint' | 'keyFingerprint'>> {
  return {
    ...(await sealedKey(deps, key, binding)),
    keyFingerprint: fingerprintOf(deps, key, { ground, ...binding }),
  }
}

async function sealedKey(
  { sealer }: Pick<FieldsDeps, 'sealer'>,
  key: string,
  binding: Binding,
): Promise<Pick<ListingFields, 'sealedCredential' | 'credentialHint'>> {
  const sealed = await sealer.seal(key, credentialAad(binding))
  return { sealedCredential: new Uint8Array(sealed), credentialHint: hintOf(key) }
}

/** Demo keys are settings, which many may share; nobody owns them. */
export function fingerprintOf(
  { secrets }: Pick<FieldsDeps, 'secrets'>,
  key: string,
  { ground }: { ground: Ground },
): Uint8Array<ArrayBuffer> | null {
  return ground === 'demo' ? null : keyFingerprint(secrets.keyPepper, key)
}
