/** Writes what stands around the requests of a planned market: credits, payouts, the audit record, mails, cases, alerts, catalogues. */
import {
  earningMatured,
  payoutFailed,
  payoutPaidManually,
  payoutRequested,
} from '../gateway/src/ledger/payout-postings.ts'
import { playCredit } from '../gateway/src/ledger/postings.ts'
import type { DatabaseClient } from '../gateway/src/platform/database.ts'
import { formatId } from '../gateway/src/platform/ids.ts'
import { NANOS_PER_USD } from '../gateway/src/platform/money.ts'
import { randomOf } from '../gateway/src/routing/seeded-random.ts'
import { copyIn, type Field } from './copy-in.ts'
import type { PastJournal } from './market-books.ts'
import { DAY_MS, HOUR_MS, idAt, type Market, type PersonPlan, pick } from './market-plan.ts'
import type { Totals } from './market-requests.ts'

const CENT = 10_000_000n
const PAYOUT_EVERY_DAYS = 6
const CREDITS_EACH = 4

/** Play money in a few parts, more than was spent. */
export function planCredits({ people, startMs, size }: Market, { spent }: Totals): PastJournal[] {
  return people
    .filter(({ roles }) => roles.includes('buyer'))
    .flatMap(({ organisationId }) => {
      const part = ((spent.get(organisationId) ?? 0n) / NANOS_PER_USD / 3n + 2n) * NANOS_PER_USD
      return Array.from({ length: CREDITS_EACH }, (_, at) => ({
        atMs: startMs + (at * size.days * DAY_MS) / (CREDITS_EACH * 4),
        journal: playCredit({
          creditId: `${organisationId}:seed ${at}`,
          organisationId,
          amountNanos: part,
          memo: 'Play money for a load test',
        }),
      }))
    })
}

/** What a seller's days come to: earnings that matured, and payouts of them. */
export interface SellerHistory {
  journals: PastJournal[]
  maturities: Field[][]
  payouts: Field[][]
}

export function planSellers(market: Market, { earned }: Totals): SellerHistory {
  const history: SellerHistory = { journals: [], maturities: [], payouts: [] }
  const random = randomOf(`payouts ${market.size.seed}`)
  for (const seller of market.sellers) {
    const days = [...(earned.get(seller.organisationId) ?? [])].sort(([a], [b]) => a - b)
    let available = 0n
    let isOpen = false
    for (const [day, nanos] of days) {
      const nightMs = (day + 1) * DAY_MS + 60_000
      if (nanos === 0n || nightMs > market.size.endMs) continue
      mature(history, seller, { day, nanos, nightMs })
      available += nanos
      const isDue = (day + seller.createdMs) % PAYOUT_EVERY_DAYS < 1
      const amount = available - (available % CENT)
      if (!isDue || amount === 0n || isOpen) continue
      const end = payOut(history, market, { seller, amount, askedMs: nightMs + 3 * HOUR_MS, random })
      if (end === 'returned') continue
      isOpen = end === 'open'
      available -= amount
    }
  }
  history.payouts.sort((a, b) => String(a[0]).localeCompare(String(b[0])))
  return history
}

function mature(
  { journals, maturities }: SellerHistory,
  { organisationId }: PersonPlan,
  { day, nanos, nightMs }: { day: number; nanos: bigint; nightMs: number },
): void {
  const date = new Date(day * DAY_MS).toISOString().slice(0, 10)
  journals.push({
    atMs: nightMs,
    journal: earningMatured({ organisationId, day: date, maturedNanos: nanos, reserveBps: 0 }),
  })
  maturities.push([organisationId, date, 1, nanos, 'booked', new Date(nightMs)])
}

