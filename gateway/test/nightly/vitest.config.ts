import { fileURLToPath } from 'node:url'
import { mergeConfig } from 'vitest/config'
import everyDay from '../../vitest.config.ts'

/** The tests of every day, with the seed of this round in each property. */
export default mergeConfig(everyDay, {
  test: { setupFiles: [fileURLToPath(new URL('seed-properties.ts', import.meta.url))] },
})
