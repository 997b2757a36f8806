/** A gateway that has been used for a while: something of everything, so that no page is empty. */
import { type Api, apiOf, chat, clearMarket, listKey } from './market-scene.ts'
import { type Person, raiseStage, type Stage } from './real-stage.ts'
import { raiseVendor, refusing, saying, type Vendor } from './vendor.ts'

export interface Furniture {
  /** Buyer, seller and operator in one, who may open every page. */
  person: Person
  requestId: string
  failedRequestId: string
  listingId: string
  keyId: string
  /** A buyer with keys and history. */
  userId: string
  payoutId: string
  journalId: string
}

const DEAR = 'openai/o1-pro'

/** A stage for the tests of a file, furnished when the first of them asks. */
export function raiseFurnishedStage(): { stage: Stage; furnished: () => Promise<Furniture> } {
  let vendor: Vendor
  const stage = raiseStage(async () => {
    vendor = await raiseVendor()
    return { outside: vendor.outside, env: { GATEWAY_SIGN_UP: 'open' } }
  })
  let furniture: Promise<Furniture> | undefined
  return { stage, furnished: () => (furniture ??= furnish(stage, vendor)) }
}

async function furnish(stage: Stage, vendor: Vendor): Promise<Furniture> {
  const { gateway } = stage
  const person = await stage.person({ name: 'Ines Duarte', roles: ['buyer', 'seller'], usd: 50 })
  await gateway.api('patch', `/api/users/${person.id}`).send({ operator: true }).expect(200)
  await clearMarket(gateway)
  const api = await apiOf(gateway, person)
  const models = ['openai/gpt-4o-mini', DEAR]
  const { organisationId } = person
  const east = { name: 'East coast', key: 'sk-east', models, ppm: 700_000, organisationId }
  const listingId = await listKey(gateway, api, east)
  await listKey(gateway, api, { name: 'West coast', key: 'sk-west', ppm: 1_100_000, organisationId })
  const { id: keyId = '', key = '' } = await api('post', '/api/keys', { name: 'laptop' })
  await api('post', '/api/keys', {
    name: 'nightly job',
    budget: { limitNanos: '20000000000', period: 'month' },
    requestsPerMinute: 60,
  })
  await api('post', '/api/spending-alerts', { kind: 'balance', amountNanos: '5000000000' })
  await api('post', '/api/topups', { amountNanos: '10000000000' })
  const requestId = await served(vendor, gateway.origin, key)
  const userId = await earned(stage, vendor)
  const failedRequestId = await failed(vendor, gateway.origin, key)
  await gateway.settleAndAudit()
  await gateway.context.payments.tidy()
  return { person, requestId, failedRequestId, listingId, keyId, userId, ...(await payoutOf(api)) }
}

async function served(vendor: Vendor, origin: string, key: string): Promise<string> {
  vendor.answer = saying('Good morning. It is sunny in Porto today.')
  await chat(origin, key, { stream: true })
  return chat(origin, key)
}

/** Somebody else buys enough for a payout. */
async function earned(stage: Stage, vendor: Vendor): Promise<string> {
  const buyer = await stage.person({ name: 'Bo Lindgren', roles: ['buyer'], usd: 20 })
  const { key = '' } = await (await apiOf(stage.gateway, buyer))('post', '/api/keys', { name: 'prover' })
  vendor.answer = saying('A proof.', { completionTokens: 4_000 })
  await chat(stage.gateway.origin, key, { model: DEAR, maxTokens: 5_000 })
  const asOperator = await apiOf(stage.gateway, stage.operator)
  await asOperator('post', '/api/users', { name: 'Pia Berg', email: 'pia@example.test', invite: true })
  return buyer.id
}

/** One that every seller refused. */
async function failed(vendor: Vendor, origin: string, key: string): Promise<string> {
  vendor.answer = refusing(500, { message: 'The vendor is on fire.' })
  const id = await chat(origin, key)
  vendor.answer = saying('Good morning.')
  return id
}

async function payoutOf(api: Api): Promise<{ payoutId: string; journalId: string }> {
  const { id = '' } = await api('post', '/api/payouts', { amountNanos: '1000000000' })
  const { journals } = await api<{ journals: { id: string }[] }>('get', `/api/payouts/${id}`)
  return { payoutId: id, journalId: journals[0]?.id ?? '' }
}
