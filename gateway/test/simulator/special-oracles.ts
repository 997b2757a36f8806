/** What must be true of runs of a scene with a purpose; see scenes.ts. */
import { drawnIn } from './draws.ts'
import type { Oracle } from './oracles.ts'
import type { Run, Try } from './run.ts'
import { OUTAGE } from './scenes.ts'

const BROKEN = 'a'
/** One run in a million and a half is further off by chance. */
const SIGMAS = 5
const DOWN_FROM_MS = 60_000

/** By name, as sentences that hold. */
export const special = {
  'of ten thousand requests one fails at most while one of three listings is broken': successful,
  'answers that break off are told no oftener than it takes to see it, and once a probe': brokenOff,
  'in an outage upstreams are asked at most 1.2 times as often as we are': amplified,
  'a broken listing is found out by its fifth failure or within ten seconds': foundOut,
  'of a hundred requests one at most goes to a listing that is known to be dead': spared,
  'a listing that is well again has its traffic back': restored,
  'offers are drawn as often as price, room, health and reputation say, newcomers twice in a hundred': drawn,
} as const satisfies Record<string, Oracle>

export function successful({ played }: Run): string[] {
  const failed = played.filter(({ end }) => end !== 'served')
  return failed.length <= played.length / 10_000
    ? []
    : failed.map(({ request, code }) => `${request.requestId} ${code}`)
}

export function brokenOff({ played, changes }: Run): string[] {
  const broke = played.filter(({ end }) => end === 'broke').length
  const probes = changes.filter(({ to }) => to === 'half_open').length
  return broke > 0 && broke <= 5 + probes ? [] : [`${broke} broke off, and there were ${probes} probes`]
}

export function amplified({ played, scene }: Run): string[] {
  const untilMs = Math.min(...scene.faults.map((fault) => fault.untilMs))
  const during = played.filter(({ cameMs }) => cameMs >= OUTAGE.fromMs && cameMs < untilMs)
  const attempts = during.reduce((sum, { tries }) => sum + tries.length, 0)
  const isTold = during.length > 1_000 && attempts > 0
  return isTold && attempts <= 1.2 * during.length
    ? []
    : [`${attempts} attempts for ${during.length} requests`]
}

const openedMs = ({ changes }: Run) =>
  changes.find(
    ({ from, to, offerId }) => from === 'closed' && to === 'open' && offerId.startsWith(`${BROKEN}:`),
  )?.atMs ?? Number.POSITIVE_INFINITY

function triesAt({ played }: Run, listingId: string): Try[] {
  return played.flatMap(({ tries }) => tries).filter(({ offer }) => offer.listingId === listingId)
}

/** Answers that began before it broke end well among the failures, so in a row it may take more of them. */
export function foundOut(run: Run): string[] {
  const atMs = openedMs(run)
  const failures = triesAt(run, BROKEN).filter(
    ({ outcome, endedMs = 0 }) => outcome !== 'ok' && endedMs <= atMs,
  )
  if (failures.length <= 5 || atMs <= DOWN_FROM_MS + 10_000) return []
  return [`it took ${failures.length} failures and ${atMs - DOWN_FROM_MS} ms`]
}

export function spared(run: Run): string[] {
  const atMs = openedMs(run)
  const untilMs = run.scene.faults[0]?.untilMs ?? 0
  const known = run.played.filter(({ cameMs }) => cameMs > atMs && cameMs < untilMs)
  const hit = known.filter(({ tries }) => tries.some(({ offer }) => offer.listingId === BROKEN))
  return known.length > 100 && hit.length <= known.length / 100 ? [] : [`${hit.length} of ${known.length}`]
}

/** The first within fifteen seconds when it was down for a short time; then slowly more, and as much as before in the end. */
export function restored(run: Run): string[] {
  const untilMs = run.scene.faults[0]?.untilMs ?? 0
  const first = triesAt(run, BROKEN).find(({ takenMs, outcome }) => takenMs > untilMs && outcome === 'ok')
  const before = shareOf(run, { fromMs: 0, untilMs: DOWN_FROM_MS })
  const after = shareOf(run, { fromMs: untilMs + 82_000, untilMs: untilMs + 120_000 })
  return [
    ...((first?.takenMs ?? Number.POSITIVE_INFINITY) <= untilMs + 15_000
      ? []
      : [`it served again at ${first?.takenMs} ms`]),
    ...(after > 0.7 * before ? [] : [`it had ${before} of the traffic before and ${after} afterwards`]),
  ]
}

/** Of the requests that came in that time, how many were tried there first. */
function shareOf({ played }: Run, { fromMs, untilMs }: { fromMs: number; untilMs: number }): number {
  const came = played.filter(({ cameMs }) => cameMs >= fromMs && cameMs < untilMs)
  return came.filter(({ tries }) => tries[0]?.offer.listingId === BROKEN).length / came.length
}

export function drawn(run: Run): string[] {
  const fresh = new Set(
    run.scene.sellers.filter(({ unprovenFor }) => unprovenFor > 0).map(({ listingId }) => listingId),
  )
  const first = run.played.filter(({ plan }) => fresh.has(plan?.offers[0]?.listingId ?? '')).length
  // Two in a hundred, and what chance may add to it.
  const most = 0.02 * run.played.length + SIGMAS * Math.sqrt(0.02 * run.played.length)
  return [
    ...drawnIn(run)
      .filter(({ sigmas }) => sigmas > SIGMAS)
      .map(
        ({ listing, times, expected }) =>
          `${listing} was drawn ${times} times instead of ${Math.round(expected)}`,
      ),
    ...(first <= most ? [] : [`newcomers were first ${first} times of ${run.played.length}`]),
  ]
}
