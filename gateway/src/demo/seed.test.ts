import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { loadCatalog } from '../catalog/catalog.ts'
import { demoModels } from './demo-models.ts'
import { parseDemoOptions } from './demo-options.ts'
import { type DemoListing, type SeedDemoDeps, seedDemo } from './seed.ts'

const overridesPath = fileURLToPath(new URL('../../../config/models.json', import.meta.url))
const catalog = loadCatalog({ overridesPath, nowMs: Date.parse('2026-09-15T12:00:00Z') })

/** A world that remembers, and does each thing once. */
function world(failAt?: string) {
  const users = new Map<string, { userId: string; organisationId: string }>()
  const credits = new Map<string, bigint>()
  const keys = new Set<string>()
  const listings = new Map<string, DemoListing>()
  const step = (name: string) => {
    if (name === failAt) throw new Error('the power went out')
  }
  const deps: SeedDemoDeps = {
    catalog,
    async createUser({ email }) {
      step('createUser')
      const user = users.get(email) ?? { userId: `user ${email}`, organisationId: `organisation ${email}` }
      users.set(email, user)
      return user
    },
    async creditPlayMoney({ organisationId, amountNanos, reference }) {
      step('creditPlayMoney')
      credits.set(`${organisationId} ${reference}`, amountNanos)
    },
    async mintKey({ organisationId, name }) {
      step('mintKey')
      if (keys.has(organisationId + name)) return undefined
      keys.add(organisationId + name)
      return { plainKey: 'sk-brs-demo' }
    },
    async createListing(listing) {
      step('createListing')
      listings.set(`${listing.organisationId} ${listing.name}`, listing)
    },
  }
  return { deps, users, credits, keys, listings }
}

test('a stranger finds a buyer with $100 and a key, and two sellers who offer every demo model', async () => {
  const { deps, users, credits, listings } = world()
  const seeded = await seedDemo(deps)
  expect(seeded.apiKey).toBe('sk-brs-demo')
  expect(seeded.sellers).toHaveLength(2)
  expect(users.size).toBe(3)
  expect([...credits]).toEqual([[`${seeded.buyer.organisationId} demo-seed`, 100_000_000_000n]])
  expect([...listings.values()].map(({ multiplierPpm }) => multiplierPpm)).toEqual([800_000n, 1_000_000n])
  for (const listing of listings.values()) {
    expect(listing.models).toEqual(demoModels)
    expect(parseDemoOptions(listing.credential)).toBeDefined()
    expect(listing.baseUrl).toBe('http://demo.bourse.internal/v1')
  }
})

test('a second start changes nothing and shows no key', async () => {
  const { deps, users, credits, listings } = world()
  await seedDemo(deps)
  const again = await seedDemo(deps)
  expect(again.apiKey).toBeUndefined()
  expect([users.size, credits.size, listings.size]).toEqual([3, 1, 2])
})

test('a key is minted last, so that an interrupted seed loses none', async () => {
  for (const failAt of ['createUser', 'creditPlayMoney', 'createListing']) {
    const { deps, keys } = world(failAt)
    await expect(seedDemo(deps)).rejects.toThrow('the power went out')
    expect(keys.size).toBe(0)
  }
})

test('every demo model is catalogued and priced', () => {
  for (const { model } of demoModels) expect(catalog.find(model).listPrice, model).toBeDefined()
})
