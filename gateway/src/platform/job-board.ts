/** What runs by itself now and then, and how it went the last time: for the operator's eye. */
import type { Clock } from './clock.ts'

export interface JobSeen {
  name: string
  everyMs: number
  runs: number
  running: boolean
  lastBeganMs: number | undefined
  lastDurationMs: number | undefined
  lastResult: 'ok' | 'failed' | undefined
  lastFailedMs: number | undefined
}

export interface JobBoard {
  /** The same work, seen: it throws what it throws. */
  watch<Result>(job: { name: string; everyMs: number }, work: () => Promise<Result>): () => Promise<Result>
  seen(): JobSeen[]
}

export function createJobBoard(clock: Clock): JobBoard {
  const jobs: JobSeen[] = []
  return {
    watch({ name, everyMs }, work) {
      const job: JobSeen = {
        name,
        everyMs,
        runs: 0,
        running: false,
        lastBeganMs: undefined,
        lastDurationMs: undefined,
        lastResult: undefined,
        lastFailedMs: undefined,
      }
      jobs.push(job)
      return async () => {
        const beganMs = clock.monotonicMs()
        job.lastBeganMs = clock.nowMs()
        job.running = true
        try {
          const result = await work()
          job.lastResult = 'ok'
          return result
        } catch (error) {
          job.lastResult = 'failed'
          job.lastFailedMs = clock.nowMs()
          throw error
        } finally {
          job.runs += 1
          job.running = false
          job.lastDurationMs = clock.monotonicMs() - beganMs
        }
      }
    },
    seen: () => jobs.map((job) => ({ ...job })),
  }
}
