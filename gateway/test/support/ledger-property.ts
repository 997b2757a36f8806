/** The property of the ledger's model: how many histories are played, by day and by night. */
import fc from 'fast-check'
import { connectClient } from '../../src/platform/database.ts'
import { createTestDatabase } from './database.ts'
import type { History } from './ledger-history.ts'
import { play, type Stage, setStage } from './ledger-player.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** Histories that were played; `npm run nightly` adds them up. */
    sequences?: number
  }
}

// Two files play that many each. Everything else rests on these books, so a night plays 50 where it runs a property once.
const BY_DAY = 2_500
const BY_NIGHT = 50
// Ten times what a history takes on a busy machine.
const SLOWEST_MS = 150
const LEAST_MS = 120_000

const nightly = fc.readConfigureGlobal().numRuns
const histories = nightly === undefined ? BY_DAY : nightly * BY_NIGHT

export const SHARE = { timeoutMs: Math.max(LEAST_MS, histories * SLOWEST_MS) }

export interface OpenStage extends Stage {
  close(): Promise<void>
}

/** A stage on a database of its own. */
export async function openStage(): Promise<OpenStage> {
  const testDatabase = await createTestDatabase()
  const stage = await setStage(await connectClient(testDatabase.adminUrl))
  return {
    ...stage,
    async close() {
      await stage.client.end()
      await testDatabase.drop()
    },
  }
}

/** Plays the share of one file; notes on `task` how many it came to. */
export async function playMany(
  stage: Stage,
  arbitrary: fc.Arbitrary<History>,
  task: { meta: { sequences?: number } },
  examples: readonly History[] = [],
): Promise<void> {
  let sequences = 0
  await fc.assert(
    fc.asyncProperty(arbitrary, async (history) => {
      await play(stage, history)
      sequences += 1
    }),
    { numRuns: histories, examples: examples.map((one) => [one]) },
  )
  task.meta.sequences = sequences
}