/** One payout with its journals; whether the money came back, is gone, or still waits. */
function payOut(
  { journals, payouts }: SellerHistory,
  { size, operator }: Market,
  {
    seller,
    amount,
    askedMs,
    random,
  }: { seller: PersonPlan; amount: bigint; askedMs: number; random: () => number },
): 'open' | 'paid' | 'returned' {
  if (askedMs > size.endMs) return 'returned'
  const id = idAt(askedMs, random)
  const attempt = { payoutId: id, attempt: 1, organisationId: seller.organisationId, payoutNanos: amount }
  const endMs = askedMs + 20 * HOUR_MS
  const chance = random()
  const state =
    endMs > size.endMs - DAY_MS
      ? chance < 0.5
        ? 'requested'
        : 'approved'
      : chance < 0.9
        ? 'paid'
        : pick(['refused', 'cancelled', 'failed'], random())
  const isOpen = state === 'requested' || state === 'approved'
  const wasApproved = state === 'approved' || state === 'paid' || state === 'failed'
  const bankReference = state === 'paid' ? `SEED-${payouts.length + 1}` : null
  journals.push({ atMs: askedMs, journal: payoutRequested(attempt) })
  if (bankReference)
    journals.push({ atMs: endMs, journal: payoutPaidManually({ ...attempt, bankReference }) })
  else if (!isOpen) journals.push({ atMs: endMs, journal: payoutFailed(attempt) })
  payouts.push([
    ...[id, seller.organisationId, amount, state, 1, new Date(askedMs), seller.userId],
    ...(wasApproved ? [new Date(askedMs + 2 * HOUR_MS), operator.userId] : [null, null]),
    ...(isOpen ? [null, null] : [new Date(endMs), state === 'cancelled' ? seller.userId : operator.userId]),
    ...[bankReference, state === 'refused' || state === 'failed' ? 'The account does not exist.' : null],
  ])
  if (isOpen) return 'open'
  return state === 'paid' ? 'paid' : 'returned'
}

export async function writeSellers(
  client: DatabaseClient,
  { maturities, payouts }: Pick<SellerHistory, 'maturities' | 'payouts'>,
): Promise<void> {
  await copyIn(
    client,
    'earning_maturity ("organisationId", "day", "part", "amountNanos", "state", "createdAt")',
    maturities,
  )
  await copyIn(
    client,
    `payout (id, "organisationId", "amountNanos", state, attempt, "requestedAt", "requestedByUserId", "approvedAt",
      "approvedByUserId", "concludedAt", "concludedByUserId", "bankReference", note)`,
    payouts,
  )
}

export async function writeAudit(client: DatabaseClient, market: Market, events: number): Promise<void> {
  const { startMs, size } = market
  const random = randomOf(`audit ${size.seed}`)
  const rows = function* (): Generator<Field[]> {
    for (let n = 0; n < events; n += 1) {
      const ms = startMs + ((n + random()) / events) * (size.endMs - startMs) * 0.999
      const actor = formatId('usr-', pick(market.people, random()).userId)
      const [action, subject] = eventOf(market, random)
      const isSystem = random() < 0.2
      yield [
        ...[
          idAt(ms, random),
          new Date(ms),
          isSystem ? 'system' : 'user',
          isSystem ? null : actor,
          action,
          subject,
        ],
        JSON.stringify({ note: 'made for a load test', n }),
      ]
    }
  }
  await copyIn(client, 'audit_event (id, at, "actorType", "actorId", action, subject, detail)', rows())
}

function eventOf(
  { people, keys, listings }: Market,
  random: () => number,
): [action: string, subject: string] {
  const chance = random()
  if (chance < 0.4) {
    const action = pick(['key.created', 'key.changed', 'key.revoked'], random())
    return [action, formatId('key-', pick(keys, random()).id)]
  }
  if (chance < 0.7) {
    const action = pick(['user.created', 'user.password_changed', 'user.signed_in'], random())
    return [action, formatId('usr-', pick(people, random()).userId)]
  }
  const rare = chance > 0.9995
  return [
    rare ? 'listing.quarantined' : 'listing.price_changed',
    formatId('lst-', pick(listings, random()).id),
  ]
}

