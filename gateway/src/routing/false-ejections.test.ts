// A market in which nobody is sick, seen for a long while: whatever buyers, clients and our own process do wrong, no
// listing may be ejected for it.
import { expect, test } from 'vitest'
import { judged, makeHealth } from '../../test/support/health.ts'
import type { Ticket } from './breakers.ts'
import { randomOf } from './seeded-random.ts'
import type { Ended, Judged } from './surroundings.ts'

const OUTCOMES = 1_000_000
const STALL_MS = 2_000

interface Running {
  offer: Judged
  ticket: Ticket
  endsAtMs: number
  told: Ended
}

/** Twenty listings of as many sellers behind five providers, all well; about a hundred requests at a time. */
function walk(seed: string, outcomes: number) {
  const random = randomOf(seed)
  const offers = Array.from({ length: 20 }, (_, index) =>
    judged(`l${index}`, { baseUrl: `https://provider${index % 5}.test/v1` }),
  )
  const changes: string[] = []
  const health = makeHealth(offers, {
    offersFor: () => offers,
    onChange: ({ offerId, to }) => changes.push(`${offerId} ${to}`),
  })
  const stallAt = Math.floor(outcomes / 2)
  const counts = { ok: 0, user_error: 0, client_gone: 0, own_fault: 0 }
  const running: Running[] = []
  let refused = 0
  for (let step = 0; step < outcomes; step += 1) {
    health.wait(Math.floor(random() * 20))
    const nowMs = health.clock.monotonicMs()
    while (running.length < 100) {
      const offer = offers[Math.floor(random() * offers.length)] as Judged
      const ticket = health.begin(offer)
      if (!ticket) refused += 1
      else running.push({ offer, ticket, endsAtMs: nowMs, told: told(random) })
    }
    const stalls = step === stallAt
    if (stalls) health.wait(STALL_MS)
    const ending = stalls ? running.splice(0) : running.splice(Math.floor(random() * running.length), 1)
    for (const { offer, ticket, told } of ending) {
      // What ran out of time while we stood still did so because of us.
      const event: Ended = stalls && random() < 0.5 ? { outcome: 'own_fault' } : told
      counts[event.outcome as keyof typeof counts] += 1
      health.end(offer, ticket, event)
    }
  }
  const standings = offers.map((offer) => health.breakers.standing(offer))
  return { changes, counts, refused, standings }
}

function told(random: () => number): Ended {
  const chance = random()
  const ttftMs = 200 + 600 * random()
  if (chance < 0.2) return { outcome: 'user_error', status: 400 }
  if (chance < 0.25) return { outcome: 'client_gone', durationMs: ttftMs * random() }
  return { outcome: 'ok', ttftMs, durationMs: ttftMs + 3_000 * random() }
}

test('a fifth of bad requests, one client in twenty that leaves and two seconds in which we stand still eject nobody', {
  timeout: 120_000,
}, () => {
  const { changes, counts, refused, standings } = walk('false ejections', OUTCOMES)
  expect(changes).toEqual([])
  expect(refused).toBe(0)
  for (const standing of standings) expect(standing).toEqual({ state: 'closed', share: 1, places: 1 })
  // It must have seen what it is about.
  expect(counts.user_error).toBeGreaterThan(OUTCOMES * 0.19)
  expect(counts.client_gone).toBeGreaterThan(OUTCOMES * 0.045)
  expect(counts.own_fault).toBeGreaterThan(20)
})
