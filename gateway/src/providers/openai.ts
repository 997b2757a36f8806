/**
 * The OpenAI dialect, which most vendors speak: the caller's bytes go on as they came, with single members replaced,
 * and the answer comes back the same way.
 */
import { editMembers, type JsonMembers, scanMembers } from '../http/json-members.ts'
import { GatewayError } from '../platform/errors.ts'
import type { ChatRequest } from './chat.ts'
import { classifyFailure } from './classify-failure.ts'
import { readOpenAiReply } from './openai-reply.ts'
import { OpenAiStream } from './openai-stream.ts'
import type { CallInput, UpstreamCall, WireFormat } from './provider.ts'

// Members that speak to the gateway. A vendor would refuse them, or spend the caller's money by his own rules.
const GATEWAY_MEMBERS = ['provider', 'models', 'max_cost', 'route', 'transforms', 'max_wait_ms', 'usage']

// Members that buy what has no price here: searches and plug-ins are charged to the seller by the piece.
const UNPRICED_MEMBERS = ['web_search_options', 'search_parameters', 'plugins']

// Tools that the caller runs himself. Every other kind runs at the vendor, for a fee of its own.
const CALLER_TOOLS = new Set(['function', 'custom'])

export const openAiFormat: WireFormat = {
  id: 'openai',
  lacks: [],
  ignores: [],
  buildCall,
  readReply: readOpenAiReply,
  openStream: (identity) => new OpenAiStream(identity),
  classifyFailure,
}

/** Throws `invalid_value` for a request that would cost the seller more than its tokens. */
function buildCall({ provider, request, body, upstreamModel, maxOutputTokens }: CallInput): UpstreamCall {
  refuseUnpriced(request)
  const edits: Record<string, string | undefined> = {}
  for (const member of GATEWAY_MEMBERS) edits[member] = undefined
  edits.model = JSON.stringify(upstreamModel)
  // Some tiers cost twice the listed price, and the seller chose his own.
  edits.service_tier = undefined
  edits.max_tokens = undefined
  edits.max_completion_tokens = undefined
  edits[provider.maxTokensField] = String(maxOutputTokens)
  if (!provider.streamOptions) edits.stream_options = undefined
  else if (request.stream) edits.stream_options = withUsage(body.bytes, body.members)
  return {
    method: 'POST',
    path: provider.chatPath,
    headers: {
      'content-type': 'application/json',
      accept: request.stream ? 'text/event-stream' : 'application/json',
      ...provider.headers,
    },
    body: editMembers(body.bytes, body.members, edits),
  }
}

function refuseUnpriced(request: ChatRequest): void {
  for (const member of UNPRICED_MEMBERS) {
    const value = request[member]
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue
    throw new GatewayError(
      'invalid_value',
      `'${member}' buys extras that are not sold here. Leave it out; search by a function tool of your own.`,
      { param: member },
    )
  }
  request.tools?.forEach(({ type }, index) => {
    if (CALLER_TOOLS.has(type)) return
    throw new GatewayError(
      'invalid_value',
      `Tools of type '${type.slice(0, 64)}' run at the vendor and are not sold here. Use tools of type 'function'.`,
      { param: `tools[${index}].type` },
    )
  })
}

/** The caller's `stream_options` with `include_usage` on: what a stream cost is known only from its last chunk. */
function withUsage(bytes: Buffer, members: JsonMembers): string {
  const span = members.spans.get('stream_options')
  const own = span && bytes.subarray(span.start, span.end)
  if (own?.[0] !== OPEN_BRACE) return '{"include_usage":true}'
  return editMembers(own, scanMembers(own), { include_usage: 'true' }).toString()
}

const OPEN_BRACE = 0x7b
