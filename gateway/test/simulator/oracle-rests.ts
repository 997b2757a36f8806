/** Whether those who said no, or failed too often, were left alone for as long as they should be. */
import type { Oracle } from './oracles.ts'
import type { Ejection, Run, Try } from './run.ts'

const SUSPENDED_MS = 15 * 60_000
/** The least that an unnamed pause comes to, and the least of any. */
const COOL_MS = 1_000
/** The least that a first opening comes to, its jitter taken off. */
const OPEN_MS = 8_000
const TINY_MS = 1e-6

interface Rest {
  /** A listing's id or an offer's. */
  who: string
  why: string
  fromMs: number
  untilMs: number
  /** What is held against a listing is held against it as it was: its seller may have mended it since. */
  revision: number
}

export const kept: Oracle = (run) => {
  const rests = new Map<string, Rest[]>()
  for (const rest of restsOf(run)) rests.set(rest.who, [...(rests.get(rest.who) ?? []), rest])
  return run.played.flatMap(({ request, tries, plan }) =>
    tries.flatMap(({ offer, takenMs }) => {
      const broken = [...(rests.get(offer.id) ?? []), ...(rests.get(offer.listingId) ?? [])].find(
        ({ fromMs, untilMs, why, revision }) =>
          takenMs > fromMs &&
          takenMs < untilMs &&
          offer.revision <= revision &&
          !(why === 'ejected' && plan?.panic === true),
      )
      if (!broken) return []
      const { who, why, fromMs } = broken
      return [
        `${request.requestId} was sent to ${offer.id} at ${takenMs} ms, but ${who} was ${why} at ${fromMs} ms`,
      ]
    }),
  )
}

function restsOf(run: Run): Rest[] {
  const mended = (listingId: string, afterMs: number) => {
    const first = run.mended.find((one) => one.listingId === listingId && one.atMs > afterMs)
    return first?.atMs ?? Number.POSITIVE_INFINITY
  }
  const said = run.played.flatMap(({ tries }) => tries.flatMap((tried) => restAfter(tried, mended)))
  const out = run.paused.map(({ listingId, state, atMs }) => ({
    who: listingId,
    why: state,
    fromMs: atMs,
    untilMs: mended(listingId, atMs),
    revision: revisionAt(run, listingId, atMs),
  }))
  const ejected = run.changes
    .filter(({ from, to }) => from === 'closed' && to === 'open')
    .map((opening) => ({
      who: opening.offerId,
      why: 'ejected',
      fromMs: opening.atMs,
      untilMs: closedAfter(run, opening),
      revision: Number.POSITIVE_INFINITY,
    }))
  return [...said, ...out, ...ejected]
}

/** Of the attempt that had a listing taken off the market. */
function revisionAt({ played }: Run, listingId: string, atMs: number): number {
  const ended = played
    .flatMap(({ tries }) => tries)
    .filter(({ offer, endedMs }) => offer.listingId === listingId && endedMs === atMs)
  return Math.max(...ended.map(({ offer }) => offer.revision))
}

/** An outage of our own takes an ejection back before its time; a pool in panic tries again before it. */
function closedAfter({ changes }: Run, opening: Ejection): number {
  // In the order they came: what opens may be pardoned in the same instant.
  const next = changes.slice(changes.indexOf(opening) + 1).find(({ offerId }) => offerId === opening.offerId)
  // Who begins the trial must be in panic; those who take part in it need not be.
  const nextMs = next?.to === 'half_open' ? next.atMs + TINY_MS : next?.atMs
  return Math.min(opening.atMs + OPEN_MS, nextMs ?? Number.POSITIVE_INFINITY)
}

function restAfter(
  { offer, outcome, endedMs = 0, hintMs, begun }: Try,
  mended: (listingId: string, afterMs: number) => number,
): Rest[] {
  const { id, listingId, revision } = offer
  if (begun) return []
  const rest = (who: string, why: string, forMs: number) => [
    { who, why, fromMs: endedMs, untilMs: Math.min(endedMs + forMs, mended(listingId, endedMs)), revision },
  ]
  switch (outcome) {
    case 'key_rejected':
      return rest(listingId, 'disabled', Number.POSITIVE_INFINITY)
    case 'quota_exhausted':
      return rest(listingId, 'suspended', SUSPENDED_MS)
    case 'model_refused':
      return rest(id, 'suspended', SUSPENDED_MS)
    case 'rate_limited':
      return rest(id, 'cooling', Math.max(COOL_MS, hintMs ?? 0))
    default:
      return []
  }
}
