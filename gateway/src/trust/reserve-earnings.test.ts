import { beforeEach, expect, test, vi } from 'vitest'
import type { Journal } from '../ledger/postings.ts'
import { GatewayError } from '../platform/errors.ts'
import { followCase } from './reserve-earnings.ts'
import type { CaseRow } from './trust-store.ts'
import * as store from './trust-store.ts'

vi.mock('./trust-store.ts')

const posted: string[] = []
let refuse: GatewayError | undefined
const deps = {
  database: {} as never,
  audit: { record: async () => undefined },
  ledger: {
    async post({ code, sourceId, entries }: Journal) {
      if (refuse) throw refuse
      const [first] = entries
      posted.push(`${code} ${sourceId} ${first?.amountNanos}`)
      return { journalId: 'j', fresh: true }
    },
  },
}

const id = '01890000-0000-7000-8000-000000000001'
const part = (number: number, state: string, nanos = 100n) => ({
  caseId: id,
  part: number,
  amountNanos: nanos,
  state,
  createdAt: new Date(0),
})
const caseOf = (state: string, reserves: CaseRow['reserves']) =>
  ({ id, listingId: id, organisationId: 'seller', state, openedAt: new Date(0), reserves }) as CaseRow
const earned = (earnedNanos: bigint, pendingNanos: bigint) =>
  vi.mocked(store.earningsOf).mockResolvedValue({ earnedNanos, pendingNanos })

beforeEach(() => {
  posted.length = 0
  refuse = undefined
  vi.resetAllMocks()
})

test('what was earned since is set aside, as far as it is still pending, and nothing twice', async () => {
  earned(350n, 1_000n)
  await followCase(deps, caseOf('open', [part(1, 'held')]))
  expect(posted).toEqual([`earnings_reserved ${id}:2 250`])
  earned(350n, 40n)
  await followCase(deps, caseOf('open', [part(1, 'held')]))
  expect(posted[1]).toBe(`earnings_reserved ${id}:2 40`)
  earned(100n, 1_000n)
  await followCase(deps, caseOf('disputed', [part(1, 'held')]))
  expect(posted).toHaveLength(2)
})

test('what was planned when the process died is booked under its name before anything new is planned', async () => {
  earned(150n, 1_000n)
  await followCase(deps, caseOf('open', [part(1, 'planned')]))
  expect(posted).toEqual([`earnings_reserved ${id}:1 100`, `earnings_reserved ${id}:2 50`])
  expect(store.planReserve).toHaveBeenCalledOnce()
})

test('a cleared case gives back every part, and one that never could be booked is not given back', async () => {
  await followCase(deps, caseOf('cleared', [part(1, 'held'), part(2, 'planned'), part(3, 'released')]))
  expect(posted).toEqual([
    `earnings_reserved ${id}:2 100`,
    `earnings_unreserved ${id}:1 100`,
    `earnings_unreserved ${id}:2 100`,
  ])
  refuse = new GatewayError('conflict', 'less is there')
  posted.length = 0
  await followCase(deps, caseOf('cleared', [part(1, 'planned')]))
  expect(store.dropReserve).toHaveBeenCalledOnce()
  expect(posted).toEqual([])
})

test('an upheld case keeps what it has, and a ledger that is away leaves everything to the next round', async () => {
  await followCase(deps, caseOf('upheld', [part(1, 'held')]))
  expect(posted).toEqual([])
  earned(100n, 1_000n)
  refuse = new GatewayError('unavailable', 'away')
  await expect(followCase(deps, caseOf('open', []))).rejects.toThrow('away')
  expect(store.markReserve).not.toHaveBeenCalled()
  expect(store.dropReserve).not.toHaveBeenCalled()
})
