/**
 * Anthropic's messages API behind OpenAI's chat: a full translation both ways. What it cannot say is refused with
 * the name of the field, never dropped.
 */

import { readAnthropicReply } from './anthropic-reply.ts'
import { toMessagesRequest } from './anthropic-request.ts'
import { AnthropicStream } from './anthropic-stream.ts'
import { classifyFailure } from './classify-failure.ts'
import type { CallInput, UpstreamCall, WireFormat } from './provider.ts'

export const anthropicFormat: WireFormat = {
  id: 'anthropic',
  lacks: ['n', 'logprobs', 'logit_bias', 'penalties', 'audio_output', 'prediction', 'verbosity'],
  ignores: ['seed', 'min_p', 'top_a', 'repetition_penalty'],
  buildCall,
  readReply: readAnthropicReply,
  openStream: (identity) => new AnthropicStream(identity),
  classifyFailure,
}

/** Throws `invalid_value` for what the messages API has no words for. */
function buildCall({ provider, request, upstreamModel, maxOutputTokens }: CallInput): UpstreamCall {
  return {
    method: 'POST',
    path: provider.chatPath,
    headers: {
      'content-type': 'application/json',
      accept: request.stream ? 'text/event-stream' : 'application/json',
      ...provider.headers,
    },
    body: Buffer.from(JSON.stringify(toMessagesRequest(request, { upstreamModel, maxOutputTokens }))),
  }
}
