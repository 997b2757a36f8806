/** Compares what a request that met a fault came to with what the fault's row says must follow. */
import type { DatabaseClient } from '../../src/platform/database.ts'
import { parseId } from '../../src/platform/ids.ts'
import { type FaultMarket, type Meeting, PRICES } from './fault-market.ts'
import type { RequestLine } from './fault-wire.ts'

/** What the books say of one request. */
export interface Booked {
  holdState: string | undefined
  record:
    | {
        listing: string
        source: string
        input: number
        output: number
        costNanos: bigint
        sellerNanos: bigint
      }
    | undefined
  entries: readonly { code: string; owner: string | null; nanos: bigint }[]
}

/** The books of these requests, by request id. */
export async function readBooked(
  admin: DatabaseClient,
  requestIds: readonly string[],
): Promise<Map<string, Booked>> {
  const ids = requestIds.map((id) => parseId('gen-', id))
  const { rows } = await admin.query<Record<string, string | null>>(
    `SELECT asked.id, h.state, u.listing_id, u.usage_source, u.uncached_input, u.output, u.cost_nanos, u.seller_nanos,
       (SELECT coalesce(jsonb_agg(jsonb_build_object('code', a.code, 'owner', a.owner, 'nanos', e.amount::text)), '[]')
        FROM ledger.entry e JOIN ledger.account a ON a.id = e.account_id WHERE e.journal_id = asked.id)::text AS entries
     FROM unnest($1::uuid[]) AS asked (id)
     LEFT JOIN ledger.hold h ON h.id = asked.id
     LEFT JOIN ledger.usage_record u ON u.id = asked.id`,
    [ids],
  )
  const byUuid = new Map(rows.map((row) => [row.id as string, row]))
  return new Map(
    requestIds.map((id, at) => {
      const row = byUuid.get(ids[at] as string) as Record<string, string | null>
      return [id, bookedOf(row)]
    }),
  )
}

function bookedOf(row: Record<string, string | null>): Booked {
  const entries = JSON.parse(row.entries as string) as { code: string; owner: string | null; nanos: string }[]
  return {
    holdState: row.state ?? undefined,
    record:
      row.listing_id === null
        ? undefined
        : {
            listing: row.listing_id as string,
            source: row.usage_source as string,
            input: Number(row.uncached_input),
            output: Number(row.output),
            costNanos: BigInt(row.cost_nanos as string),
            sellerNanos: BigInt(row.seller_nanos as string),
          },
    entries: entries.map(({ code, owner, nanos }) => ({ code, owner, nanos: BigInt(nanos) })),
  }
}

export interface Evidence {
  market: FaultMarket
  booked: ReadonlyMap<string, Booked>
  /** What the upstream was asked, by the name of the request. */
  visits: ReadonlyMap<string, readonly RequestLine[]>
}

/** What of a meeting is not as its row says; nothing when all is. */
export function examine(meeting: Meeting, evidence: Evidence): string[] {
  const findings = [
    ...clientFindings(meeting),
    ...routingFindings(meeting, evidence),
    ...upstreamFindings(meeting, evidence),
    ...moneyFindings(meeting, evidence),
  ]
  return findings.map((finding) => `${meeting.name} (${meeting.kind}, ${meeting.ask}): ${finding}`)
}

function clientFindings({ fault, kind, answer, model }: Meeting): string[] {
  const { status, text } = answer
  const findings: string[] = []
  const expectedStatus = fault.client === 'refused' ? 400 : 200
  if (status !== expectedStatus) return [`the client got ${status}: ${text.slice(0, 300)}`]
  if (text.includes('sk-upstream-secret')) findings.push('the client saw the key')
  for (const part of fault.holds ?? []) if (!text.includes(part)) findings.push(`the client missed ${part}`)
  for (const part of fault.lacks ?? []) if (text.includes(part)) findings.push(`the client saw ${part}`)
  if (fault.client === 'refused') {
    const code = answer.json?.error?.code
    if (code !== fault.code) findings.push(`the client got the code ${code}`)
    return findings
  }
  if (fault.client === 'breaks') return [...findings, ...brokenFindings(text)]
  const whole = kind === 'stream' ? readStream(text) : readJson(answer.json)
  if (!whole.complete) findings.push(`the client got no whole answer: ${text.slice(0, 500)}`)
  const expected = fault.client === 'next' ? 'all good' : fault.text
  if (expected !== undefined && whole.text !== expected)
    findings.push(`the client read ${JSON.stringify(whole.text)}`)
  if (whole.models.some((each) => each !== model)) findings.push(`the client saw models ${whole.models}`)
  return findings
}

/** One error event, the last, and no `[DONE]`. */
function brokenFindings(text: string): string[] {
  const errors = dataOf(text).filter((data) => data.startsWith('{"error"'))
  const findings: string[] = []
  if (errors.length !== 1) findings.push(`the client got ${errors.length} error events`)
  if (dataOf(text).at(-1) !== errors[0]) findings.push('something followed the error event')
  if (text.includes('[DONE]')) findings.push('the client got [DONE]')
  return findings
}

function dataOf(text: string): string[] {
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice(6))
}

interface Read {
  complete: boolean
  text: string
  models: readonly string[]
}

function readStream(text: string): Read {
  const data = dataOf(text)
  const chunks = data.filter((each) => each !== '[DONE]').map((each) => JSON.parse(each))
  const said = chunks.map(({ choices }) => choices?.[0]?.delta?.content ?? '').join('')
  return {
    complete: data.at(-1) === '[DONE]' && chunks.some(({ choices }) => choices?.[0]?.finish_reason),
    text: said,
    models: [...new Set(chunks.map(({ model }) => String(model)))],
  }
}

