import { expect, test } from 'vitest'
import { payerKinds, points, ROUND, scenarioOf } from './scenario.ts'

test('a round of seeds visits every point with every payer, streamed and not, wherever it begins', () => {
  for (const first of [0, 1, 20_261_122]) {
    const scenarios = Array.from({ length: ROUND }, (_, index) => scenarioOf(first + index))
    const cells = new Set(scenarios.map(({ point, stream, payer }) => `${point} ${stream} ${payer}`))
    expect(cells.size).toBe(ROUND)
    for (const point of points)
      for (const payer of payerKinds) expect(cells).toContain(`${point} true ${payer}`)
  }
})

test('a seed means the same scenario every time, and another one another', () => {
  expect(scenarioOf(7)).toEqual(scenarioOf(7))
  expect(scenarioOf(7 + ROUND)).not.toEqual({ ...scenarioOf(7), seed: 7 + ROUND })
})
