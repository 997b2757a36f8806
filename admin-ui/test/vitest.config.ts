import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** The console in a real browser, served by a real gateway on a database of its own. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  test: {
    name: 'browser',
    environment: 'node',
    include: ['*.test.ts'],
    globalSetup: ['../../gateway/test/support/postgres.ts', './support/build-console.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // A page is asked again for as long as a person would wait on a busy machine.
    expect: { poll: { timeout: 15_000, interval: 50 } },
  },
})
