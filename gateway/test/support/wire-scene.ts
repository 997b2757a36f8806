/** A gateway before one upstream that answers as the next request's story wants, and remembers what it was asked. */
import { request } from 'node:http'
import type { Json } from '../providers/read-recording.ts'
import { type Buyer, startTestGateway, type TestGateway } from './gateway.ts'
import {
  type Script,
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamVisit,
} from './scripted-upstream.ts'

/** Sold by the scene's one upstream. */
export const MODEL = 'openai/gpt-4.1'

export interface WireAnswer {
  status: number
  headers: Headers
  text: string
}

export interface WireScene {
  gateway: TestGateway
  upstream: ScriptedUpstream
  buyer: Buyer
  /** The last request that reached the upstream. */
  asked(): UpstreamVisit
  /** Posts a chat completion, text as it is, and reads the whole answer; `script` is what the upstream says to it. */
  post(script: Script, body: string | object, headers?: Record<string, string>): Promise<WireAnswer>
  /** The same, with the answer left in the socket. */
  open(script: Script, body: object): Promise<AsyncIterable<Buffer>>
  close(): Promise<void>
}

export async function startWireScene(): Promise<WireScene> {
  const upstream = await startScriptedUpstream()
  const gateway = await startTestGateway()
  const buyer = await gateway.buyer({ usd: '1000' })
  const url = `${gateway.origin}/v1/chat/completions`
  const defaults = { authorization: `Bearer ${buyer.key}`, 'content-type': 'application/json' }
  let play: Script = () => undefined
  const baseUrl = upstream.serve('wire', (wire) => play(wire))
  await gateway.listing({ model: MODEL, baseUrl })
  return {
    gateway,
    upstream,
    buyer,
    asked: () => upstream.visitsOf('wire').at(-1) as UpstreamVisit,
    async post(script, body, headers = {}) {
      play = script
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const response = await fetch(url, { method: 'POST', headers: { ...defaults, ...headers }, body: text })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
    open(script, body) {
      play = script
      return new Promise((resolve, reject) => {
        request(url, { method: 'POST', headers: defaults }, resolve)
          .on('error', reject)
          .end(JSON.stringify(body))
      })
    },
    async close() {
      await gateway.settleAndAudit()
      await gateway.close()
      await upstream.close()
    },
  }
}

/** A question for the scene's upstream. */
export function ask(more: object = {}) {
  return { model: MODEL, messages: [{ role: 'user', content: 'hi' }], ...more }
}

/** The JSON events of a stream. */
export function eventsIn(text: string): Json[] {
  return [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json]) => JSON.parse(json as string))
}
