import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLogger } from '../platform/logger.ts'
import { createKeptRests } from './rests-file.ts'

let folder = ''
let wallMs = 1_700_000_000_000
let monotonicMs = 5_000
const offer = { id: 'l:m', listingId: 'l', revision: 7 }

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rests-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const start = () =>
  createKeptRests({
    path: join(folder, 'rests.json'),
    clock: { nowMs: () => wallMs, monotonicMs: () => monotonicMs },
    random: () => 0,
    logger: createLogger({ level: 'silent' }),
  })

test('a spent account and a 429 rest on after a restart, as long as they would have', () => {
  const before = start()
  before.rests.rest(offer, 'cooling', 120_000)
  before.rests.rest(offer, 'listing_suspended')
  before.close()
  wallMs += 60_000
  monotonicMs = 77
  const after = start()
  expect(after.rests.restOf(offer)).toEqual({ reason: 'listing_suspended', untilMs: 77 + 14 * 60_000 })
  monotonicMs += 14 * 60_000
  expect(after.rests.restOf(offer)).toBeUndefined()
  // The second time in a row is twice as long, as if there had been no restart.
  after.rests.rest(offer, 'listing_suspended')
  expect(after.rests.restOf(offer)?.untilMs).toBe(monotonicMs + 30 * 60_000)
})

test('a rejected key is not kept here, and a seller who acted lifts what was', () => {
  const before = start()
  before.rests.rest({ ...offer, listingId: 'k', id: 'k:m' }, 'disabled')
  before.rests.rest(offer, 'listing_suspended')
  before.close()
  expect(readFileSync(join(folder, 'rests.json'), 'utf8')).not.toContain('disabled')
  expect(start().rests.restOf({ ...offer, revision: 8 })).toBeUndefined()
})

test('a wall clock that was set back makes no rest longer than six hours, and a broken file stops nothing', () => {
  const before = start()
  before.rests.rest(offer, 'listing_suspended')
  before.close()
  wallMs -= 24 * 3_600_000
  expect(start().rests.restOf(offer)?.untilMs).toBe(monotonicMs + 6 * 3_600_000)
  writeFileSync(join(folder, 'rests.json'), '{"rests":[{"id":')
  expect(start().rests.state(10)).toEqual([])
})
