/**
 * Compares three logs that three processes wrote: the bytes that clients received, what the upstream served and
 * reported, and what the database has. A pure function, so that each kind of fault can be planted in its test. Prices
 * are computed here once more, in whole pico-dollars, and not with the gateway's own arithmetic.
 */
import type { ClientRequest, UpstreamVisit } from '../support/crash-logs.ts'

export interface Evidence {
  client: readonly ClientRequest[]
  upstream: readonly UpstreamVisit[]
  books: Books
  terms: Terms
  /** What each payer was given. */
  credits: ReadonlyMap<string, bigint>
}

export interface Terms {
  inputPicos: bigint
  outputPicos: bigint
  feeBps: bigint
  /** Statuses that a client may get beside 200. */
  mayAnswer: readonly number[]
}

/** What the database has, in nano-dollars. */
export interface Books {
  charges: readonly Charge[]
  writeOffs: readonly WriteOff[]
  /** What payers got back because they had been told that they are not charged. */
  refunds: readonly { id: string; payer: string; nanos: bigint }[]
  openHolds: readonly string[]
  accounts: readonly { owner: string; balanceNanos: bigint; heldNanos: bigint }[]
  budgets: readonly { keyId: string; spentNanos: bigint; heldNanos: bigint }[]
  entriesSum: bigint
  violations: readonly string[]
  deadLetters: readonly string[]
}

export interface Charge {
  id: string
  payer: string
  keyId: string
  source: 'reported' | 'counted'
  input: number
  output: number
  heldNanos: bigint
  costNanos: bigint
  sellerNanos: bigint
  /** What its journals take from the payer, all entries together. */
  bookedNanos: bigint
}

/** What the platform paid a seller for something that no buyer pays for. */
export interface WriteOff {
  id: string
  payer: string
  sellerNanos: bigint
}

export type Fault =
  | 'lost'
  | 'duplicated'
  | 'wrong amount'
  | 'not told'
  | 'charged for nothing'
  | 'paid for nothing'
  | 'refused'
  | 'unresolved'
  | 'balance'
  | 'books'

export interface Finding {
  fault: Fault
  detail: string
}

export interface Figures {
  asked: number
  whole: number
  told: number
  settled: number
  /** Booked, and the client never heard. */
  settledUntold: number
  writtenOff: number
  lost: number
  duplicated: number
  unresolved: number
}

const PICOS_PER_NANO = 1_000n
const BASIS_POINTS = 10_000n

export interface Audit {
  /** Everything that the three logs contradict each other in; nothing when money was exact. */
  findings: Finding[]
  figures: Figures
  /** What became of each ask. */
  outcomes: ReadonlyMap<string, Outcome>
}

export interface Outcome {
  told: boolean
  charged: boolean
  writtenOff: boolean
}

export function auditCrash(evidence: Evidence): Audit {
  const { client, books } = evidence
  const { byAsk, strays } = matchCharges(evidence)
  const findings = [
    ...strays.map((charge) => finding('charged for nothing', `${show(charge)}: nobody asked for it`)),
    ...client.flatMap((request) => judgeRequest(request, byAsk.get(request.ask) ?? [], evidence)),
    ...sameId(client),
    ...books.charges.flatMap((charge) => judgeCharge(charge, evidence)),
    ...books.writeOffs.flatMap((writeOff) => judgeWriteOff(writeOff, evidence)),
    ...judgeBooks(evidence),
  ]
  const told = new Set(client.filter(({ toldNanos }) => toldNanos.length > 0).map(({ ask }) => ask))
  const writtenOff = new Set(books.writeOffs.map(({ id }) => id))
  const outcomeOf = ({ ask, id }: ClientRequest): Outcome => ({
    told: told.has(ask),
    charged: byAsk.has(ask),
    writtenOff: id !== undefined && writtenOff.has(id),
  })
  const count = (fault: Fault) => findings.filter((each) => each.fault === fault).length
  return {
    findings,
    figures: {
      asked: client.length,
      whole: client.filter(({ whole }) => whole).length,
      told: told.size,
      settled: books.charges.length,
      settledUntold: [...byAsk.keys()].filter((ask) => !told.has(ask)).length,
      writtenOff: books.writeOffs.length,
      lost: count('lost'),
      duplicated: count('duplicated'),
      unresolved: count('unresolved'),
    },
    outcomes: new Map(client.map((request) => [request.ask, outcomeOf(request)])),
  }
}

