/** Writes who is in a planned market and what is for sale in it. */
import { credentialAad } from '../gateway/src/marketplace/credential-aad.ts'
import type { DatabaseClient } from '../gateway/src/platform/database.ts'
import type { Sealer } from '../gateway/src/platform/secrets.ts'
import { randomOf } from '../gateway/src/routing/seeded-random.ts'
import { copyIn, type Field } from './copy-in.ts'
import { DAY_MS, HOUR_MS, idAt, type ListingPlan, type Market, type PersonPlan } from './market-plan.ts'

const PLATFORM = '00000000-0000-7000-8000-000000000001'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SESSIONS_EACH = 2

/** All of them have the same password; people who were invited have none. */
export async function writePeople(
  client: DatabaseClient,
  market: Market,
  passwordHash: string,
): Promise<void> {
  const { people, operator, size } = market
  const random = randomOf(`sign-ins ${size.seed}`)
  const at = (ms: number) => new Date(ms)
  await client.query(
    `INSERT INTO organisation (id, name, kind) VALUES ($1, 'Platform', 'platform') ON CONFLICT (id) DO NOTHING`,
    [PLATFORM],
  )
  await copyIn(
    client,
    'organisation (id, name, kind, "createdAt", "closedAt")',
    people.map((each) => [each.organisationId, each.name, 'personal', at(each.createdMs), closedAt(each)]),
  )
  await copyIn(
    client,
    '"user" (id, name, email, "emailVerified", "createdAt", "updatedAt", "closedAt", "invitedAt")',
    people.map((each) => [
      each.userId,
      each.name,
      each.email,
      each.state === 'active' || each.state === 'closed',
      at(each.createdMs),
      at(each.createdMs),
      closedAt(each),
      each.state === 'invited' ? at(each.createdMs) : null,
    ]),
  )
  await copyIn(client, 'membership ("organisationId", "userId", roles, "createdAt")', [
    ...people.map((each): Field[] => [
      each.organisationId,
      each.userId,
      ['owner', ...each.roles],
      at(each.createdMs),
    ]),
    [PLATFORM, operator.userId, ['operator'], at(operator.createdMs)],
  ])
  await copyIn(
    client,
    'account (id, "accountId", "providerId", "userId", password, "createdAt", "updatedAt")',
    people.map((each) => [
      idAt(each.createdMs, random),
      each.userId,
      'credential',
      each.userId,
      each.state === 'invited' ? null : passwordHash,
      at(each.createdMs),
      at(each.createdMs),
    ]),
  )
  await copyIn(
    client,
    'session (id, token, "expiresAt", "ipAddress", "userAgent", "userId", "createdAt", "updatedAt")',
    sessions(market, random),
  )
}

function closedAt({ state, createdMs }: PersonPlan): Date | null {
  return state === 'closed' ? new Date(createdMs + 30 * DAY_MS) : null
}

function* sessions({ people, size }: Market, random: () => number): Generator<Field[]> {
  for (const { userId, state } of people) {
    if (state !== 'active') continue
    for (let each = 0; each < SESSIONS_EACH; each += 1) {
      const createdMs = size.endMs - random() * 6 * DAY_MS
      const at = new Date(createdMs)
      const ends = new Date(createdMs + 12 * HOUR_MS)
      yield [idAt(createdMs, random), textOf(32, random), ends, '192.0.2.7', 'Mozilla/5.0', userId, at, at]
    }
  }
}

/** Nobody knows the secrets of these keys: they are for looking at. */
export async function writeKeys(client: DatabaseClient, { keys, size }: Market): Promise<void> {
  const random = randomOf(`secrets ${size.seed}`)
  await copyIn(
    client,
    'api_key (id, "organisationId", "createdByUserId", name, "lookupId", "secretHash", hint, scopes, models, "createdAt", "lastUsedAt", "revokedAt")',
    keys.map((key) => [
      key.id,
      key.organisationId,
      key.userId,
      key.name,
      textOf(12, random),
      Buffer.from(Array.from({ length: 32 }, () => Math.floor(random() * 256))),
      textOf(4, random),
      ['inference', 'read'],
      [],
      new Date(key.createdMs),
      new Date(size.endMs - random() * 3 * DAY_MS),
      random() < 0.05 ? new Date(size.endMs - random() * DAY_MS) : null,
    ]),
  )
}

