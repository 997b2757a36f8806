/**
 * What the client's process and the upstream's write down while gateways die around them, one JSON object a line, each
 * in a file of its own; and how those lines are read. The third log is the database.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { parseId } from '../../src/platform/ids.ts'
import { toldNanos } from './gateway-client.ts'

export type ClientLine =
  | { ask: string; at: 'asked'; payer: string; stream: boolean }
  | { ask: string; at: 'opened'; status: number; requestId?: string; cost?: string }
  | { ask: string; at: 'bytes'; text: string }
  | { ask: string; at: 'ended'; how: 'complete' | 'broken' | 'left' }

export type UpstreamLine =
  | { visit: number; at: 'accepted'; ask: string; stream: boolean }
  /** How much of the answer has left. */
  | { visit: number; at: 'sent'; words: number; chars: number }
  /** Written before the report leaves: what is not here, nobody can have been told. */
  | { visit: number; at: 'reported'; input: number; output: number }
  | { visit: number; at: 'finished' | 'broken' }

/** What the client asks the upstream for, in the first line of its prompt. */
export interface Errand {
  ask: string
  words: number
  /** Between two words. */
  pauseMs: number
  /** Characters that follow each word; many make the gateway note how far the answer has come. */
  padding: number
  /** The answer stops here and its connection stays open. */
  hangAfterWords?: number
  /** Ends the gateway when the answer has come this far. */
  kill?: { pid: number; at: UpstreamPoint; afterWords: number; delayMs: number }
}

/** One piece of an answer. */
export const pieceOf = ({ padding }: Errand): string => ` word${' more'.repeat(padding / 5)}`

export type UpstreamPoint = 'accepted' | 'headers' | 'words' | 'usage' | 'whole'

/** More tokens than any upstream here reports for a prompt, so that a hold always covers the cost. */
const FILLER = ' and then some more words to count'.repeat(90)

export const promptOf = (errand: Errand): string => `${JSON.stringify(errand)}\n${FILLER}`

export function errandOf(prompt: string): Errand {
  return JSON.parse(prompt.slice(0, prompt.indexOf('\n'))) as Errand
}

export function writeLine(file: string, line: ClientLine | UpstreamLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`)
}

/** One request as its client saw it. */
export interface ClientRequest {
  ask: string
  /** The organisation that pays, a UUID. */
  payer: string
  stream: boolean
  status: number | undefined
  /** The request's UUID, when the client got to know it. */
  id: string | undefined
  /** Every cost it was told, in the order of the bytes. */
  toldNanos: bigint[]
  /** It has the answer to its end. */
  whole: boolean
  /** It was told that there is no answer, or none any more. */
  failed: boolean
  /** Words of the answer that it read. */
  words: number
  end: 'complete' | 'broken' | 'left' | 'running'
}

/** One request as the upstream saw it. */
export interface UpstreamVisit {
  visit: number
  ask: string
  stream: boolean
  words: number
  chars: number
  reported: { input: number; output: number } | undefined
  end: 'finished' | 'broken' | 'running'
}

export function readClientLog(file: string): ClientRequest[] {
  const drafts = new Map<string, { lines: ClientLine[]; text: string }>()
  for (const line of readLines<ClientLine>(file)) {
    const draft = drafts.get(line.ask) ?? { lines: [], text: '' }
    drafts.set(line.ask, draft)
    if (line.at === 'bytes') draft.text += line.text
    else draft.lines.push(line)
  }
  return [...drafts.values()].map(({ lines, text }) => clientRequest(lines, text))
}

function clientRequest(lines: readonly ClientLine[], text: string): ClientRequest {
  const asked = lines.find((line) => line.at === 'asked')
  const opened = lines.find((line) => line.at === 'opened')
  const ended = lines.find((line) => line.at === 'ended')
  if (!asked) throw new Error(`the client wrote down an answer to nothing: ${JSON.stringify(lines)}`)
  const { ask, payer, stream } = asked
  const end = ended?.how ?? 'running'
  const shownId = opened?.requestId ?? /"id":"(gen-[0-9a-z]+)"/.exec(text)?.[1]
  return {
    ask,
    payer,
    stream,
    status: opened?.status,
    id: shownId === undefined ? undefined : parseId('gen-', shownId),
    toldNanos: costsIn(`${opened?.cost === undefined ? '' : `"cost":${opened.cost}`}\n${text}`),
    whole: opened?.status === 200 && end === 'complete' && isWhole(text, stream),
    failed: text.includes('"error":'),
    words: text.split(' word').length - 1,
    end,
  }
}

function costsIn(text: string): bigint[] {
  return [...text.matchAll(/"cost":[\d.]+/g)].map(([cost]) => toldNanos(cost) as bigint)
}

function isWhole(text: string, stream: boolean): boolean {
  if (text.includes('"error":')) return false
  return stream ? text.endsWith('data: [DONE]\n\n') : text.trimEnd().endsWith('}')
}

export function readUpstreamLog(file: string): UpstreamVisit[] {
  const visits = new Map<number, UpstreamVisit>()
  for (const line of readLines<UpstreamLine>(file)) {
    if (line.at === 'accepted') {
      const { visit, ask, stream } = line
      visits.set(visit, { visit, ask, stream, words: 0, chars: 0, reported: undefined, end: 'running' })
      continue
    }
    const visit = visits.get(line.visit)
    if (!visit) throw new Error(`the upstream wrote down a visit that it never accepted: ${line.visit}`)
    if (line.at === 'sent') Object.assign(visit, { words: line.words, chars: line.chars })
    else if (line.at === 'reported') visit.reported = { input: line.input, output: line.output }
    else visit.end = line.at
  }
  return [...visits.values()]
}

/** A line that was being written when we looked is left out. */
function readLines<Line>(file: string): Line[] {
  const text = readFileSync(file, { encoding: 'utf8', flag: 'a+' })
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
}
