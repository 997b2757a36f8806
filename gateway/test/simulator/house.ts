/** The code that is simulated, as it is or with one place of it changed. */
import type { Load } from '../support/ledger-code-lab.ts'

export interface House {
  createRouter: typeof import('../../src/routing/router.ts').createRouter
  createBreakers: typeof import('../../src/routing/breakers.ts').createBreakers
  createCapacity: typeof import('../../src/routing/capacity.ts').createCapacity
  createRests: typeof import('../../src/routing/rests.ts').createRests
  createWaitingRoom: typeof import('../../src/routing/waiting-room.ts').createWaitingRoom
  choose: typeof import('../../src/routing/choose.ts').choose
  densify: typeof import('../../src/routing/pool.ts').densify
  reasonOf: typeof import('../../src/routing/explain.ts').reasonOf
  priceNow: typeof import('../../src/marketplace/offer-price.ts').priceNow
  compilePrices: typeof import('../../src/marketplace/price-versions.ts').compilePrices
  priceUsage: typeof import('../../src/metering/price-usage.ts').priceUsage
}

const FILES = [
  'routing/router.ts',
  'routing/breakers.ts',
  'routing/capacity.ts',
  'routing/rests.ts',
  'routing/waiting-room.ts',
  'routing/choose.ts',
  'routing/pool.ts',
  'routing/explain.ts',
  'marketplace/offer-price.ts',
  'marketplace/price-versions.ts',
  'metering/price-usage.ts',
]

export async function loadHouse(load: Load): Promise<House> {
  const modules = await Promise.all(FILES.map((file) => load<Partial<House>>(file)))
  return Object.assign({}, ...modules) as House
}
