/**
 * The shape we speak inside: OpenAI's chat request. Only what the gateway itself acts on is typed here; every
 * other field passes to the provider untouched, in its original bytes.
 */
import { z } from 'zod'
import type { JsonMembers } from '../http/json-members.ts'

// Bounds from the published API where it has one, else generous multiples of what agents send.
const MAX_MESSAGES = 2000
const MAX_TOOLS = 128

const contentPart = z.looseObject({ type: z.string().max(64) })
const content = z.union([z.string(), z.array(contentPart).min(1)])

const toolCall = z.looseObject({
  id: z.string(),
  type: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }).optional(),
})

const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content: content.nullish(),
  name: z.string().max(256).nullish(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
})

const tool = z.looseObject({
  type: z.string(),
  function: z
    .looseObject({
      name: z.string().min(1).max(256),
      description: z.string().nullish(),
      parameters: z.looseObject({}).nullish(),
    })
    .optional(),
})

const tokenLimit = z.int().min(1).max(10_000_000).nullish()

export const chatRequest = z.looseObject({
  model: z.string().min(1).max(256),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  n: z.int().min(1).max(8).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
  // 64 bits wide at OpenAI, more than a double holds; its digits go on as they came.
  seed: z.number().nullish(),
  tools: z.array(tool).max(MAX_TOOLS).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({})]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  reasoning_effort: z.string().max(32).nullish(),
  user: z.string().nullish(),
  service_tier: z.string().max(32).nullish(),
  // Ours: see inference/max-cost.ts.
  max_cost: z.union([z.number(), z.string().max(32)]).nullish(),
})

export type ChatRequest = z.infer<typeof chatRequest>

/** The request as it came: its bytes, and where its top-level members stand in them. */
export interface ChatBody {
  bytes: Buffer
  members: JsonMembers
}
