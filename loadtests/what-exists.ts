/** Things of a seeded market, by the names under which the API asks for them. */
import type { DatabaseClient } from '../gateway/src/platform/database.ts'
import { formatId, type IdPrefix } from '../gateway/src/platform/ids.ts'
import type { Known } from './console-variants.ts'

/** What exists in the seeded market and is asked for. */
export async function whatExists(client: DatabaseClient): Promise<Known> {
  const one = async (sql: string) => String((await client.query(sql)).rows[0]?.id ?? '')
  const id = async (prefix: IdPrefix, sql: string) => formatId(prefix, await one(sql))
  const user = (name: string) => `(SELECT id FROM "user" WHERE email = '${name}@market.example')`
  const ownOf = (name: string) =>
    `(SELECT "organisationId" FROM membership m JOIN organisation o ON o.id = m."organisationId" WHERE o.kind = 'personal' AND m."userId" = ${user(name)})`
  const whale = await one(`SELECT ${ownOf('whale')} AS id`)
  const seller = await one(`SELECT ${ownOf('top-seller')} AS id`)
  const listing = await id(
    'lst-',
    `SELECT id FROM listing WHERE "organisationId" = '${seller}' AND state = 'active' ORDER BY id LIMIT 1`,
  )
  const key = await id(
    'key-',
    `SELECT id FROM api_key WHERE "organisationId" = '${whale}' ORDER BY id LIMIT 1`,
  )
  const model = await one(
    `SELECT value AS id FROM usage_market WHERE dimension = 'model' AND grain = 'day' GROUP BY 1 ORDER BY sum(requests) DESC LIMIT 1`,
  )
  const request = await id(
    'gen-',
    `SELECT id FROM request_log WHERE "organisationId" = '${whale}' AND outcome = 'answered' ORDER BY id DESC LIMIT 1`,
  )
  const account = `buyer_cash:${whale}`
  const whaleUser = await id('usr-', `SELECT ${user('whale')} AS id`)
  return {
    whaleId: formatId('org-', whale),
    nowMs: Date.now(),
    values: {
      model: [model],
      key: [key],
      seller: [formatId('org-', seller)],
      listing: [listing],
      provider: ['openai'],
      author: ['openai'],
      outcome: ['answered', 'free', 'left', 'failed', 'refused', 'trouble'],
      q: ['harbour', 'person-77', 'gpt', 'nothing has this'],
      search: ['harbour', 'nothing has this'],
      maxInputUsdPerMTok: ['0.5'],
      code: ['buyer_cash', 'seller_available'],
      owner: [formatId('org-', whale)],
      actor: [whaleUser],
      action: ['listing.quarantined', 'key.created'],
      subject: [key],
      to: ['person-77@market.example'],
    },
    ids: {
      '/api/keys/{id}': `/api/keys/${key}`,
      '/api/requests/{id}': `/api/requests/${request}`,
      '/api/receipts/{id}': `/api/receipts/${request}`,
      '/api/payouts/{id}': `/api/payouts/${await id('pay-', `SELECT id FROM payout WHERE "organisationId" = '${seller}' ORDER BY id DESC LIMIT 1`)}`,
      '/api/marketplace/listings/{id}': `/api/marketplace/listings/${listing}`,
      '/api/marketplace/listings/{id}/prices': `/api/marketplace/listings/${listing}/prices`,
      '/api/marketplace/listings/{id}/dashboard': `/api/marketplace/listings/${listing}/dashboard`,
      '/api/trust/cases/{id}': `/api/trust/cases/${await id('cas-', `SELECT id FROM trust_case WHERE "organisationId" = '${seller}' ORDER BY id DESC LIMIT 1`)}`,
      '/api/users/{id}': `/api/users/${whaleUser}`,
      '/api/outbox/{id}': `/api/outbox/${await id('mal-', 'SELECT id FROM mail ORDER BY id DESC LIMIT 1')}`,
      '/api/ledger/accounts/{id}': `/api/ledger/accounts/${account}`,
      '/api/ledger/accounts/{id}/entries': `/api/ledger/accounts/${account}/entries`,
      '/api/ledger/journals/{id}': `/api/ledger/journals/${await id('jrn-', `SELECT id FROM ledger.journal WHERE code = 'play_credit' ORDER BY id DESC LIMIT 1`)}`,
    },
  }
}