const GROUNDS = ['own_organisation', 'authorised_reseller'] as const

export async function writeListings(
  client: DatabaseClient,
  { listings, size }: Market,
  sealer: Pick<Sealer, 'seal'>,
): Promise<void> {
  const random = randomOf(`shelves ${size.seed}`)
  const sealed = new Map<string, Buffer>()
  for (const listing of listings) sealed.set(listing.id, await sealOf(listing, sealer))
  await copyIn(
    client,
    `listing (id, "organisationId", name, provider, "baseUrl", "sealedCredential", "credentialHint", ground, "groundAttestedAt",
      state, "stateReason", "stateBy", "verifiedAt", "requestsPerMinute", "tokensPerMinute", concurrency, "createdAt", "updatedAt")`,
    listings.map((listing) => {
      const created = new Date(listing.createdMs)
      const [reason, by] = whyOf(listing.state)
      const ground = GROUNDS[Math.floor(random() * 2)] as string
      return [
        ...[listing.id, listing.seller.organisationId, listing.name, listing.provider, listing.baseUrl],
        ...[sealed.get(listing.id) as Buffer, 'seed', ground, created, listing.state, reason, by],
        listing.state === 'draft' ? null : created,
        ...[600, 2_000_000, 50, created, created],
      ]
    }),
  )
  const offers = listings.flatMap((listing) => listing.offers.map((offer) => ({ listing, offer })))
  await copyIn(
    client,
    'listing_model ("listingId", model, "upstreamModel", price)',
    offers.map(({ offer }) => [offer.listingId, offer.model.id, offer.model.name, ruleOf(offer.ppm)]),
  )
  await copyIn(
    client,
    'listing_price (id, "listingId", model, version, follows, rule, "effectiveFrom", "createdAt", "createdBy")',
    offers.flatMap(({ listing, offer }) =>
      Array.from({ length: 1 + Math.floor(random() * 4) }, (_, at): Field[] => {
        const ms = listing.createdMs + at * DAY_MS
        const rule = ruleOf(offer.ppm + at * 10_000)
        return [
          ...[idAt(ms, random), offer.listingId, offer.model.id, at + 1, at === 0 ? null : at, rule],
          ...[new Date(ms), new Date(ms), listing.seller.userId],
        ]
      }),
    ),
  )
  await copyIn(
    client,
    'reputation ("listingId", model, successes, failures, completed, "ttftMs", "tokensPerS", since, "updatedAt")',
    offers.map(({ listing, offer }) => [
      ...[
        offer.listingId,
        offer.model.id,
        50 + random() * 2_000,
        random() * 40,
        Math.floor(random() * 5_000),
      ],
      ...[150 + random() * 700, 30 + random() * 150, new Date(listing.createdMs), new Date(size.endMs)],
    ]),
  )
}

function sealOf({ id, seller, baseUrl }: ListingPlan, sealer: Pick<Sealer, 'seal'>): Promise<Buffer> {
  const { organisationId } = seller
  return sealer.seal(`seed-${id}`, credentialAad({ listingId: id, organisationId, baseUrl }))
}

const ruleOf = (ppm: number) => JSON.stringify({ kind: 'multiplier', ppm })

function whyOf(state: ListingPlan['state']): [reason: string | null, by: string] {
  switch (state) {
    case 'paused':
      return ['paused_by_seller', 'seller']
    case 'suspended':
      return ['key_rejected', 'system']
    case 'disabled':
      return ['disabled_by_operator', 'operator']
    default:
      return [null, state === 'draft' ? 'seller' : 'system']
  }
}

function textOf(length: number, random: () => number): string {
  let text = ''
  for (let at = 0; at < length; at += 1) text += ALPHABET[Math.floor(random() * ALPHABET.length)]
  return text
}
