import { expect, test } from 'vitest'
import { afterAct, isOpen, type PayoutAct, type PayoutState, whyNot } from './payout-states.ts'

const STATES: PayoutState[] = ['requested', 'approved', 'paid', 'refused', 'cancelled', 'failed']
const ACTS: PayoutAct[] = ['cancel', 'approve', 'refuse', 'book', 'fail']

test('a payout moves along these ways and no others; all the rest says why not', () => {
  const ways = STATES.flatMap((state) =>
    ACTS.flatMap((act) => {
      const after = afterAct(state, act)
      if (!after) expect(whyNot(state, act)).toMatch(/^This payout .+\. Only a.+\.$/)
      return after ? [`${state} ${act} ${after.state} ${after.unbooked}`] : []
    }),
  )
  expect(ways).toEqual([
    'requested cancel cancelled give_back',
    'requested approve approved null',
    'requested refuse refused give_back',
    'approved book paid pay',
    'approved fail failed give_back',
  ])
})

test('what is set aside leaves a payout once: paid or given back', () => {
  for (const state of STATES.filter((each) => !isOpen(each)))
    for (const act of ACTS) expect(afterAct(state, act)).toBeUndefined()
})
