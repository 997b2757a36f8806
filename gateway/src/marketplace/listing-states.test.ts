import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  isReason,
  type ListingState,
  listingStates,
  mayMove,
  outweighs,
  type StateActor,
  towardsActive,
} from './listing-states.ts'

const actors: StateActor[] = ['seller', 'operator', 'system']
const standing = (state: ListingState, by: StateActor = 'system') => ({ state, by, reason: 'any' })

test('no way leads to the market but through verification, except back from a rest', () => {
  const ways = listingStates.filter((from) =>
    actors.some((by) => mayMove(standing(from, by), 'active', by) === 'yes'),
  )
  expect(ways).toEqual(['verifying', 'paused', 'cooling', 'suspended', 'disabled'])
  for (const from of ['suspended', 'disabled'] as const)
    for (const by of ['seller', 'operator'] as const)
      expect(mayMove(standing(from), 'active', by)).not.toBe('yes')
  for (const by of ['seller', 'operator'] as const)
    expect(mayMove(standing('verifying'), 'active', by)).not.toBe('yes')
  for (const by of actors) expect(mayMove(standing('draft'), 'active', by)).toBe('no')
  for (const by of actors) expect(mayMove(standing('quarantined'), 'active', by)).toBe('no')
})

test('what an operator took off the market, a seller does not put back', () => {
  for (const state of ['paused', 'suspended', 'disabled'] as const) {
    expect(mayMove(standing(state, 'operator'), 'verifying', 'seller')).toBe('operators_only')
    expect(mayMove(standing(state, 'operator'), 'verifying', 'operator')).toBe('yes')
    expect(mayMove(standing(state, 'system'), 'verifying', 'seller')).toBe('yes')
  }
  expect(mayMove(standing('quarantined', 'system'), 'verifying', 'seller')).toBe('operators_only')
})

test('a seller never suspends, disables or quarantines, and nobody but a rule cools', () => {
  for (const from of listingStates) {
    for (const to of ['suspended', 'disabled', 'quarantined'] as const)
      expect(mayMove(standing(from), to, 'seller')).not.toBe('yes')
    for (const by of ['seller', 'operator'] as const)
      expect(mayMove(standing(from), 'cooling', by)).not.toBe('yes')
  }
})

test('quarantine is left by an operator only, and only to be verified', () => {
  for (const to of listingStates)
    for (const by of actors) {
      const expected = to === 'verifying' && by === 'operator' ? 'yes' : undefined
      if (mayMove(standing('quarantined', by), to, by) === 'yes') expect('yes').toBe(expected)
    }
})

test('whatever is done in whatever order, no listing is on the market unverified after its key was new', () => {
  const step = fc.record({
    by: fc.constantFrom(...actors),
    to: fc.constantFrom(...listingStates),
    hasNewKey: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let at = standing('draft')
      let isVerified = false
      for (const { by, to, hasNewKey } of steps) {
        if (hasNewKey) {
          isVerified = false
          if (at.state === 'active' || at.state === 'cooling') at = standing('verifying', by)
        }
        const asked = to === 'active' ? (towardsActive(at, { isVerified }) ?? at.state) : to
        const goal = by === 'system' && at.state === 'verifying' && to === 'active' ? 'active' : asked
        if (goal === at.state || mayMove(at, goal, by) !== 'yes') continue
        if (goal === 'active' && at.state === 'verifying') isVerified = true
        at = standing(goal, by)
        if (at.state === 'active') expect(isVerified).toBe(true)
      }
    }),
  )
})

test('a reason is one that the table knows for the step', () => {
  expect(isReason('verifying', 'active', 'system', 'verified')).toBe(true)
  expect(isReason('verifying', 'active', 'system', 'looks fine')).toBe(false)
  expect(isReason('active', 'paused', 'seller', 'paused_by_seller')).toBe(true)
  expect(isReason('active', 'disabled', 'system', 'key_rejected')).toBe(true)
})

test('of two rules the heavier one is told', () => {
  expect(outweighs('quarantined', 'disabled')).toBe(true)
  expect(outweighs('cooling', 'disabled')).toBe(false)
  expect(outweighs('disabled', 'disabled')).toBe(false)
})
