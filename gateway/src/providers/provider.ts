/**
 * The contract a wire format fulfils: four pure functions and a description, no I/O. A vendor that speaks a
 * known format is an entry in config/providers.json; a new format is one file beside this one.
 */
import type { Feature } from '../catalog/features.ts'
import type { ChatBody, ChatRequest } from './chat.ts'
import type { UpstreamFailure } from './outcome.ts'
import type { Usage } from './usage.ts'

/** A vendor, as config/providers.json describes it. */
export interface ProviderConfig {
  id: string
  name: string
  format: 'openai' | 'anthropic'
  baseUrl: string
  /** Hosts that a listing for this provider may name; the host of `baseUrl` is always one of them. */
  allowedHosts: readonly string[]
  /** How the credential is presented: `{ header: 'authorization', prefix: 'Bearer ' }`. */
  auth: { header: string; prefix: string }
  /** Environment variables whose value becomes a listing of the operator (`OPENAI_API_KEY`). */
  environmentKeys: readonly string[]
  /** Author prefix of the models this vendor makes (`openai`), used to find `author/id` names. */
  author: string
  /** Fixed headers, such as `anthropic-version`. */
  headers: Readonly<Record<string, string>>
  chatPath: string
  /** Where a key's models are listed, joined to the base URL; null when the vendor has no such list. */
  modelsPath: string | null
  /** The field that bounds the answer; only this one is sent on. */
  maxTokensField: 'max_completion_tokens' | 'max_tokens'
  /** Features (catalog/features.ts) that this vendor refuses or answers wrongly, and those it leaves unused. */
  lacks?: readonly Feature[]
  ignores?: readonly Feature[]
  /** False: `stream_options` makes this vendor answer 400, so usage is counted by us. */
  streamOptions: boolean
}

/** Everything `buildCall` may look at. */
export interface CallInput {
  provider: ProviderConfig
  request: ChatRequest
  body: ChatBody
  /** The provider's own name for the model. */
  upstreamModel: string
  /** Most completion tokens this request was admitted for; always sent, the hold rests on it. */
  maxOutputTokens: number
}

/** A call to make. The credential is added by `egress/`, the only place that can open it. */
export interface UpstreamCall {
  method: 'POST'
  /** Joined to the listing's base URL. */
  path: string
  headers: Readonly<Record<string, string>>
  body: Buffer
}

/** Who the answer is to be from, in the client's eyes. */
export interface ReplyIdentity {
  /** `gen-…`, becomes the answer's `id`. */
  id: string
  /** The public model id, becomes the answer's `model`. */
  model: string
  /** Unix seconds, for formats that carry no time of their own. */
  createdS: number
}

/** A whole, valid JSON answer. `json` is an OpenAI `chat.completion` whose id and model are already ours. */
export interface ChatReply {
  readonly json: Buffer
  /** The same with `billed`, a JSON text, as its `usage`: what a client is sent. */
  jsonWith(billed: string): Buffer
  /** `undefined` when the upstream reported none: then our own count is billed. */
  usage: Usage | undefined
  /** Everything the model wrote (text, reasoning, tool arguments), joined, for our own count. */
  text: string
  hasToolCalls: boolean
  /** What its calls call, custom tools and the older function call included. */
  toolNames: readonly string[]
  finishReason: string
  /** The model that answered by the upstream's own word. */
  answeredBy: string | undefined
}

/** What one SSE event of the upstream became. */
export interface StreamPart {
  /** OpenAI `chat.completion.chunk` texts to send, each one JSON; empty for events that carry nothing. */
  chunks: readonly string[]
  /** True when the chunks carry content, reasoning, a refusal or a tool call: after it no failover. */
  hasContent: boolean
  /** What the model wrote in this event, for our own count. */
  text: string
  hasToolCalls: boolean
  /** What the calls that begin in this event call; absent when none does. */
  toolNames?: readonly string[]
  finishReason?: string
  /** The latest cumulative report; a later one replaces an earlier. */
  usage?: Usage
  /** The upstream says it is over (`[DONE]`, `message_stop`). */
  done?: boolean
  /** The upstream failed inside the stream. */
  failure?: UpstreamFailure
}

/** Reads one upstream stream; pure, holds only what the format makes it remember. */
export interface StreamReader {
  /** `event` is the SSE event name (`''` when absent), `data` its joined data lines. Throws `MalformedReply`. */
  readEvent(event: string, data: string): StreamPart
  /** The model that answers by the upstream's own word; `undefined` until it has said so. */
  readonly answeredBy: string | undefined
}

export interface WireFormat {
  id: ProviderConfig['format']
  /** Features that it cannot say, and those that it leaves behind. */
  lacks: readonly Feature[]
  ignores: readonly Feature[]
  buildCall(input: CallInput): UpstreamCall
  /** Reads a 2xx JSON answer. Throws `MalformedReply` when it is not a whole, valid answer. */
  readReply(body: Buffer, identity: ReplyIdentity): ChatReply
  openStream(identity: ReplyIdentity): StreamReader
  /** Names what a non-2xx answer, or a 2xx that is an error in disguise, means. */
  classifyFailure(answer: { status: number; headers: Headers; body: Buffer; nowMs: number }): UpstreamFailure
}

/** Lower-case header names to values, as `egress/` hands them over. */
export type Headers = Readonly<Record<string, string>>

/** The upstream's bytes are not an answer in its own format. */
export class MalformedReply extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'MalformedReply'
  }
}
