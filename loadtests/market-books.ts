/** Books the requests of a planned market, and the journals around them, as the ledger would have over the days. */
import { accountKey } from '../gateway/src/ledger/accounts.ts'
import type { Journal } from '../gateway/src/ledger/postings.ts'
import type { DatabaseClient } from '../gateway/src/platform/database.ts'
import { copyIn, type Field } from './copy-in.ts'
import { DAY_MS, idAt, type Market } from './market-plan.ts'
import { REQUEST_TABLE, requestRows, type Totals } from './market-requests.ts'

// So many are copied before they are booked, and so many are booked in a transaction: sealing and adding up go by transactions.
const COPIED = 20_000
const BOOKED = 2_000
const FEE_STRIPES = 16

/** A journal and the moment at which it was booked. */
export interface PastJournal {
  atMs: number
  journal: Journal
}

/** Partitions for the months of the history that are not there yet. */
export async function makeMonths(client: DatabaseClient, { startMs, size }: Market): Promise<void> {
  await client.query(
    `SELECT ledger.create_partition(t.name, m.month)
     FROM generate_series(ledger.month_start($1), ledger.month_start($2), interval '1 month') m (month),
       unnest(ARRAY['journal', 'entry', 'usage_record', 'receipt']) t (name)
     WHERE to_regclass('ledger.' || t.name || to_char(m.month AT TIME ZONE 'UTC', '"_"YYYY"_"MM')) IS NULL`,
    [new Date(startMs), new Date(size.endMs)],
  )
}

/** The ids of accounts, opened where they are missing, by their keys. */
async function openAccounts(
  client: DatabaseClient,
  refs: readonly { code: string; owner?: string }[],
): Promise<bigint[]> {
  const { rows } = await client.query<{ id: string }>('SELECT id FROM ledger.open_accounts($1, $2)', [
    refs.map(({ code }) => code),
    refs.map(({ owner }) => owner ?? null),
  ])
  return rows.map(({ id }) => BigInt(id))
}

export async function writeRequests(
  client: DatabaseClient,
  market: Market,
  tell: (made: number) => void,
): Promise<Totals> {
  const owners = [...new Set(market.keys.map(({ organisationId }) => organisationId))]
  const payers = await openAccounts(
    client,
    owners.map((owner) => ({ code: 'buyer_cash', owner })),
  )
  const payerOf = new Map(owners.map((owner, at) => [owner, payers[at] as bigint]))
  const fees = await openAccounts(
    client,
    Array.from({ length: FEE_STRIPES }, (_, owner) => ({ code: 'platform_fee', owner: String(owner) })),
  )
  await writeOffers(client, market)
  await client.query(REQUEST_TABLE)
  const totals: Totals = { spent: new Map(), earned: new Map() }
  const rows = requestRows(market, { payerOf: (owner) => payerOf.get(owner) as bigint, fees }, totals)
  for (let from = 0; from < market.size.requests; from += COPIED) {
    await client.query('TRUNCATE seed_request')
    await copyIn(client, 'seed_request', take(rows, COPIED))
    for (let at = from; at < from + COPIED; at += BOOKED) await book(client, at, at + BOOKED)
    tell(Math.min(from + COPIED, market.size.requests))
  }
  await client.query('DROP TABLE seed_request')
  return totals
}

function* take<Item>(items: Iterator<Item>, count: number): Generator<Item> {
  for (let taken = 0; taken < count; taken += 1) {
    const { value, done } = items.next()
    if (done) return
    yield value
  }
}

