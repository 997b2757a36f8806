import { expect, test } from 'vitest'
import { judged, makeHealth } from '../../test/support/health.ts'
import { randomOf } from './seeded-random.ts'

const pool = ['a', 'b', 'c', 'd'].map((id) => judged(id, { concurrency: 10 }))
const [a, b] = pool as [(typeof pool)[0], (typeof pool)[0]]

const answer = (ttftMs: number) => ({ outcome: 'ok', ttftMs, durationMs: ttftMs + 1_000 }) as const

test('a listing four times slower than its pool keeps a quarter of its weight and all of its places', () => {
  const health = makeHealth(pool)
  for (let round = 0; round < 40; round += 1) {
    for (const offer of pool) health.run(offer, answer(offer === a ? 5_000 : 400))
    health.wait(500)
  }
  expect(health.breakers.standing(a)).toEqual({ state: 'closed', share: 0.25, places: 1, reason: 'slow' })
  expect(health.breakers.standing(b)).toEqual({ state: 'closed', share: 1, places: 1 })
  for (let round = 0; round < 60; round += 1) {
    for (const offer of pool) health.run(offer, answer(400))
    health.wait(500)
  }
  expect(health.breakers.standing(a)).toEqual({ state: 'closed', share: 1, places: 1 })
})

test('twenty slow samples are needed, and whole answers are compared with whole answers', () => {
  const health = makeHealth(pool)
  for (let round = 0; round < 30; round += 1) {
    for (const offer of pool) {
      if (offer !== a) health.run(offer, answer(400))
      health.run(offer, { outcome: 'ok', ttftMs: 6_000, durationMs: 6_000 })
    }
    health.wait(500)
  }
  for (let times = 0; times < 19; times += 1) health.run(a, answer(5_000))
  expect(health.breakers.standing(a)).toMatchObject({ share: 1 })
  health.run(a, answer(5_000))
  expect(health.breakers.standing(a)).toMatchObject({ share: 0.25 })
})

test('a slow listing does not hide behind clients that lose patience', () => {
  const random = randomOf('impatient')
  const health = makeHealth(pool)
  for (let round = 0; round < 200; round += 1) {
    for (const offer of pool) {
      const ttftMs = (offer === a ? 8_000 : 400) * (0.5 + random())
      // Nobody waits longer than 1.2 seconds, which is slow for this pool and not four times its median.
      health.run(offer, ttftMs > 1_200 ? { outcome: 'client_gone', durationMs: 1_200 } : answer(ttftMs))
    }
    health.wait(500)
  }
  // It has hardly an answer of its own: what is known of it is that others would have answered by then.
  health.run(a, answer(1_100))
  for (let times = 0; times < 30; times += 1) health.run(a, { outcome: 'client_gone', durationMs: 1_200 })
  expect(health.breakers.standing(a)).toMatchObject({ state: 'closed', reason: 'slow' })
  for (const offer of pool.slice(1)) expect(health.breakers.standing(offer)).toMatchObject({ share: 1 })
})

test('when 429s are more than half of what a listing says, its concurrency is cut, and grows back a place at a time', () => {
  const health = makeHealth(pool)
  const places = () => {
    const standing = health.breakers.standing(a)
    return standing.state === 'closed' ? standing.places : 0
  }
  for (let times = 0; times < 10; times += 1) health.run(a, 'rate_limited')
  // One storm is one cut.
  expect(places()).toBeCloseTo(0.7)
  health.wait(10_000)
  health.run(a, 'rate_limited')
  expect(places()).toBeCloseTo(0.49)
  const grown: number[] = []
  for (let second = 0; second < 60; second += 1) {
    health.wait(1_000)
    health.run(a, 'ok')
    if (second % 10 === 9) grown.push(Math.round(places() * 100))
  }
  expect(grown).toEqual([59, 69, 79, 89, 99, 100])
})

test('a 429 now and then costs nothing', () => {
  const health = makeHealth(pool)
  for (let times = 0; times < 200; times += 1) {
    health.run(a, times % 5 < 2 ? 'rate_limited' : 'ok', 'ok')
    health.wait(1_000)
  }
  expect(health.breakers.standing(a)).toEqual({ state: 'closed', share: 1, places: 1 })
})

test('BRK-12: a seller who answers 400 to one in ten is doubted within 500 requests, honest ones hardly ever', () => {
  for (const [name, usual] of [
    ['clean buyers', 0],
    ['buyers who err one time in five', 0.2],
  ] as const) {
    const random = randomOf(name)
    const health = makeHealth(pool)
    const doubted = new Map(pool.map(({ id }) => [id, 0]))
    const refusal = { class: 'user_error', status: 400, message: '', recognised: true } as const
    for (let round = 0; round < 500; round += 1) {
      for (const offer of pool) {
        const refuses = random() < usual || (offer === a && random() < 0.1)
        health.run(offer, refuses ? { outcome: 'user_error', status: 400 } : 'ok')
        if (refuses && health.breakers.isDoubtful(offer, refusal))
          doubted.set(offer.id, (doubted.get(offer.id) ?? 0) + 1)
      }
    }
    expect(doubted.get(a.id), name).toBeGreaterThan(3)
    for (const offer of pool.slice(1)) expect(doubted.get(offer.id), name).toBeLessThan(3)
  }
})
