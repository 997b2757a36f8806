import { expect, test } from 'vitest'
import { withNames } from './request-words.ts'

test('a sentence about sellers says their names, and the id of one whose name is not known', () => {
  const known = `lst-${'0'.repeat(26)}`
  const unknown = `lst-${'1'.repeat(26)}`
  const names = new Map([[known, 'East $& coast']])
  expect(withNames(`${known} (openai) was drawn before ${unknown}, not ${known}.`, names)).toBe(
    `East $& coast (openai) was drawn before ${unknown}, not East $& coast.`,
  )
})