async function writeOffers(client: DatabaseClient, { offers }: Market): Promise<void> {
  const sellers = [...new Set(offers.map(({ sellerOrganisationId }) => sellerOrganisationId))]
  const ids = await openAccounts(
    client,
    sellers.map((owner) => ({ code: 'seller_pending', owner })),
  )
  const accountOf = new Map(sellers.map((owner, at) => [owner, ids[at] as bigint]))
  await client.query(`CREATE TEMP TABLE seed_offer (
    n integer PRIMARY KEY, listing uuid, seller uuid, model text, provider text, price jsonb, seller_account bigint)`)
  const text = (price: object) =>
    JSON.stringify(price, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
  await copyIn(
    client,
    'seed_offer',
    offers.map((offer) => [
      ...[
        offer.n,
        offer.listingId,
        offer.sellerOrganisationId,
        offer.model.id,
        offer.provider,
        text(offer.price),
      ],
      accountOf.get(offer.sellerOrganisationId) as bigint,
    ]),
  )
  await client.query('ANALYZE seed_offer')
}

const REQUESTS = 'FROM seed_request r JOIN seed_offer o ON o.n = r.offer WHERE r.n >= $1 AND r.n < $2'

const BOOK = [
  `INSERT INTO ledger.usage_record (id, organisation_id, key_id, listing_id, seller_organisation_id, model, provider,
     uncached_input, cache_read, cache_write_5m, cache_write_1h, audio_input, output, audio_output, reasoning, usage_source,
     price, stream, finish_reason, started_at, duration_ms, ttft_ms, held_nanos, cost_nanos, seller_nanos, fee_nanos,
     shortfall_nanos, billed, settled_at)
   SELECT r.id, r.organisation, r.key, o.listing, o.seller, o.model, o.provider, r.input, r.cache_read, 0, 0, 0, r.output, 0,
     r.reasoning, 'reported', o.price, r.stream, r.finish, r.started, r.duration, r.ttft, r.held, r.cost, r.seller_nanos,
     r.fee_nanos, 0, r.billed, r.settled
   ${REQUESTS} AND r.settled IS NOT NULL`,
  `INSERT INTO ledger.journal (id, code, source, created_at)
   SELECT r.id, 'request_settled', 'request', r.settled FROM seed_request r WHERE r.n >= $1 AND r.n < $2 AND r.cost > 0`,
  `INSERT INTO ledger.entry (journal_id, seq, account_id, amount, created_at)
   SELECT e.id, row_number() OVER (PARTITION BY e.id ORDER BY e.ord), e.account, e.amount, e.settled
   FROM (
     SELECT r.id, leg.ord, leg.account, leg.amount, r.settled
     FROM seed_request r JOIN seed_offer o ON o.n = r.offer
     CROSS JOIN LATERAL (VALUES
       (1, r.payer, r.cost), (2, o.seller_account, -r.seller_nanos), (3, r.fee, -r.fee_nanos)
     ) leg (ord, account, amount)
     WHERE r.n >= $1 AND r.n < $2 AND leg.amount <> 0
   ) e`,
  `INSERT INTO ledger.hold (id, payer, amount, state, node_id, node_epoch, created_at, expires_at, concluded_at, reason,
     settled_amount, seller_account, seller_nanos, shortfall)
   SELECT r.id, r.payer, r.held, CASE WHEN r.settled IS NULL THEN 'voided' ELSE 'settled' END, 'seed', 0, r.started,
     r.started + interval '90 seconds', coalesce(r.settled, r.started + interval '1 second'),
     CASE WHEN r.settled IS NULL THEN 'nothing was served' END,
     CASE WHEN r.settled IS NOT NULL THEN r.cost END, CASE WHEN r.settled IS NOT NULL THEN o.seller_account END,
     CASE WHEN r.settled IS NOT NULL THEN r.seller_nanos END, CASE WHEN r.settled IS NOT NULL THEN 0 END
   ${REQUESTS} AND r.outcome <> 'refused'`,
  `INSERT INTO request_log ("id", "organisationId", "keyId", "modelAsked", "model", "listingId", "sellerOrganisationId",
     "provider", "outcome", "status", "error", "finishReason", "stream", "attempts", "startedAt", "overheadMs", "ttftMs",
     "durationMs", "settledAt", "billed", "usageSource", "uncachedInput", "cacheRead", "cacheWrite", "audioInput", "output",
     "audioOutput", "reasoning", "heldNanos", "costNanos", "sellerNanos", "feeNanos", "told", "uncounted")
   SELECT r.id, r.organisation, r.key, o.model, o.model, t.listing, t.seller, t.provider, r.outcome, r.status, r.error, r.finish,
     r.stream, r.attempts, r.started, r.overhead, r.ttft, r.duration, r.settled, b.billed, b.source, b.input, b.cache_read,
     b.zero, b.zero, b.output, b.zero, b.reasoning, b.held, b.cost, b.seller_nanos, b.fee_nanos, true, r.settled IS NULL
   FROM seed_request r JOIN seed_offer o ON o.n = r.offer
   LEFT JOIN LATERAL (SELECT o.listing, o.seller, o.provider WHERE r.outcome <> 'refused') t ON true
   LEFT JOIN LATERAL (
     SELECT r.billed, 'reported' AS source, r.input, r.cache_read, 0 AS zero, r.output, r.reasoning, r.held, r.cost,
       r.seller_nanos, r.fee_nanos WHERE r.settled IS NOT NULL
   ) b ON true
   WHERE r.n >= $1 AND r.n < $2`,
]

async function book(client: DatabaseClient, from: number, to: number): Promise<void> {
  await client.query('BEGIN')
  for (const [at, text] of BOOK.entries()) {
    await client.query({ name: `seed_book_${at}`, text, values: [from, to] })
  }
  await client.query('COMMIT')
}

/** Journals that are not requests: they are found again by what they book. */
export async function writeJournals(
  client: DatabaseClient,
  journals: readonly PastJournal[],
  random: () => number,
): Promise<void> {
  const refs = new Map(
    journals.flatMap(({ journal }) => journal.entries.map(({ account }) => [accountKey(account), account])),
  )
  const ids = await openAccounts(client, [...refs.values()])
  const idOf = new Map([...refs.keys()].map((key, at) => [key, ids[at] as bigint]))
  const named = journals.map((each) => ({ ...each, id: idAt(each.atMs, random) }))
  const legs = ({ journal }: PastJournal) =>
    journal.entries.map(({ account, amountNanos }) => ({
      account: idOf.get(accountKey(account)) as bigint,
      amountNanos,
    }))
  const payload = (each: PastJournal) =>
    legs(each)
      .sort((a, b) => Number(a.account - b.account))
      .map(({ account, amountNanos }) => `${account}:${amountNanos}`)
      .join()
  for (let from = 0; from < named.length; from += COPIED) {
    const part = named.slice(from, from + COPIED)
    await client.query('BEGIN')
    await copyIn(
      client,
      'ledger.journal_source (source, source_id, code, journal_id, payload)',
      part.map((each) => [
        each.journal.source,
        each.journal.sourceId,
        each.journal.code,
        each.id,
        payload(each),
      ]),
    )
    await copyIn(
      client,
      'ledger.journal (id, code, source, source_id, memo, created_at)',
      part.map(({ id, atMs, journal }) => [
        ...[id, journal.code, journal.source, journal.sourceId, journal.memo ?? null, new Date(atMs)],
      ]),
    )
    await copyIn(
      client,
      'ledger.entry (journal_id, seq, account_id, amount, created_at)',
      part.flatMap((each) =>
        legs(each).map(({ account, amountNanos }, seq): Field[] => [
          each.id,
          seq + 1,
          account,
          amountNanos,
          new Date(each.atMs),
        ]),
      ),
    )
    await client.query('COMMIT')
  }
}

/** What follows from the entries and the usage: counters of accounts, and what keys, budgets and listings have used. */
export async function writeSums(client: DatabaseClient, { size }: Market): Promise<void> {
  await client.query(`UPDATE ledger.account a SET debits = s.debits, credits = s.credits FROM (
    SELECT account_id, sum(greatest(amount, 0))::bigint AS debits, sum(greatest(-amount, 0))::bigint AS credits
    FROM ledger.entry GROUP BY account_id) s WHERE a.id = s.account_id`)
  await client.query(`INSERT INTO ledger.key_usage (key_id, day, requests, cost_nanos)
    SELECT key_id, (settled_at AT TIME ZONE 'UTC')::date, count(*), sum(cost_nanos) FROM ledger.usage_record GROUP BY 1, 2`)
  await client.query(`INSERT INTO ledger.listing_usage (listing_id, model, day, requests, tokens, cost_nanos)
    SELECT listing_id, model, (settled_at AT TIME ZONE 'UTC')::date, count(*),
      sum(uncached_input + cache_read + output), sum(cost_nanos) FROM ledger.usage_record GROUP BY 1, 2, 3`)
  // Every fifth key has a budget for the month.
  await client.query(
    `INSERT INTO ledger.budget (id, limit_nanos, period, spent, window_start)
     SELECT k.id, 500000000000, 'month', coalesce(s.spent, 0), ledger.window_start('month', $1)
     FROM (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM api_key) k
     LEFT JOIN (SELECT key_id, sum(cost_nanos)::bigint AS spent FROM ledger.key_usage
       WHERE day >= ledger.window_start('month', $1)::date GROUP BY key_id) s ON s.key_id = k.id
     WHERE k.nth % 5 = 0`,
    [new Date(size.endMs)],
  )
  await client.query(
    `SELECT setval(pg_get_serial_sequence('ledger.account', 'id'), (SELECT max(id) FROM ledger.account))`,
  )
}

/** The start of the UTC day of `ms`. */
export const dayStart = (ms: number) => ms - (ms % DAY_MS)