/** Which request each charge is for: by its id if the client knew that, else by usage that one visit alone reported. */
function matchCharges({ client, upstream, books }: Evidence): {
  byAsk: Map<string, Charge[]>
  strays: Charge[]
} {
  const askOfId = new Map(client.flatMap(({ id, ask }) => (id === undefined ? [] : [[id, ask] as const])))
  const payerOf = new Map(client.map(({ ask, payer }) => [ask, payer]))
  const askOfUsage = new Map(
    upstream.flatMap(({ ask, reported }) =>
      reported ? [[`${payerOf.get(ask)} ${reported.input} ${reported.output}`, ask] as const] : [],
    ),
  )
  const byAsk = new Map<string, Charge[]>()
  const strays: Charge[] = []
  for (const charge of books.charges) {
    const ask = askOfId.get(charge.id) ?? askOfUsage.get(`${charge.payer} ${charge.input} ${charge.output}`)
    if (ask === undefined) strays.push(charge)
    else byAsk.set(ask, [...(byAsk.get(ask) ?? []), charge])
  }
  return { byAsk, strays }
}

function judgeRequest(request: ClientRequest, charges: readonly Charge[], evidence: Evidence): Finding[] {
  const { ask, status, whole, toldNanos, end } = request
  const findings: Finding[] = []
  const add = (fault: Fault, detail: string) => findings.push(finding(fault, `${ask}: ${detail}`))
  if (end === 'running') add('unresolved', 'its client still waits')
  if (status !== undefined && status !== 200 && !evidence.terms.mayAnswer.includes(status))
    add('refused', `the client got ${status}`)
  if (whole && toldNanos.length === 0) add('not told', 'the client has the answer and heard no cost')
  if (charges.length > 1) add('duplicated', `it is charged ${charges.length} times`)
  if (charges.length === 0 && (whole || toldNanos.length > 0))
    add('lost', `the client was told ${toldNanos[0] ?? 'nothing'} and nothing is booked`)
  if (request.failed && charges.some((charge) => refundOf(charge, evidence) !== charge.costNanos))
    add('charged for nothing', 'the client was told that it failed')
  if (!request.failed && charges.some((charge) => refundOf(charge, evidence) !== 0n))
    add('paid for nothing', 'it was given back although the client has its answer')
  for (const charge of charges) {
    for (const nanos of toldNanos) {
      if (nanos !== charge.costNanos)
        add('wrong amount', `the client was told ${nanos}, booked is ${charge.costNanos}`)
    }
    findings.push(...judgeCost(request, charge, evidence))
  }
  return findings
}

function refundOf({ id }: Charge, { books }: Evidence): bigint {
  return books.refunds.reduce((sum, refund) => (refund.id === id ? sum + refund.nanos : sum), 0n)
}

/** A charge is what the upstream reported for this request; only who left is billed by count, within his hold. */
function judgeCost({ ask, end }: ClientRequest, charge: Charge, { upstream, terms }: Evidence): Finding[] {
  const reports = upstream.flatMap((visit) => (visit.ask === ask && visit.reported ? [visit.reported] : []))
  if (charge.source === 'counted') {
    if (end !== 'left')
      return [finding('charged for nothing', `${ask}: billed by count although its client stayed`)]
    if (charge.costNanos > charge.heldNanos)
      return [finding('wrong amount', `${ask}: ${charge.costNanos} for who left, above the hold`)]
    return []
  }
  if (reports.length === 0)
    return [finding('charged for nothing', `${ask}: the upstream never reported any usage`)]
  if (reports.some((report) => costOf(report, terms) === charge.costNanos)) return []
  return [
    finding('wrong amount', `${ask}: booked is ${charge.costNanos}, reported was ${JSON.stringify(reports)}`),
  ]
}

/** Rounded up once, on the sum. */
function costOf({ input, output }: { input: number; output: number }, terms: Terms): bigint {
  const picos = BigInt(input) * terms.inputPicos + BigInt(output) * terms.outputPicos
  return (picos + PICOS_PER_NANO - 1n) / PICOS_PER_NANO
}

