import { expect, test } from 'vitest'
import { sealAge, shareWords } from './overview-words.ts'

const now = Date.parse('2026-11-22T12:00:00Z')

test('an operator reads how long ago the ledger was sealed, and what waits for the next seal', () => {
  const at = (secondsAgo: number) => new Date(now - secondsAgo * 1000).toISOString()
  expect(sealAge({ lastSealAt: at(12), unsealedSeconds: 0 }, now)).toBe('Sealed 12 s ago.')
  expect(sealAge({ lastSealAt: at(600), unsealedSeconds: 40 }, now)).toBe(
    'Sealed 10 min ago; the oldest entry waits 40 s.',
  )
  expect(sealAge({ lastSealAt: at(7_200), unsealedSeconds: 0 }, now)).toBe('Sealed 2 h ago.')
  expect(sealAge({ lastSealAt: null, unsealedSeconds: 0 }, now)).toContain('Nothing has been booked yet')
})

test('a rare failure is not shown as none', () => {
  expect(shareWords(0, 10)).toBe('0 %')
  expect(shareWords(1, 100_000)).toBe('under 0.1 %')
  expect(shareWords(1, 8)).toBe('12.5 %')
  expect(shareWords(0, 0)).toBe('0 %')
})
