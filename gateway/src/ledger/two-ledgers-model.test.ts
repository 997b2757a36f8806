import fc from 'fast-check'
import { afterAll, beforeAll, test, vi } from 'vitest'
import { createLedgerScene, type LedgerScene } from '../../test/support/ledger-scene.ts'
import { runSchedule, schedule } from '../../test/support/ledger-schedules.ts'

const BY_DAY = 300

let scene: LedgerScene

beforeAll(async () => {
  scene = await createLedgerScene()
})

afterAll(() => scene.close())

test('two gateways on a network that loses questions and answers book each request once, and tell the truth about it', async ({
  task,
}) => {
  // The jitter of the waits between two attempts: who comes first is the schedule's to say.
  vi.spyOn(Math, 'random').mockReturnValue(0)
  let schedules = 0
  const numRuns = fc.readConfigureGlobal().numRuns ?? BY_DAY
  await fc.assert(
    fc.asyncProperty(schedule, async (one) => {
      await runSchedule(scene, one)
      schedules += 1
    }),
    { numRuns },
  )
  task.meta.sequences = schedules
}, 600_000)