function sellerShare(costNanos: bigint, { feeBps }: Terms): bigint {
  return (costNanos * (BASIS_POINTS - feeBps)) / BASIS_POINTS
}

function sameId(client: readonly ClientRequest[]): Finding[] {
  const known = new Map<string, string>()
  return client.flatMap(({ id, ask }) => {
    if (id === undefined) return []
    const other = known.get(id)
    known.set(id, ask)
    return other === undefined ? [] : [finding('duplicated', `${ask} and ${other} were both called ${id}`)]
  })
}

function judgeCharge(charge: Charge, { terms }: Evidence): Finding[] {
  const findings: Finding[] = []
  if (charge.bookedNanos !== charge.costNanos)
    findings.push(finding('wrong amount', `${show(charge)}: its journals take ${charge.bookedNanos}`))
  if (charge.sellerNanos !== sellerShare(charge.costNanos, terms))
    findings.push(finding('wrong amount', `${show(charge)}: the seller gets ${charge.sellerNanos}`))
  return findings
}

/** The platform pays a seller for what it broke itself: once, never beside a charge, never more than was served. */
function judgeWriteOff(writeOff: WriteOff, { client, upstream, books, terms }: Evidence): Finding[] {
  const { id, payer, sellerNanos } = writeOff
  const findings: Finding[] = []
  if (
    books.charges.some((charge) => charge.id === id) ||
    books.writeOffs.some((other) => other !== writeOff && other.id === id)
  )
    findings.push(finding('duplicated', `request ${id} is written off and paid for once more`))
  const request = client.find((each) => each.id === id)
  const served = upstream.filter((visit) =>
    request
      ? visit.ask === request.ask
      : client.some(({ ask, payer: asker }) => ask === visit.ask && asker === payer),
  )
  // The whole prompt, and what had left of the answer: no token is shorter than a character.
  const most = served.map(({ chars }) =>
    sellerShare(costOf({ input: PROMPT_TOKENS, output: chars }, terms), terms),
  )
  if (!most.some((nanos) => sellerNanos <= nanos))
    findings.push(
      finding(
        'paid for nothing',
        `request ${id}: ${sellerNanos} to the seller, served was ${JSON.stringify(served)}`,
      ),
    )
  if (request?.whole)
    findings.push(finding('paid for nothing', `${request.ask} is written off although it was answered`))
  return findings
}

/** Our prompts have fewer tokens. */
const PROMPT_TOKENS = 1_000

function judgeBooks({ books, credits }: Evidence): Finding[] {
  const spentBy = (payer: string) =>
    books.charges.reduce((sum, charge) => (charge.payer === payer ? sum + charge.costNanos : sum), 0n) -
    books.refunds.reduce((sum, refund) => (refund.payer === payer ? sum + refund.nanos : sum), 0n)
  const findings = [
    ...books.openHolds.map((id) => finding('unresolved', `hold ${id} is still open`)),
    ...books.violations.map((violation) => finding('books', violation)),
    ...books.deadLetters.map((letter) => finding('books', `dead letter: ${letter}`)),
    ...(books.entriesSum === 0n ? [] : [finding('books', `all entries sum to ${books.entriesSum}`)]),
  ]
  for (const [payer, credit] of credits) {
    const account = books.accounts.find(({ owner }) => owner === payer)
    const expected = credit - spentBy(payer)
    if (account?.balanceNanos !== expected)
      findings.push(finding('balance', `${payer} has ${account?.balanceNanos}, should have ${expected}`))
    if (account && account.heldNanos !== 0n)
      findings.push(finding('unresolved', `${account.heldNanos} of ${payer} are held`))
  }
  for (const { keyId, spentNanos, heldNanos } of books.budgets) {
    const spent = books.charges.reduce(
      (sum, charge) => (charge.keyId === keyId ? sum + charge.costNanos : sum),
      0n,
    )
    if (spentNanos !== spent)
      findings.push(finding('balance', `budget ${keyId} counts ${spentNanos}, its requests cost ${spent}`))
    if (heldNanos !== 0n) findings.push(finding('unresolved', `${heldNanos} of budget ${keyId} are held`))
  }
  return findings
}

const finding = (fault: Fault, detail: string): Finding => ({ fault, detail })

const show = ({ id, payer, costNanos }: Charge) => `charge ${id} of ${costNanos} to ${payer}`
