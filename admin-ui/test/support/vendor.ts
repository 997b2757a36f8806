/** OpenAI as a story needs it: reached by its own name over TLS, and standing on the loopback. Nothing leaves the machine. */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll } from 'vitest'
import type { Outside } from '../../../gateway/src/egress/egress.ts'
import { startOutside } from '../../../gateway/test/support/outside.ts'
import { chunk, completion } from '../../../gateway/test/support/scripted-upstream.ts'
import { answerToVerification } from '../../../gateway/test/support/verification.ts'

export interface Vendor {
  /** For the gateway of the story. */
  outside: Required<Outside>
  /** How every request is answered from now on. */
  answer: (ask: Ask, response: ServerResponse) => unknown
  /** The vendor keys by which buyers' requests came, the latest last. */
  keys: string[]
}

export interface Ask {
  key: string
  model: string
  stream: boolean
  maxTokens: number
}

const HOST = 'api.openai.com'
// An address of the public internet; whoever dials it arrives at the story.
const ADDRESS = '104.18.7.192'

export async function raiseVendor(): Promise<Vendor> {
  const world = await startOutside([HOST])
  afterAll(() => world.close())
  world.names.set(HOST, [ADDRESS])
  const vendor: Vendor = { outside: world.outside, answer: saying('Good morning. It is sunny.'), keys: [] }
  world.internet.answer = (request, response, body) => {
    const verified = answerToVerification(request.url ?? '', body)
    if (verified !== undefined)
      return void response.setHeader('content-type', 'application/json').end(verified)
    const key = String(request.headers.authorization).replace('Bearer ', '')
    const { model, stream = false, max_completion_tokens: maxTokens = 0 } = JSON.parse(body)
    vendor.keys.push(key)
    vendor.answer({ key, model, stream, maxTokens }, response)
  }
  return vendor
}

export interface Saying {
  promptTokens?: number
  completionTokens?: number
  /** Between two words of a stream. */
  pauseMs?: number
}

/** Says `text`, as a stream or whole, as it was asked. */
export function saying(
  text: string,
  { promptTokens = 12, completionTokens, pauseMs = 0 }: Saying = {},
): Vendor['answer'] {
  const words = text.split(/(?<= )/)
  const count = completionTokens ?? words.length
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: count,
    total_tokens: promptTokens + count,
  }
  return async ({ stream }, response) => {
    if (!stream) return sendJson(response, 200, completion(text, { usage }))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const send = (event: unknown) => response.write(`data: ${JSON.stringify(event)}\n\n`)
    send(chunk({ role: 'assistant', content: '' }))
    for (const word of words) {
      send(chunk({ content: word }))
      if (pauseMs > 0) await delay(pauseMs)
    }
    send(chunk({}, 'stop'))
    send({ ...chunk({}), choices: [], usage })
    response.end('data: [DONE]\n\n')
  }
}

/** Refuses with this status and these words. */
export function refusing(status: number, error: object): Vendor['answer'] {
  return (_ask, response) => sendJson(response, status, { error })
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
