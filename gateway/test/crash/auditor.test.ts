/** What the crash test relies on: whatever may go wrong with money is planted here, and the auditor must say so. */
import { expect, test } from 'vitest'
import type { ClientRequest, UpstreamVisit } from '../support/crash-logs.ts'
import { auditCrash, type Charge, type Evidence, type Fault } from './auditor.ts'

const BUYER = '00000000-0000-7000-8000-00000000000b'
const terms = { inputPicos: 123_457n, outputPicos: 1_345_679n, feeBps: 500n, mayAnswer: [] }
// 100 × 123,457 + 3 × 1,345,679 = 16,382,737 pico-dollars.
const usage = { input: 100, output: 3 }
const COST = 16_383n
const SELLER = 15_563n

const request = (ask: string, change: Partial<ClientRequest> = {}): ClientRequest => ({
  ask,
  payer: BUYER,
  stream: true,
  status: 200,
  id: `id of ${ask}`,
  toldNanos: [COST],
  whole: true,
  failed: false,
  words: 3,
  end: 'complete',
  ...change,
})

const visit = (ask: string, change: Partial<UpstreamVisit> = {}): UpstreamVisit => ({
  visit: 0,
  ask,
  stream: true,
  words: 3,
  chars: 15,
  reported: usage,
  end: 'finished',
  ...change,
})

const charge = (ask: string, change: Partial<Charge> = {}): Charge => ({
  id: `id of ${ask}`,
  payer: BUYER,
  keyId: 'key',
  source: 'reported',
  ...usage,
  heldNanos: 1_000_000n,
  costNanos: COST,
  sellerNanos: SELLER,
  bookedNanos: COST,
  ...change,
})

/** Books in which the payer's balance and budget say what the charges say. */
function evidence(
  client: ClientRequest[],
  upstream: UpstreamVisit[],
  charges: Charge[],
  change: Partial<Evidence['books']> = {},
): Evidence {
  const spentNanos = charges.reduce((sum, { costNanos }) => sum + costNanos, 0n)
  return {
    client,
    upstream,
    terms,
    credits: new Map([[BUYER, 1_000_000_000n]]),
    books: {
      charges,
      writeOffs: [],
      refunds: [],
      openHolds: [],
      accounts: [{ owner: BUYER, balanceNanos: 1_000_000_000n - spentNanos, heldNanos: 0n }],
      budgets: [{ keyId: 'key', spentNanos, heldNanos: 0n }],
      entriesSum: 0n,
      violations: [],
      deadLetters: [],
      ...change,
    },
  }
}

const faults = (given: Evidence): Fault[] => [
  ...new Set(auditCrash(given).findings.map(({ fault }) => fault)),
]

/** Cut off by the gateway's death: no end, no cost, and perhaps not even an id. */
const cutOff = (ask: string, change: Partial<ClientRequest> = {}) =>
  request(ask, { toldNanos: [], whole: false, end: 'broken', ...change })

test('logs that agree are left alone, whether the client heard its cost or not', () => {
  const client = [request('a'), cutOff('b'), cutOff('c', { id: undefined, status: undefined }), cutOff('d')]
  const reported = { input: 101, output: 3 }
  const given = evidence(
    client,
    [
      visit('a'),
      visit('b', { visit: 1, reported: undefined, end: 'broken' }),
      // Booked before the client could hear of it, and known by its usage alone.
      visit('c', { visit: 2, reported }),
      visit('d', { visit: 3, reported: { input: 102, output: 3 } }),
    ],
    [
      charge('a'),
      charge('nobody knows', { ...reported, costNanos: 16_507n, bookedNanos: 16_507n, sellerNanos: 15_681n }),
    ],
  )
  const { findings, figures, outcomes } = auditCrash(given)
  expect(findings).toEqual([])
  expect(figures).toMatchObject({ asked: 4, whole: 1, told: 1, settled: 2, settledUntold: 1, lost: 0 })
  const charged = [...outcomes].filter(([, outcome]) => outcome.charged)
  expect(charged.map(([ask]) => ask)).toEqual(['a', 'c'])
})

test('a cost that was told and is not booked is lost', () => {
  expect(faults(evidence([request('a')], [visit('a')], []))).toEqual(['lost'])
  expect(faults(evidence([cutOff('a', { toldNanos: [COST] })], [visit('a')], []))).toEqual(['lost'])
})

test('an answer that came whole and is not booked is lost, and says so even if no cost was told', () => {
  expect(faults(evidence([request('a', { toldNanos: [] })], [visit('a')], []))).toEqual(['not told', 'lost'])
})

test('a request charged twice is found, under its own id or another', () => {
  const own = evidence([request('a')], [visit('a')], [charge('a'), charge('a')])
  const other = evidence([request('a')], [visit('a')], [charge('a'), charge('another')])
  expect(faults(own)).toEqual(['duplicated'])
  expect(faults(other)).toEqual(['duplicated'])
})

test('two requests that were called the same are found', () => {
  const client = [request('a'), request('b', { id: 'id of a' })]
  expect(faults(evidence(client, [visit('a'), visit('b')], [charge('a')]))).toContain('duplicated')
})

test('a journal that takes the cost twice is found, although the usage record is right', () => {
  const given = evidence([request('a')], [visit('a')], [charge('a', { bookedNanos: 2n * COST })])
  expect(faults(given)).toEqual(['wrong amount'])
})

