/** Plays one scenario: lets the gateway work, kills it from outside at the point, brings it back, and compares. */
import { setTimeout as delay } from 'node:timers/promises'
import type { UpstreamPoint } from '../support/crash-logs.ts'
import type { Trap } from '../support/postgres-proxy.ts'
import type { Audit, Outcome } from './auditor.ts'
import type { AskOptions, Lane } from './lane.ts'
import { type PayerKind, type Point, payerKinds, type Scenario } from './scenario.ts'

export interface Kill extends Audit {
  scenario: Scenario
  /** The gateway died at the point, and not because we gave up waiting. */
  reached: boolean
  /** Of the request that was killed there; none when it died under load. */
  outcome: Outcome | undefined
}

const upstreamPoints: Partial<Record<Point, UpstreamPoint>> = {
  accepted: 'accepted',
  headers: 'headers',
  'mid-answer': 'words',
  'after-usage': 'usage',
  'after-answer': 'whole',
}

const traps: Partial<Record<Point, Pick<Trap, 'statement' | 'moment'>>> = {
  'before-hold': { statement: 'ledger-hold', moment: 'before' },
  'after-hold': { statement: 'ledger-hold', moment: 'after' },
  'before-settle': { statement: 'ledger-settle', moment: 'before' },
  'after-settle': { statement: 'ledger-settle', moment: 'after' },
}

// A request here takes a tenth of a second; whatever has not reached its point by then never will.
const REACH_MS = 20_000
/** More than the 1,024 characters after which the gateway notes how far an answer has come. */
const NOTED = { words: 3, padding: 500 }
const CALLERS = 6
/** After a refusal; one that comes at once would else be asked for a thousand times. */
const REFUSED_MS = 100
const LEAVERS = 7
const witness = { stream: false, words: 1, pauseMs: 0, startMs: 0 }

/** `between` happens while no gateway runs. */
export async function killOnce(
  lane: Lane,
  scenario: Scenario,
  between: () => void = () => undefined,
): Promise<Kill> {
  if (scenario.warm) await lane.ask({ ...witness, payer: scenario.payer }).over
  await lane.quiet()
  const gateway = lane.gateway()
  const { reached, ask } = await killAt(lane, scenario)
  lane.proxy.disarm()
  lane.proxy.stall(undefined)
  await gateway.kill()
  between()
  if (scenario.again) await dieRecovering(lane, scenario.again)
  await lane.restart()
  const audit = await lane.audit()
  return { scenario, reached, outcome: ask === undefined ? undefined : audit.outcomes.get(ask), ...audit }
}

interface Died {
  reached: boolean
  /** The request that was killed at the point. */
  ask: string | undefined
}

function killAt(lane: Lane, scenario: Scenario): Promise<Died> {
  if (scenario.point === 'random') return killUnderLoad(lane, scenario)
  if (scenario.point === 'noted') return killNoted(lane, scenario)
  return killOnTheWay(lane, scenario)
}

async function killOnTheWay(lane: Lane, scenario: Scenario): Promise<Died> {
  const gateway = lane.gateway()
  const { point, bystanders } = scenario
  const trap = traps[point]
  if (trap) void lane.proxy.arm({ ...trap, act: () => process.kill(gateway.pid, 'SIGKILL') })
  // Told from the spool: the database has not heard of it, and will not from this life.
  if (point === 'told' && lane.durability === 'spool') lane.proxy.stall('ledger-settle')
  const { ask, over } = lane.ask(scenario, optionsAt(scenario, gateway.pid))
  const others = bystanders.map((each) => lane.ask(each).over)
  const limit = new AbortController()
  const reached = await Promise.race([
    gateway.exited.then(() => true),
    delay(REACH_MS, false, { signal: limit.signal }).catch(() => false),
  ])
  limit.abort()
  // Whoever still waits hears it from the closed connection.
  if (!reached) await gateway.kill()
  await Promise.all([over, ...others])
  return { reached, ask }
}

function optionsAt({ point, afterWords, delayMs }: Scenario, pid: number): AskOptions {
  if (point === 'told') return { killWhenTold: pid }
  const at = upstreamPoints[point]
  return at ? { kill: { pid, at, afterWords, delayMs } } : {}
}

/** In the middle of a long answer, when how far it came has certainly left the process. */
async function killNoted(lane: Lane, { payer }: Scenario): Promise<Died> {
  const gateway = lane.gateway()
  const asking = { payer, stream: true, words: NOTED.words + 1, pauseMs: 0, startMs: 0 }
  const { ask, over, read } = lane.ask(asking, {
    padding: NOTED.padding,
    hangAfterWords: NOTED.words,
    sayAfterWords: NOTED.words,
  })
  await Promise.race([read, over])
  // What was noted goes to the file with the next record that may not wait, which is another request's.
  await lane.ask({ ...witness, payer }).over
  await gateway.kill()
  await over
  return { reached: true, ask }
}

/** Callers who ask without a pause, some of whom leave in the middle, until the gateway is gone. */
async function killUnderLoad(lane: Lane, { seed, loadMs, words, pauseMs }: Scenario): Promise<Died> {
  let alive = true
  const load = underLoad(lane, { seed, words, pauseMs, goesOn: () => alive })
  await delay(loadMs)
  alive = false
  await lane.gateway().kill()
  await load
  return { reached: true, ask: undefined }
}

/** Resolves when everybody has had his last answer. */
export async function underLoad(
  lane: Lane,
  { seed, words, pauseMs, goesOn }: { seed: number; words: number; pauseMs: number; goesOn: () => boolean },
): Promise<void> {
  const callers = Array.from({ length: CALLERS }, async (_, caller) => {
    const payer = payerKinds[caller % payerKinds.length] as PayerKind
    for (let turn = caller + seed; goesOn(); turn += 1) {
      const leaves = turn % LEAVERS === 0 ? { leaveAfterWords: 1 } : {}
      const asking = { payer, stream: turn % 2 === 0, words, pauseMs, startMs: 0 }
      const { refused } = await lane.ask(asking, leaves).over
      if (refused && goesOn()) await delay(REFUSED_MS)
    }
  })
  await Promise.all(callers)
}

/** A life that does not even get ready: it dies over the first bill that it books, if there is one. */
async function dieRecovering(lane: Lane, moment: Trap['moment']): Promise<void> {
  let died = false
  void lane.proxy.arm({
    statement: 'ledger-settle',
    moment,
    act() {
      died = true
      process.kill(lane.startingPid(), 'SIGKILL')
    },
  })
  try {
    await lane.restart()
    await lane.gateway().kill()
  } catch (error) {
    if (!died) throw error
  }
  lane.proxy.disarm()
}
