import type { Catalog } from '../catalog/catalog.ts'
import { NANOS_PER_USD } from '../platform/money.ts'
import { DEMO_BASE_URL, demoModels } from './demo-models.ts'

/** What the seed needs of other rooms. Each is idempotent by what it names, so that an interrupted seed can run again. */
export interface SeedDemoDeps {
  catalog: Pick<Catalog, 'list'>
  /** Creates the user with a personal organisation, or finds it by email. */
  createUser(user: { email: string; name: string; roles: readonly ('buyer' | 'seller')[] }): Promise<DemoUser>
  /** Credits play money once per `reference`. */
  creditPlayMoney(credit: { organisationId: string; amountNanos: bigint; reference: string }): Promise<void>
  /** Mints a key with this name, or answers `undefined` when the organisation has one. */
  mintKey(key: {
    organisationId: string
    userId: string
    name: string
  }): Promise<{ plainKey: string } | undefined>
  /** Creates an active listing, or leaves the organisation's listing of this name as it is. */
  createListing(listing: DemoListing): Promise<void>
}

export interface DemoUser {
  userId: string
  organisationId: string
}

export interface DemoListing {
  organisationId: string
  name: string
  provider: 'demo'
  ground: 'demo'
  baseUrl: string
  credential: string
  /** Of the list price, in parts per million. */
  multiplierPpm: bigint
  requestsPerMinute: number
  tokensPerMinute: number
  concurrency: number
  models: readonly { model: string; upstreamModel: string }[]
}

export interface SeededDemo {
  buyer: DemoUser
  /** Only when it was minted now; it is shown once. */
  apiKey: string | undefined
  sellers: readonly DemoUser[]
}

const PLAY_BALANCE_NANOS = 100n * NANOS_PER_USD

// Generous for one machine, yet bounded: twenty parallel requests pass, a runaway loop meets a limit.
const CAPACITY = { requestsPerMinute: 6_000, tokensPerMinute: 50_000_000, concurrency: 500 }

const sellers = [
  {
    email: 'seller-a@demo.bourse.internal',
    name: 'Demo seller A',
    multiplierPpm: 800_000n,
    credential: 'demo:seed=1,ttft=40,rate=120',
  },
  {
    email: 'seller-b@demo.bourse.internal',
    name: 'Demo seller B',
    multiplierPpm: 1_000_000n,
    credential: 'demo:seed=2,ttft=20,rate=240',
  },
]

/** A buyer with $100 of play money and a key, and two sellers on the demo upstream: the cheaper, slower one and its rival. */
export async function seedDemo(deps: SeedDemoDeps): Promise<SeededDemo> {
  const buyer = await deps.createUser({
    email: 'buyer@demo.bourse.internal',
    name: 'Demo buyer',
    roles: ['buyer'],
  })
  await deps.creditPlayMoney({
    organisationId: buyer.organisationId,
    amountNanos: PLAY_BALANCE_NANOS,
    reference: 'demo-seed',
  })
  const priced = new Set(deps.catalog.list().flatMap(({ id, listPrice }) => (listPrice ? [id] : [])))
  const users: DemoUser[] = []
  for (const seller of sellers) {
    const user = await deps.createUser({ email: seller.email, name: seller.name, roles: ['seller'] })
    users.push(user)
    await deps.createListing({
      organisationId: user.organisationId,
      name: `${seller.name}: demo upstream`,
      provider: 'demo',
      ground: 'demo',
      baseUrl: DEMO_BASE_URL,
      credential: seller.credential,
      multiplierPpm: seller.multiplierPpm,
      ...CAPACITY,
      models: demoModels.filter(({ model }) => priced.has(model)),
    })
  }
  // Last, so that a key which was printed always has something to buy.
  const minted = await deps.mintKey({ ...buyer, name: 'Demo key' })
  return { buyer, apiKey: minted?.plainKey, sellers: users }
}
