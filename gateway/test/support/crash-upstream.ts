/**
 * The upstream's process: serves each errand, reports usage that no other visit reports, writes down what it did, and
 * ends the gateway with SIGKILL where the errand says so. Told on its command line where to write.
 */
import { setTimeout as delay } from 'node:timers/promises'
import {
  type Errand,
  errandOf,
  pieceOf,
  type UpstreamLine,
  type UpstreamPoint,
  writeLine,
} from './crash-logs.ts'
import { chunk, completion, type Script, startScriptedUpstream, type Wire } from './scripted-upstream.ts'

/** What names a visit in the ledger: its usage. The prompts that clients send are longer than any `input` here. */
const INPUTS = 500

const GONE_POLL_MS = 10

const file = process.argv[2] as string
let visits = 0

const serve: Script = async (wire) => {
  const visit = visits
  visits += 1
  const errand = errandOf((wire.visit.json.messages as { content: string }[])[0]?.content ?? '')
  const stream = wire.visit.json.stream === true
  const usage = { input: 1 + (visit % INPUTS), output: 1 + Math.floor(visit / INPUTS) }
  const log = (line: UpstreamLine) => writeLine(file, line)
  log({ visit, at: 'accepted', ask: errand.ask, stream })
  await reach(errand, 'accepted')
  const report = () => log({ visit, at: 'reported', ...usage })
  const piece = pieceOf(errand)
  const sent = (words: number) => log({ visit, at: 'sent', words, chars: words * piece.length })
  await (stream ? serveStream : serveJson)({ wire, errand, piece, usage, report, sent })
  await reach(errand, 'whole')
  log({ visit, at: wire.gone() ? 'broken' : 'finished' })
}

interface Service {
  wire: Wire
  errand: Errand
  piece: string
  usage: { input: number; output: number }
  report: () => void
  sent: (words: number) => void
}

async function serveStream({ wire, errand, piece, usage, report, sent }: Service): Promise<void> {
  await wire.stream()
  await reach(errand, 'headers')
  await wire.event(chunk({ role: 'assistant', content: '' }))
  for (let words = 1; words <= errand.words && !wire.gone(); words += 1) {
    await wire.event(chunk({ content: piece }))
    sent(words)
    await reach(errand, 'words', words)
    if (errand.hangAfterWords === words) return hang(wire)
    await delay(errand.pauseMs)
  }
  if (wire.gone()) return
  await wire.event(chunk({}, 'stop'))
  report()
  await wire.event({ ...chunk({}), choices: [], usage: usageOf(usage) })
  await reach(errand, 'usage')
  await wire.event('[DONE]')
  await wire.endStream()
}

async function hang(wire: Wire): Promise<void> {
  while (!wire.gone()) await delay(GONE_POLL_MS)
}

/** The same points in an answer that comes as one body: cut in the text, and before its last byte. */
async function serveJson({ wire, errand, piece, usage, report, sent }: Service): Promise<void> {
  await delay(errand.words * errand.pauseMs)
  const body = JSON.stringify(completion(piece.repeat(errand.words), { usage: usageOf(usage) }))
  const middle = body.indexOf(piece) + piece.length * errand.words
  await wire.raw(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`,
  )
  await reach(errand, 'headers')
  await wire.raw(body.slice(0, middle))
  sent(errand.words)
  await reach(errand, 'words', errand.kill?.afterWords)
  report()
  await wire.raw(body.slice(middle, -1))
  await reach(errand, 'usage')
  await wire.raw(body.slice(-1))
}

const usageOf = ({ input, output }: Service['usage']) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
})

/** Ends the gateway if this is the place; the moment before lets it take in what was sent. */
async function reach({ kill }: Errand, at: UpstreamPoint, words?: number): Promise<void> {
  if (kill?.at !== at || (words !== undefined && words !== kill.afterWords)) return
  await delay(kill.delayMs)
  try {
    process.kill(kill.pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

process.on('disconnect', () => process.exit())
const upstream = await startScriptedUpstream()
process.send?.({ baseUrl: upstream.serve('crash', serve) })
