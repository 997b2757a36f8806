/** The rows of the market: listings, prices, cases and the operator's side of them. */
import type { PermissionRow } from './permission-row.ts'
import { MODEL, type Owner, type PermissionScene, type Role } from './permission-scene.ts'

const PEOPLE: readonly Role[] = ['buyer', 'seller', 'operator']
const READERS: readonly Role[] = ['readKey', ...PEOPLE]
const SELLERS: readonly Role[] = ['seller', 'operator']
const OPERATORS: readonly Role[] = ['operator']
const NO_LISTING = 'lst-00000000000000000000000000'

function draft(scene: PermissionScene) {
  return {
    provider: 'openai',
    name: 'a draft',
    key: `sk-matrix-${scene.counter()}-of-nobody`,
    models: [{ model: MODEL, price: { kind: 'multiplier', ppm: 1_000_000 } }],
    ground: 'own_organisation',
    draft: true,
  }
}

/** A draft is its seller's alone; a buyer has none. */
async function newDraft(
  scene: PermissionScene,
  { token }: Owner,
  role: Role | 'stranger',
): Promise<string | undefined> {
  if (role === 'buyer') return undefined
  const answer = await scene.ask('POST', '/api/marketplace/listings', { token, body: draft(scene) })
  if (answer.status !== 201) throw new Error(JSON.stringify(answer))
  return String(answer.body.id)
}

const ownListing = { may: PEOPLE, object: newDraft, missing: NO_LISTING }

async function newCase(scene: PermissionScene, { organisationId }: Owner): Promise<string> {
  const { id, uuid } = scene.freshId('cas-')
  await scene.sql(
    `INSERT INTO trust_case (id, "listingId", "organisationId", model, kind, state, quarantined, evidence)
     VALUES ($1, $2, $3, $4, 'usage_inflated', 'open', false, '{}')`,
    [uuid, scene.freshId('lst-').uuid, scene.uuidOf('org-', organisationId), MODEL],
  )
  return id
}

const ownCase = { may: PEOPLE, object: newCase, missing: 'cas-00000000000000000000000000' }
const question = { model: MODEL, inputTokens: 100 }

export const marketRows: Readonly<Record<string, PermissionRow>> = {
  'post /api/marketplace/estimate': { may: READERS, body: question },
  'post /api/route': { may: READERS, body: question },
  'get /api/models': { may: READERS },
  'get /api/marketplace/models': { may: READERS },
  'get /api/marketplace/offers': { may: READERS },
  'get /api/marketplace/prices': { may: READERS },
  'get /api/marketplace/prices/stream': { may: READERS },
  'get /api/marketplace/listings/{id}/prices': {
    ...ownListing,
    query: `?model=${encodeURIComponent(MODEL)}`,
  },
  'post /api/marketplace/prices/preview': {
    may: ['seller'],
    body: { model: MODEL, price: { kind: 'multiplier', ppm: 1_000_000 } },
  },
  'post /api/marketplace/listings': { may: SELLERS, body: draft },
  'get /api/marketplace/listings': { may: PEOPLE },
  'get /api/marketplace/listings/{id}': ownListing,
  'put /api/marketplace/listings/{id}': { ...ownListing, body: { name: 'renamed' } },
  'delete /api/marketplace/listings/{id}': ownListing,
  'get /api/marketplace/listings/{id}/dashboard': ownListing,
  'get /api/trust/cases': { may: PEOPLE },
  'get /api/trust/cases/{id}': ownCase,
  // Operators resolve; only the seller disputes.
  'post /api/trust/cases/{id}/dispute': { ...ownCase, body: { reason: 'no' }, foreign: { operator: 403 } },
  'post /api/trust/cases/{id}/resolve': {
    ...ownCase,
    may: OPERATORS,
    body: { outcome: 'upheld', note: 'so it is' },
  },
  'get /api/marketplace/grounds': { may: READERS },
  'put /api/marketplace/grounds': {
    may: OPERATORS,
    body: { provider: 'openai', grounds: ['own_organisation'] },
    done: ['invalid_value'],
  },
  'get /api/providers': { may: PEOPLE },
  'get /api/catalog/models': { may: PEOPLE },
  'get /api/catalog/changes': { may: OPERATORS },
}