test.each([
  ['another amount than was told', request('a', { toldNanos: [COST + 1n] }), charge('a')],
  ['two costs for one request', request('a', { toldNanos: [COST, COST + 1n] }), charge('a')],
  [
    'another amount than the reported usage costs',
    request('a', { toldNanos: [COST - 1n] }),
    charge('a', { costNanos: COST - 1n, bookedNanos: COST - 1n, sellerNanos: 15_562n }),
  ],
  ['another share for the seller', request('a'), charge('a', { sellerNanos: SELLER + 1n })],
])('%s is found', (_, client, booked) => {
  expect(faults(evidence([client], [visit('a')], [booked]))).toEqual(['wrong amount'])
})

test('a charge that nobody was told of and nothing was served for is found', () => {
  expect(faults(evidence([], [], [charge('a')]))).toEqual(['charged for nothing'])
  const unserved = evidence([cutOff('a')], [visit('a', { reported: undefined })], [charge('a')])
  expect(faults(unserved)).toEqual(['charged for nothing'])
})

test('a charge for what the client was told has failed is found', () => {
  const failed = cutOff('a', { status: 503, end: 'complete', failed: true })
  const given = evidence([failed], [visit('a')], [charge('a')])
  expect(faults({ ...given, terms: { ...terms, mayAnswer: [503] } })).toEqual(['charged for nothing'])
})

test('a charge that was given back is right if the client was told of a failure, and wrong if it has the answer', () => {
  const given = (client: ClientRequest, nanos: bigint) => {
    const refunds = [{ id: 'id of a', payer: BUYER, nanos }]
    const accounts = [{ owner: BUYER, balanceNanos: 1_000_000_000n - COST + nanos, heldNanos: 0n }]
    return evidence([client], [visit('a')], [charge('a')], { refunds, accounts })
  }
  const failed = cutOff('a', { end: 'complete', failed: true })
  expect(faults(given(failed, COST))).toEqual([])
  expect(faults(given(failed, COST - 1n))).toEqual(['charged for nothing'])
  expect(faults(given(request('a'), COST))).toEqual(['paid for nothing'])
})

test('a client who stayed is never billed by count; who left is, up to his hold', () => {
  const counted = charge('a', { source: 'counted', output: 7, heldNanos: COST })
  const served = [visit('a', { reported: undefined })]
  expect(faults(evidence([cutOff('a')], served, [counted]))).toEqual(['charged for nothing'])
  const left = cutOff('a', { end: 'left' })
  expect(faults(evidence([left], served, [counted]))).toEqual([])
  expect(faults(evidence([left], served, [{ ...counted, heldNanos: COST - 1n }]))).toEqual(['wrong amount'])
})

test('what stays held is unresolved: a hold, an account, a budget, a client who waits', () => {
  const [client, upstream, charges] = [[request('a')], [visit('a')], [charge('a')]]
  const given = evidence(client, upstream, charges, { openHolds: ['h'] })
  expect(faults(given)).toEqual(['unresolved'])
  expect(auditCrash(given).figures.unresolved).toBe(1)
  const accounts = [{ owner: BUYER, balanceNanos: 1_000_000_000n - COST, heldNanos: 5n }]
  expect(faults(evidence(client, upstream, charges, { accounts }))).toEqual(['unresolved'])
  const budgets = [{ keyId: 'key', spentNanos: COST, heldNanos: 5n }]
  expect(faults(evidence(client, upstream, charges, { budgets }))).toEqual(['unresolved'])
  expect(faults(evidence([cutOff('a', { end: 'running' })], [visit('a')], []))).toEqual(['unresolved'])
})

test('a balance or a budget that its charges do not explain is found', () => {
  const [client, upstream, charges] = [[request('a')], [visit('a')], [charge('a')]]
  const accounts = [{ owner: BUYER, balanceNanos: 1_000_000_000n, heldNanos: 0n }]
  expect(faults(evidence(client, upstream, charges, { accounts }))).toEqual(['balance'])
  expect(faults(evidence(client, upstream, charges, { accounts: [] }))).toEqual(['balance'])
  const budgets = [{ keyId: 'key', spentNanos: 0n, heldNanos: 0n }]
  expect(faults(evidence(client, upstream, charges, { budgets }))).toEqual(['balance'])
})

test('books that are broken in themselves, and operations that were parked, are found', () => {
  const [client, upstream, charges] = [[request('a')], [visit('a')], [charge('a')]]
  for (const broken of [{ entriesSum: 1n }, { violations: ['I4: held'] }, { deadLetters: ['settle'] }])
    expect(faults(evidence(client, upstream, charges, broken))).toEqual(['books'])
})

test('a refusal is found unless the story allows that status', () => {
  const given = evidence([request('a', { status: 402, toldNanos: [], whole: false })], [], [])
  expect(faults(given)).toEqual(['refused'])
  expect(faults({ ...given, terms: { ...terms, mayAnswer: [402] } })).toEqual([])
})

test('what the platform pays for an answer that it broke is at most what was served, and never beside a charge', () => {
  const broken = [visit('a', { reported: undefined, end: 'broken' })]
  const paid = (sellerNanos: bigint, charges: Charge[] = []) =>
    evidence([cutOff('a')], broken, charges, { writeOffs: [{ id: 'id of a', payer: BUYER, sellerNanos }] })
  expect(faults(paid(SELLER))).toEqual([])
  expect(faults(paid(10n * SELLER))).toEqual(['paid for nothing'])
  const both = evidence([request('a')], [visit('a')], [charge('a')], {
    writeOffs: [{ id: 'id of a', payer: BUYER, sellerNanos: SELLER }],
  })
  expect(faults(both)).toEqual(['duplicated', 'paid for nothing'])
})
