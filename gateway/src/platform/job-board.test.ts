import { expect, test } from 'vitest'
import { createJobBoard } from './job-board.ts'

test('an operator sees when a job ran, how it went, and that it failed once', async () => {
  let nowMs = 1_000
  const board = createJobBoard({ nowMs: () => nowMs, monotonicMs: () => nowMs })
  let fails = true
  const job = board.watch({ name: 'Seal', everyMs: 5_000 }, async () => {
    nowMs += 20
    if (fails) throw new Error('the database is away')
    return 'sealed'
  })
  expect(board.seen()).toMatchObject([{ name: 'Seal', runs: 0, running: false, lastResult: undefined }])
  await expect(job()).rejects.toThrow('away')
  expect(board.seen()).toMatchObject([
    { runs: 1, lastResult: 'failed', lastFailedMs: 1_020, lastBeganMs: 1_000 },
  ])
  fails = false
  const running = job()
  expect(board.seen()).toMatchObject([{ running: true }])
  expect(await running).toBe('sealed')
  expect(board.seen()).toMatchObject([
    { runs: 2, running: false, lastResult: 'ok', lastDurationMs: 20, lastFailedMs: 1_020 },
  ])
})
