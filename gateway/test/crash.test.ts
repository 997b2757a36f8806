/**
 * Gateways killed with SIGKILL at every named point of a request's life, and a database killed under a gateway that
 * lives: what clients were told, what the upstream served and what is booked agree, and nothing stays held.
 *
 *   CRASH_KILLS        how many kills; every point with every kind of payer, streamed and not, takes 69
 *   CRASH_SEED         the first seed; each kill, and each fault of the database, has the next one
 *   CRASH_DURABILITY   `spool`, or `database`
 *
 * What fails says its seed; CRASH_SEED with that and CRASH_KILLS=1 repeats it alone.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, type TaskMeta, test } from 'vitest'
import type { Figures } from './crash/auditor.ts'
import { type DatabaseServer, startDatabaseServer } from './crash/database-server.ts'
import { breakOnce, faultOf, faults } from './crash/fault.ts'
import { type Kill, killOnce } from './crash/kill.ts'
import { openLane } from './crash/lane.ts'
import { crashReport, describeFigures } from './crash/report.ts'
import { type Durability, describeScenario, expectedAt, ROUND, scenarioOf } from './crash/scenario.ts'
import { endProcesses } from './support/process.ts'

const KILLS = Number(process.env.CRASH_KILLS ?? ROUND)
const SEED = Number(process.env.CRASH_SEED ?? 20_261_122)
const DURABILITY = (process.env.CRASH_DURABILITY ?? 'spool') as Durability
const OTHER = DURABILITY === 'spool' ? 'database' : 'spool'
const LANES = 2
/** The other durability gets a share; neighbouring seeds are at different points. */
const SAMPLE = Math.ceil(KILLS / 8)
const FAULTS = KILLS === 1 ? 1 : faults.length * Math.ceil(KILLS / 200)
// A start takes one to four seconds, and what is wrong is looked at for a minute before it is said.
const timeoutMs = (kills: number) => 180_000 + kills * 10_000

declare module 'vitest' {
  interface TaskMeta {
    /** What a test counted, in words. */
    figures?: string
  }
}

let server: DatabaseServer

beforeAll(async () => {
  server = await startDatabaseServer()
}, 120_000)
afterAll(async () => {
  await endProcesses()
  await server.stop()
}, 120_000)

test(
  `killed ${KILLS} times, from seed ${SEED} on, nothing is lost, booked twice or left held`,
  { timeout: timeoutMs(KILLS) },
  async ({ task }) => tell(task, await killAll({ durability: DURABILITY, first: SEED, count: KILLS })),
)

test.runIf(KILLS > 1)(
  `the same with SETTLEMENT_DURABILITY=${OTHER}, ${SAMPLE} times`,
  { timeout: timeoutMs(SAMPLE) },
  async ({ task }) => tell(task, await killAll({ durability: OTHER, first: SEED, count: SAMPLE })),
)

test.runIf(KILLS > 1)(
  'without the spool, what a client was told just before the kill is lost, and this harness says so',
  { timeout: timeoutMs(2) },
  async () => {
    const lane = await openLane({ server, durability: 'spool', patienceMs: 3_000 })
    // What a gateway that never wrote to its spool would leave behind.
    const wipe = () => rmSync(join(lane.dataDir, 'spool'), { recursive: true })
    const scenario = { ...toldAlone(), again: undefined }
    const { reached, findings, figures } = await killOnce(lane, scenario, wipe)
    expect(reached).toBe(true)
    expect(findings.map(({ fault }) => fault)).toEqual(['lost'])
    expect(figures.lost).toBe(1)
    await lane.close()
  },
)

test('the gateway outlives its database: processes and servers that are killed, answers that never come', {
  timeout: timeoutMs(2 * FAULTS),
}, async ({ task }) => {
  // An infrastructure fault is 503: never 401, never 402.
  const lane = await openLane({ server, durability: DURABILITY, mayAnswer: [503] })
  const { folder } = lane
  const told: string[] = []
  for (let seed = SEED; seed < SEED + FAULTS; seed += 1) {
    const fault = faultOf(seed)
    const { survived, refused, findings, figures } = await breakOnce({ lane, server }, { fault, seed })
    const right = { fault, seed, folder, survived: true, findings: [] }
    expect({ fault, seed, folder, survived, findings }).toEqual(right)
    told.push(`  ${fault}: ${refused} told to come again so far; ${describeFigures(figures)}`)
  }
  tell(task, [`the database broke ${FAULTS} times:`, ...told.slice(-faults.length)].join('\n'))
  await lane.close()
})

/** For whoever watches, and for the report of a night, which shows no output. */
function tell({ meta }: { meta: TaskMeta }, figures: string): void {
  meta.figures = figures
  console.log(figures)
}

async function killAll(run: { durability: Durability; first: number; count: number }): Promise<string> {
  const kills: Kill[] = []
  const totals: Figures[] = []
  // A fresh database each round: what is compared after each kill stays small.
  for (let done = 0; done < run.count; done += ROUND) {
    const count = Math.min(ROUND, run.count - done)
    const seeds = Array.from({ length: count }, (_, index) => run.first + done + index)
    const share = Math.ceil(count / LANES)
    const shares = Array.from({ length: LANES }, (_, lane) => seeds.slice(lane * share, (lane + 1) * share))
    const lanes = await together(
      shares
        .filter(({ length }) => length > 0)
        .map((mine) => (goesOn: () => boolean) => killInLane(run.durability, mine, goesOn)),
    )
    kills.push(...lanes.flat())
    totals.push(...lanes.map((lane) => (lane.at(-1) as Kill).figures))
  }
  const { durability, first, count } = run
  const seeds = `seeds ${first} to ${first + count - 1}`
  return `SETTLEMENT_DURABILITY=${durability}, ${seeds}: ${crashReport(kills, totals)}`
}

/** Waits for all of them; when one fails the others stop at the next chance, and then it is told. */
async function together<Result>(
  works: readonly ((goesOn: () => boolean) => Promise<Result>)[],
): Promise<Result[]> {
  let failed = false
  const running = works.map((work) =>
    work(() => !failed).catch((error: unknown) => {
      failed = true
      throw error
    }),
  )
  await Promise.allSettled(running)
  return Promise.all(running)
}

/** One kill after the other; stops at the first that leaves something wrong. */
async function killInLane(
  durability: Durability,
  seeds: readonly number[],
  goesOn: () => boolean,
): Promise<Kill[]> {
  const lane = await openLane({ server, durability })
  const kills: Kill[] = []
  for (const seed of seeds) {
    if (!goesOn()) break
    const scenario = scenarioOf(seed)
    const kill = await killOnce(lane, scenario)
    const { reached, findings, outcome } = kill
    const story = { scenario: describeScenario(scenario), durability, folder: lane.folder }
    expect({ ...story, reached, findings }).toEqual({ ...story, reached: true, findings: [] })
    if (outcome) expect({ ...story, ...outcome }).toMatchObject(expectedAt(scenario, durability))
    kills.push(kill)
  }
  await lane.close()
  return kills
}

/** The first scenario that kills at a told cost, with nobody beside. */
function toldAlone() {
  for (let seed = SEED; ; seed += 1) {
    const scenario = scenarioOf(seed)
    if (scenario.point === 'told' && scenario.bystanders.length === 0) return scenario
  }
}
