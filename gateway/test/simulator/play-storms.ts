/** Storms one after the other, by day and by night, and what was seen in them. */
import fc from 'fast-check'
import type { House } from './house.ts'
import { findings } from './oracles.ts'
import { type Run, runScene } from './run.ts'
import { stormOf } from './storm.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** What was seen, in a line; `npm run nightly` prints it. */
    figures?: string
  }
}

// Two files play that many each; by night 5,000 where a property is run once, which makes ten million a round.
const BY_DAY = 30_000
const BY_NIGHT = 5_000
const STORM = 2_500
// Ten times what a request takes on a busy machine.
const SLOWEST_MS = 4

const { numRuns, seed: nightSeed } = fc.readConfigureGlobal()
const storms = Math.ceil((numRuns === undefined ? BY_DAY : numRuns * BY_NIGHT) / STORM)

export const STORMS = { timeoutMs: storms * STORM * SLOWEST_MS }

/** What happened in storms, and how often. An oracle that nothing ever asks would find nothing. */
export interface Seen {
  requests: number
  served: number
  failedOver: number
  refused: number
  full: number
  waited: number
  broke: number
  left: number
  ejections: number
  takenOff: number
  mended: number
  panics: number
  sticky: number
  otherModels: number
}

export interface Storms {
  /** What the oracles found wrong, with the seed of the storm. */
  found: string[]
  seen: Seen
}

/** Plays the share of one file; `file` tells the seeds of the two apart. */
export async function playStorms(house: House, file: number): Promise<Storms> {
  const played: Storms = { found: [], seen: nothing() }
  for (let at = 1; at <= storms; at += 1) {
    const run = await runScene(house, stormOf(`${nightSeed ?? 0}.${file}.${at}`, STORM))
    played.found.push(...findings(run))
    count(played.seen, run)
    // The first few are enough to work on; a night of them is too much to read.
    if (played.found.length > 20) break
  }
  return played
}

function nothing(): Seen {
  return {
    requests: 0,
    served: 0,
    failedOver: 0,
    refused: 0,
    full: 0,
    waited: 0,
    broke: 0,
    left: 0,
    ejections: 0,
    takenOff: 0,
    mended: 0,
    panics: 0,
    sticky: 0,
    otherModels: 0,
  }
}

function count(seen: Seen, { played, changes, paused, mended }: Run): void {
  seen.ejections += changes.filter(({ to }) => to === 'open').length
  seen.takenOff += paused.length
  seen.mended += mended.length
  for (const { end, code, tries, plan, cameMs, admittedMs, request } of played) {
    seen.requests += 1
    if (end === 'served' && tries.length > 1) seen.failedOver += 1
    if (end === 'served' || end === 'refused' || end === 'broke' || end === 'left') seen[end] += 1
    if (code === 'no_capacity') seen.full += 1
    if (admittedMs !== undefined && admittedMs > cameMs) seen.waited += 1
    if (plan?.panic) seen.panics += 1
    if (plan?.decisions[0]?.choice.by === 'sticky') seen.sticky += 1
    if (end === 'served' && tries.at(-1)?.offer.model !== request.model.id) seen.otherModels += 1
  }
}
