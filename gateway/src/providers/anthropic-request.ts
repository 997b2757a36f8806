/** OpenAI's chat request in the words of `POST /v1/messages`. */
import { GatewayError } from '../platform/errors.ts'
import { toMessages } from './anthropic-messages.ts'
import type { ChatRequest } from './chat.ts'
import { isObject, type JsonObject } from './openai-message.ts'

/**
 * The tool that carries a JSON answer when the caller wants JSON without a strict schema, which the API has no
 * setting for. Its input becomes the content of the answer; `anthropic-reply.ts` and `-stream.ts` know it by name.
 */
export const JSON_ANSWER_TOOL = 'bourse_json_answer'

// The share of the answer that may be spent on thinking; the names are OpenAI's, the shares OpenRouter's.
const THINKING_SHARE: Readonly<Record<string, number>> = {
  minimal: 0.1,
  low: 0.2,
  medium: 0.5,
  high: 0.8,
  xhigh: 0.95,
}
// The API's own least.
const MIN_THINKING_TOKENS = 1024
// Above it the API asks for batches: connections are cut before the answer comes.
const MAX_THINKING_TOKENS = 32_000

// Members that change the answer and have no counterpart. `seed` is a wish by OpenAI's own words, and so is not here.
const NOT_SPOKEN: readonly { member: string; harmless: (value: unknown) => boolean }[] = [
  { member: 'n', harmless: (value) => value === 1 },
  { member: 'logprobs', harmless: (value) => value === false },
  { member: 'top_logprobs', harmless: (value) => value === 0 },
  { member: 'logit_bias', harmless: (value) => isObject(value) && Object.keys(value).length === 0 },
  { member: 'presence_penalty', harmless: (value) => value === 0 },
  { member: 'frequency_penalty', harmless: (value) => value === 0 },
  {
    member: 'modalities',
    harmless: (value) => Array.isArray(value) && value.every((entry) => entry === 'text'),
  },
  { member: 'audio', harmless: () => false },
  { member: 'prediction', harmless: () => false },
  { member: 'web_search_options', harmless: () => false },
  { member: 'functions', harmless: (value) => Array.isArray(value) && value.length === 0 },
  { member: 'function_call', harmless: (value) => value === 'none' },
  { member: 'verbosity', harmless: (value) => value === 'medium' },
]

/**
 * The body of the call. Throws `invalid_value` with the field that cannot be translated; members that are wishes or
 * book-keeping (`seed`, `service_tier`, `store`, `metadata`, `prompt_cache_key`) and unknown ones stay behind.
 */
export function toMessagesRequest(
  request: ChatRequest,
  call: { upstreamModel: string; maxOutputTokens: number },
): JsonObject {
  refuseUnspoken(request)
  const { system, messages } = toMessages(request.messages)
  const thinking = toThinking(request, call.maxOutputTokens)
  const tools = toTools(request.tools)
  const format = toFormat(request, { isThinking: thinking !== undefined })
  if (format?.tool) tools.push(format.tool)
  const toolChoice = toToolChoice(request, {
    hasTools: tools.length > 0,
    jsonTool: format?.tool !== undefined,
  })
  if (thinking && toolChoice && (toolChoice.type === 'any' || toolChoice.type === 'tool')) {
    throw refusal(
      'tool_choice',
      "This model cannot be forced to call a tool while it reasons. Use 'auto', or leave reasoning_effort out.",
    )
  }
  return {
    model: call.upstreamModel,
    max_tokens: call.maxOutputTokens,
    ...(system.length > 0 ? { system } : {}),
    messages,
    ...(tools.length > 0 ? { tools } : {}),
    ...(toolChoice ? { tool_choice: toolChoice } : {}),
    ...(format?.output ? { output_config: { format: format.output } } : {}),
    ...(thinking ? { thinking } : {}),
    ...toSampling(request, thinking !== undefined),
    ...(typeof request.user === 'string' && request.user !== ''
      ? { metadata: { user_id: request.user } }
      : {}),
    ...(request.stream ? { stream: true } : {}),
  }
}

function refuseUnspoken(request: ChatRequest): void {
  for (const { member, harmless } of NOT_SPOKEN) {
    const value = request[member]
    if (value === undefined || value === null || harmless(value)) continue
    throw refusal(member, `This model does not support '${member}'. Leave it out, or choose another model.`)
  }
}

function toSampling(request: ChatRequest, isThinking: boolean): JsonObject {
  const { temperature, top_p: topP, top_k: topK, stop } = request
  if (isThinking && typeof temperature === 'number' && temperature !== 1) {
    throw refusal(
      'temperature',
      'This model reasons at temperature 1 only. Leave temperature or reasoning_effort out.',
    )
  }
  const stops = (typeof stop === 'string' ? [stop] : (stop ?? [])).filter((sequence) => sequence !== '')
  // The API refuses sequences of white space, which cannot be asked for in other words.
  const blank = stops.findIndex((sequence) => sequence.trim() === '')
  if (blank >= 0) throw refusal('stop', 'This model does not support stop sequences of white space only.')
  return {
    // OpenAI's scale ends at 2, this one at 1.
    ...(typeof temperature === 'number' ? { temperature: Math.min(Math.max(temperature, 0), 1) } : {}),
    ...(typeof topP === 'number' ? { top_p: topP } : {}),
    ...(typeof topK === 'number' ? { top_k: topK } : {}),
    ...(stops.length > 0 ? { stop_sequences: stops } : {}),
  }
}