export async function writeMails(client: DatabaseClient, { people, startMs, size }: Market): Promise<void> {
  const random = randomOf(`mails ${size.seed}`)
  const kinds = ['invitation', 'alert', 'reset', 'verification']
  const span = size.endMs - startMs
  const rows = people.flatMap(({ email }, index) =>
    Array.from({ length: 2 }, (_, each): Field[] => {
      const at = new Date(startMs + ((index * 2 + each) / (people.length * 2)) * span * 0.999)
      const state = random() < 0.02 ? 'failed' : 'kept'
      return [
        ...[
          idAt(at.getTime(), random),
          pick(kinds, random()),
          email,
          'A mail of a load test',
          'It says nothing.',
        ],
        ...[state, 1, state === 'failed' ? 'the mail server refused it' : null, at, at],
      ]
    }),
  )
  await copyIn(
    client,
    'mail (id, kind, recipient, subject, text, state, attempts, "lastError", "createdAt", "nextAttemptAt")',
    rows,
  )
}

export async function writeCases(
  client: DatabaseClient,
  { listings, startMs, size, operator }: Market,
): Promise<void> {
  const random = randomOf(`cases ${size.seed}`)
  const rows = listings
    .filter((_, index) => index % 7 === 0)
    .map(({ id, seller, offers }, index): Field[] => {
      const ms = startMs + random() * (size.endMs - startMs) * 0.9
      const state =
        index % 10 === 0 ? pick(['open', 'disputed'], random()) : pick(['cleared', 'upheld'], random())
      const resolved = state === 'cleared' || state === 'upheld'
      return [
        ...[
          idAt(ms, random),
          id,
          seller.organisationId,
          offers[0]?.model.id ?? '',
          'usage_inflated',
          state,
          false,
        ],
        ...[JSON.stringify({ note: 'made for a load test' }), new Date(ms)],
        ...(state === 'disputed' ? [new Date(ms + DAY_MS), 'Our counts are right.'] : [null, null]),
        ...(resolved ? [new Date(ms + 2 * DAY_MS), operator.userId] : [null, null]),
      ]
    })
  await copyIn(
    client,
    `trust_case (id, "listingId", "organisationId", model, kind, state, quarantined, evidence, "openedAt", "disputedAt",
      dispute, "resolvedAt", "resolvedByUserId")`,
    rows,
  )
}

export async function writeAlerts(client: DatabaseClient, { people, startMs, size }: Market): Promise<void> {
  const random = randomOf(`alerts ${size.seed}`)
  await copyIn(
    client,
    'spending_alert (id, "organisationId", kind, period, "amountNanos", "createdByUserId", "createdAt", due)',
    people
      .filter(({ roles }, index) => roles.includes('buyer') && index % 5 === 0)
      .map(({ organisationId, userId }) => [
        ...[idAt(startMs, random), organisationId, 'spend', 'month', 1_000_000n * NANOS_PER_USD, userId],
        ...[new Date(startMs), false],
      ]),
  )
}

export async function writeCatalogues(
  client: DatabaseClient,
  { startMs, size, offers }: Market,
): Promise<void> {
  const random = randomOf(`catalogues ${size.seed}`)
  const rows = Array.from({ length: size.days * 2 }, (_, at): Field[] => {
    const ms = startMs + (at * DAY_MS) / 2
    const change = {
      model: offers[at % offers.length]?.model.id ?? '',
      what: 'price',
      before: { input: '1', output: '2' },
      after: { input: '1', output: '2.2' },
      inputPercent: 0,
      outputPercent: 10,
      contextBefore: 128_000,
      contextAfter: 128_000,
    }
    const hash = idAt(ms, random).replaceAll('-', '').repeat(2)
    return [
      idAt(ms, random),
      hash,
      new Date(ms),
      'calendar',
      300,
      0,
      0,
      1,
      0,
      JSON.stringify([change]),
      false,
    ]
  })
  await copyIn(
    client,
    'catalog_version (id, hash, "loadedAt", cause, models, added, removed, dearer, cheaper, changes, "isCut")',
    rows,
  )
}
