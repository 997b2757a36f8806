/** A database that breaks under a gateway that lives: at an exact statement, or as a whole and under load. */
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../src/demo/seeded-random.ts'
import { processIdentity } from '../../src/platform/process-identity.ts'
import type { Trap } from '../support/postgres-proxy.ts'
import type { GatewayProcess } from '../support/process.ts'
import type { Audit } from './auditor.ts'
import type { DatabaseServer } from './database-server.ts'
import { underLoad } from './kill.ts'
import type { Lane } from './lane.ts'

interface StatementFault extends Trap {
  /** Only a process that has just started sends it. */
  fresh?: true
}

const killBackend: Trap['act'] = ({ backendPid }) => process.kill(backendPid as number, 'SIGKILL')
const cut: Trap['act'] = (scene) => scene.cut()

const statementFaults = new Map<string, StatementFault>([
  [
    'the server process of a hold is killed',
    { statement: 'ledger-hold', moment: 'during', act: killBackend },
  ],
  [
    'the server process of a settlement is killed',
    { statement: 'ledger-settle', moment: 'during', act: killBackend },
  ],
  ['a hold is lost on its way', { statement: 'ledger-hold', moment: 'before', act: cut }],
  ['the answer to a committed hold is lost', { statement: 'ledger-hold', moment: 'after', act: cut }],
  ['a settlement is lost on its way', { statement: 'ledger-settle', moment: 'before', act: cut }],
  ['the answer to a committed settlement is lost', { statement: 'ledger-settle', moment: 'after', act: cut }],
  [
    'accounts are looked up in vain',
    // The first look-up is for the payer, before the hold; the second for the first bill.
    { statement: 'ledger-open-accounts', moment: 'before', occurrence: 2, act: cut, fresh: true },
  ],
])

const SERVER = 'the server is killed and comes back'
const BOTH = 'the server and the gateway are killed together'

/** What may happen to the database; the last two to the whole server. */
export const faults: readonly string[] = [...statementFaults.keys(), SERVER, BOTH]

/** As many seeds in a row as there are faults bring each of them. */
export const faultOf = (seed: number): string => faults[seed % faults.length] as string

export interface Broken extends Audit {
  fault: string
  seed: number
  /** It is the same process as before, unless it was killed too. */
  survived: boolean
  /** Requests that were told to come again. */
  refused: number
}

const lone = { payer: 'rich', stream: true, words: 1, pauseMs: 0, startMs: 0 } as const
const MOST_AWAY_MS = 2_000
const SERVES_AGAIN_MS = 30_000
const POLL_MS = 100

/** Breaks the database under load, waits until the gateway serves again, and compares. */
export async function breakOnce(
  { lane, server }: { lane: Lane; server: DatabaseServer },
  { fault, seed }: { fault: string; seed: number },
): Promise<Broken> {
  const random = seededRandom(seed)
  const trap = statementFaults.get(fault)
  if (trap?.fresh) {
    await lane.gateway().kill()
    await lane.restart()
  }
  const gateway = lane.gateway()
  let goesOn = true
  // What a process asks first is in order only while one request runs.
  const load = trap?.fresh
    ? lane.ask(lone).over
    : underLoad(lane, { seed, words: 3, pauseMs: 2, goesOn: () => goesOn })
  if (!trap?.fresh) await delay(100 + random() * 200)
  if (trap) {
    await inTime(lane.proxy.arm(trap), `${trap.statement} was never seen`)
    await delay(random() * 300)
  } else {
    await server.kill()
    if (fault === BOTH) {
      goesOn = false
      await gateway.kill()
    }
    await delay(random() * MOST_AWAY_MS)
    await server.restart()
    lane.databaseMoved()
  }
  goesOn = false
  await load
  const survived = fault === BOTH || isAlive(gateway)
  if (fault === BOTH) await lane.restart()
  await untilServed(lane)
  return { fault, seed, survived, refused: refusedBy(lane), ...(await lane.audit()) }
}

/** Throws what is wrong when this takes longer than anything here may. */
async function inTime(work: Promise<void>, wrong: string): Promise<void> {
  const limit = new AbortController()
  const late = delay(SERVES_AGAIN_MS, true, { signal: limit.signal }).catch(() => false)
  const isLate = await Promise.race([work.then(() => false), late])
  limit.abort()
  if (isLate) throw new Error(wrong)
}

function isAlive({ pid }: GatewayProcess): boolean {
  return processIdentity(pid) !== undefined
}

const refusedBy = (lane: Lane) => lane.requests().filter(({ status }) => status === 503).length

/** Asks until an answer comes whole. */
async function untilServed(lane: Lane): Promise<void> {
  const deadline = performance.now() + SERVES_AGAIN_MS
  for (;;) {
    const { ask, over } = lane.ask(lone)
    await over
    if (lane.requests().some((request) => request.ask === ask && request.whole)) return
    if (performance.now() > deadline) throw new Error('the gateway does not serve again')
    await delay(POLL_MS)
  }
}
