import { fileURLToPath } from 'node:url'
import { mergeConfig } from 'vitest/config'
import everyDay from '../../vitest.config.ts'

const {
  FAST_CHECK_SEED: seed = '1',
  CRASH_KILLS = '1000',
  CRASH_SEED,
  CRASH_DURABILITY,
  FAULT_REQUESTS = '300',
} = process.env

/** The tests of every day with the seed of this round in each property, and the crash test with many more kills. */
export default mergeConfig(everyDay, {
  test: {
    setupFiles: [fileURLToPath(new URL('seed-properties.ts', import.meta.url))],
    env: {
      // Of each row of faults.
      FAULT_REQUESTS,
      CRASH_KILLS,
      // Rounds do not overlap: each kill has a seed of its own.
      CRASH_SEED: CRASH_SEED ?? String(Number(seed) * 10_000),
      CRASH_DURABILITY: CRASH_DURABILITY ?? (Number(seed) % 3 === 0 ? 'database' : 'spool'),
    },
  },
})