/** `reasoning_effort` as a budget: a share of the answer's bound, at least 1,024 and below the bound. */
function toThinking(request: ChatRequest, maxOutputTokens: number): JsonObject | undefined {
  const effort = request.reasoning_effort
  if (effort === undefined || effort === null || effort === 'none') return undefined
  const share = Object.hasOwn(THINKING_SHARE, effort) ? THINKING_SHARE[effort] : undefined
  if (share === undefined) {
    throw refusal('reasoning_effort', `'${effort}' is not one of none, minimal, low, medium, high, xhigh.`)
  }
  if (maxOutputTokens <= MIN_THINKING_TOKENS) {
    throw refusal(
      'reasoning_effort',
      `This model needs more than ${MIN_THINKING_TOKENS} output tokens to reason; this request has ${maxOutputTokens}. Raise max_completion_tokens, or leave reasoning_effort out.`,
    )
  }
  const wanted = Math.floor(maxOutputTokens * share)
  const budget = Math.min(Math.max(wanted, MIN_THINKING_TOKENS), MAX_THINKING_TOKENS, maxOutputTokens - 1)
  return { type: 'enabled', budget_tokens: budget }
}

function toTools(tools: ChatRequest['tools']): JsonObject[] {
  return (tools ?? []).map((tool, index) => {
    if (tool.type !== 'function' || !tool.function) {
      throw refusal(
        `tools[${index}].type`,
        `This model supports tools of type 'function' only, not '${tool.type}'.`,
      )
    }
    const { name, description, parameters, strict } = tool.function
    return {
      name,
      ...(typeof description === 'string' ? { description } : {}),
      input_schema: { type: 'object', ...(parameters ?? { properties: {} }) },
      ...(strict === true ? { strict: true } : {}),
      ...(isObject(tool.cache_control) ? { cache_control: tool.cache_control } : {}),
    }
  })
}

function toToolChoice(
  request: ChatRequest,
  { hasTools, jsonTool }: { hasTools: boolean; jsonTool: boolean },
): JsonObject | undefined {
  const { tool_choice: choice, parallel_tool_calls: parallel } = request
  if (!hasTools) {
    if (choice === undefined || choice === null || choice === 'none' || choice === 'auto') return undefined
    throw refusal('tool_choice', "'tool_choice' asks for a tool, but 'tools' is empty.")
  }
  const single = parallel === false ? { disable_parallel_tool_use: true } : {}
  if (isObject(choice)) return { type: 'tool', name: namedTool(choice), ...single }
  switch (choice ?? 'auto') {
    case 'none':
      return jsonTool ? { type: 'tool', name: JSON_ANSWER_TOOL } : { type: 'none' }
    case 'required':
      return { type: 'any', ...single }
    case 'auto':
      // With a JSON answer wanted, "a tool or an answer" means one of the tools, of which the answer is one.
      if (jsonTool) return { type: 'any', ...single }
      return parallel === false || choice === 'auto' ? { type: 'auto', ...single } : undefined
    default:
      throw refusal('tool_choice', `'${String(choice)}' is not one of none, auto, required.`)
  }
}

function namedTool(choice: JsonObject): string {
  if (choice.type === 'function' && isObject(choice.function) && typeof choice.function.name === 'string')
    return choice.function.name
  throw refusal('tool_choice', 'A named tool is given as {"type":"function","function":{"name":"…"}}.')
}

interface AnswerFormat {
  /** The API's own structured output, which holds the model to the schema. */
  output?: JsonObject
  /** A tool that the model answers through. */
  tool?: JsonObject
}

/**
 * Strict schemas go to `output_config.format`, which keeps them; schemas that are not strict may say more than it
 * takes, and `json_object` has no schema at all, so both are answered through a tool. A model that reasons cannot be
 * forced to a tool: there every schema goes to `output_config.format`.
 */
function toFormat(request: ChatRequest, { isThinking }: { isThinking: boolean }): AnswerFormat | undefined {
  const format = request.response_format
  if (!format || format.type === 'text') return undefined
  if (format.type === 'json_object') {
    if (isThinking) {
      throw refusal(
        'response_format',
        "This model cannot combine 'json_object' with reasoning_effort. Use 'json_schema', or leave one out.",
      )
    }
    return { tool: answerTool(request, { type: 'object' }) }
  }
  if (
    format.type !== 'json_schema' ||
    !isObject(format.json_schema) ||
    !isObject(format.json_schema.schema)
  ) {
    throw refusal(
      'response_format',
      "Give 'response_format' as text, json_object, or json_schema with a schema.",
    )
  }
  const { schema, strict, description } = format.json_schema as {
    schema: JsonObject
    strict?: unknown
    description?: unknown
  }
  if (strict === true || isThinking || schema.type !== 'object')
    return { output: { type: 'json_schema', schema } }
  return { tool: answerTool(request, schema, description) }
}

function answerTool(request: ChatRequest, schema: JsonObject, description?: unknown): JsonObject {
  if (request.tools?.some((tool) => tool.function?.name === JSON_ANSWER_TOOL)) {
    throw refusal('tools', `The tool name '${JSON_ANSWER_TOOL}' is reserved. Rename the tool.`)
  }
  return {
    name: JSON_ANSWER_TOOL,
    description: `Give the final answer to the user, as JSON.${typeof description === 'string' ? ` ${description}` : ''}`,
    input_schema: schema,
  }
}

/** What the messages API cannot do, said to the caller. */
function refusal(param: string, message: string): GatewayError {
  return new GatewayError('invalid_value', message, { param })
}
