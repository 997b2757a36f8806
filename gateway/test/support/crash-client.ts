/**
 * The client's process: asks what it is told to ask, writes down every byte that it gets as it comes, and ends the
 * gateway with SIGKILL the moment a cost is told, where it is told to. Told on its command line where to write.
 */
import { Agent, type IncomingMessage, request } from 'node:http'
import { type ClientLine, type Errand, promptOf, writeLine } from './crash-logs.ts'

export interface Question {
  origin: string
  key: string
  payer: string
  model: string
  stream: boolean
  maxTokens: number
  errand: Errand
  /** Closes the connection when this many words were read. */
  leaveAfterWords?: number
  /** Sends word when so many words were read. */
  sayAfterWords?: number
  /** The gateway's number. */
  killWhenTold?: number
}

/** What the client tells whoever started it: it has read so far, or it is through. */
export interface Said {
  ask: string
  over: boolean
  /** It got another status than 200. */
  refused: boolean
}

const file = process.argv[2] as string

process.on('message', (question: Question) => ask(question))
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })

function ask(question: Question): void {
  const { origin, key, payer, model, stream, maxTokens, errand } = question
  const log = (line: ClientLine) => writeLine(file, line)
  const name = errand.ask
  log({ ask: name, at: 'asked', payer, stream })
  let isOver = false
  let refused = false
  const over = (how: 'complete' | 'broken' | 'left') => {
    if (isOver) return
    isOver = true
    log({ ask: name, at: 'ended', how })
    process.send?.({ ask: name, over: true, refused } satisfies Said)
  }
  const outgoing = request(`${origin}/v1/chat/completions`, {
    method: 'POST',
    agent: new Agent({ keepAlive: false }),
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  })
  outgoing.on('error', () => over('broken'))
  outgoing.on('response', (response) => {
    log({ ask: name, at: 'opened', ...opening(response) })
    refused = response.statusCode !== 200
    read(response, question, log, () => {
      outgoing.destroy()
      over('left')
    })
    response.on('error', () => over('broken'))
    response.on('close', () => over(response.complete ? 'complete' : 'broken'))
  })
  outgoing.end(
    JSON.stringify({
      model,
      max_tokens: maxTokens,
      messages: [{ role: 'user', content: promptOf(errand) }],
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    }),
  )
}

function opening({ statusCode = 0, headers }: IncomingMessage) {
  const { 'x-request-id': requestId, 'x-gateway-cost': cost } = headers
  return {
    status: statusCode,
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(typeof cost === 'string' ? { cost } : {}),
  }
}

function read(
  response: IncomingMessage,
  { errand, killWhenTold, leaveAfterWords = Number.POSITIVE_INFINITY, sayAfterWords }: Question,
  log: (line: ClientLine) => void,
  leave: () => void,
): void {
  let words = 0
  let said = sayAfterWords === undefined
  response.setEncoding('utf8').on('data', (text: string) => {
    if (killWhenTold !== undefined && text.includes('"cost":')) kill(killWhenTold)
    log({ ask: errand.ask, at: 'bytes', text })
    words += text.split(' word').length - 1
    if (words >= leaveAfterWords) leave()
    if (said || words < (sayAfterWords ?? 0)) return
    said = true
    process.send?.({ ask: errand.ask, over: false, refused: false } satisfies Said)
  })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