// biome-ignore lint/suspicious/noExplicitAny: any JSON may have come
function readJson(json: any): Read {
  const choice = json?.choices?.[0]
  return {
    complete: typeof choice?.finish_reason === 'string',
    text: choice?.message?.content ?? '',
    models: [String(json?.model)],
  }
}

function routingFindings(meeting: Meeting, { market }: Evidence): string[] {
  const { fault, kind, listing, rest, answer, askedMs, answeredMs } = meeting
  const outcome = fault.outcomes?.[kind] ?? fault.outcome
  const findings: string[] = []
  const { attempts = [], finishReason } = market.logged.get(requestIdOf(answer)) ?? {}
  const expected = fault.client === 'next' ? [outcome, 'ok'] : fault.client === 'breaks' ? ['ok'] : [outcome]
  if (attempts.join() !== expected.join()) findings.push(`the attempts were ${attempts} and not ${expected}`)
  if (fault.client === 'breaks' && finishReason !== outcome) findings.push(`it ended with ${finishReason}`)
  if (rest?.reason !== fault.rest) findings.push(`${listing} rests for ${rest?.reason}`)
  if (rest && fault.restMs) {
    const [least, most] = fault.restMs
    if (rest.untilMs - askedMs < least || rest.untilMs - answeredMs > most) {
      findings.push(`it rests ${Math.round(rest.untilMs - answeredMs)} ms and more`)
    }
  }
  return findings
}

function upstreamFindings({ fault, ask, name }: Meeting, { visits }: Evidence): string[] {
  const all = visits.get(ask) ?? []
  const own = all.filter((visit) => visit.fault === name)
  const well = all.filter((visit) => visit.row === 'well')
  const findings: string[] = []
  const expected = fault.visits ?? 1
  // A connection that had been given up while it was idle is no visit.
  const heard = own.filter(({ nth, sentBytes }) => nth === 1 || sentBytes > 0)
  if (heard.length !== expected)
    findings.push(`its upstream was asked ${heard.length} times and not ${expected}`)
  if (well.length !== (fault.client === 'next' ? 1 : 0))
    findings.push(`others were asked ${well.length} times`)
  if (all.length !== own.length + well.length) findings.push('somebody else was asked')
  return findings
}

function moneyFindings(meeting: Meeting, { market, booked }: Evidence): string[] {
  const { fault, answer, listing, buyer } = meeting
  const books = booked.get(requestIdOf(answer))
  if (!books) return ['the books do not know the request']
  if (fault.client === 'breaks' || fault.client === 'refused') return freeFindings(books)
  const isNext = fault.client === 'next'
  const charge = isNext
    ? chargeAt(PRICES.well, { input: 10, output: 5 })
    : chargeAt(PRICES.faulty, usageOf(meeting))
  const expected = {
    listing: uuidOf(isNext ? market.listings.well : listing),
    source: isNext ? 'reported' : (fault.billed?.source ?? 'reported'),
    costNanos: charge.costNanos,
    sellerNanos: charge.costNanos - charge.feeNanos,
  }
  const { record, entries, holdState } = books
  if (!record) return ['nothing was booked']
  const findings: string[] = []
  for (const key of Object.keys(expected) as (keyof typeof expected)[]) {
    if (record[key] !== expected[key]) findings.push(`${key} is ${record[key]} and not ${expected[key]}`)
  }
  if (holdState !== 'settled') findings.push(`the hold is ${holdState}`)
  const seller = parseId('org-', isNext ? market.sellers.well : market.sellers.faulty)
  // In the ledger's signs: a debit is positive, and what a buyer has is a liability.
  const flows: [string, string | null | undefined, bigint][] = [
    ['buyer', parseId('org-', buyer.organisationId), charge.costNanos],
    ['seller', seller, -expected.sellerNanos],
    ['platform_fee', undefined, -charge.feeNanos],
  ]
  for (const [code, owner, nanos] of flows) {
    const sum = entries
      .filter((entry) => entry.code.startsWith(code) && (owner === undefined || entry.owner === owner))
      .reduce((total, entry) => total + entry.nanos, 0n)
    if (sum !== nanos) findings.push(`${code} was moved by ${sum} and not ${nanos}`)
  }
  if (entries.reduce((total, entry) => total + entry.nanos, 0n) !== 0n)
    findings.push('the entries do not balance')
  return findings
}

function freeFindings({ record, entries, holdState }: Booked): string[] {
  const findings: string[] = []
  if (record || entries.length > 0)
    findings.push(`something was booked: ${JSON.stringify(entries, jsonBigint)}`)
  if (holdState !== undefined && holdState !== 'voided') findings.push(`the hold is ${holdState}`)
  return findings
}

function usageOf({ fault }: Meeting): { input: number; output: number } {
  const { input, output } = fault.billed ?? { input: 10, output: 5 }
  return { input, output }
}

/** The 5 % of the platform come out even for every usage here. */
export function chargeAt(price: { input: string; output: string }, usage: { input: number; output: number }) {
  const nanos = (usd: string) => BigInt(Math.round(Number(usd) * 1_000))
  const costNanos = nanos(price.input) * BigInt(usage.input) + nanos(price.output) * BigInt(usage.output)
  return { costNanos, feeNanos: (costNanos * 500n) / 10_000n }
}

export function requestIdOf(answer: { headers: Headers }): string {
  return answer.headers.get('x-request-id') ?? ''
}

function uuidOf(listing: string): string {
  return parseId('lst-', listing) as string
}

const jsonBigint = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value)
