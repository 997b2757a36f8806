import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The folders whose mistakes cost somebody money.
const exact = ['ledger', 'metering', 'routing', 'settlement']
// The other folders that hold rules.
const rules = [
  'platform',
  'http',
  'egress',
  'audit',
  'catalog',
  'providers',
  'users',
  'keys',
  'marketplace',
  'limits',
  'inference',
]

const threshold = (folders: string[], lines: number) =>
  Object.fromEntries(folders.map((folder) => [`src/${folder}/**`, { lines }]))

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/support/postgres.ts'],
    pool: 'forks',
    // Each worker has its database and its share of two cores.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    restoreMocks: true,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/generated/**', 'src/**/*.test.ts', 'src/main.ts'],
      reporter: ['text-summary', 'json-summary', 'lcov'],
      thresholds: { ...threshold(exact, 90), ...threshold(rules, 80) },
    },
  },
})
