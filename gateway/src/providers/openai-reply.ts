/** Reads a whole `chat.completion` and fills in what its vendor left out of OpenAI's shape. */
import { isAscii, isUtf8 } from 'node:buffer'
import { editMembers, scanMembers } from '../http/json-members.ts'
import { isFailedFinish, mapFinishReason } from './finish-reason.ts'
import { contentOf, isObject, type JsonObject, reasoningOf, synthesisedCallId } from './openai-message.ts'
import { type ChatReply, MalformedReply, type ReplyIdentity } from './provider.ts'
import { readOpenAiUsage, toOpenAiUsage } from './read-usage.ts'
import { inputTokens, outputTokens, type Usage } from './usage.ts'

// Seconds stay below it until the year 5138; milliseconds have been above it since 1973.
const MAX_CREATED_S = 100_000_000_000

/** The answer with our `id` and `model`; members that were right keep their bytes. Throws `MalformedReply`. */
export function readOpenAiReply(body: Buffer, identity: ReplyIdentity): ChatReply {
  const reply = parseReply(body)
  const choices = reply.choices
  if (!Array.isArray(choices) || choices.length === 0) throw new MalformedReply('an answer without choices')
  const usage = readOpenAiUsage(reply.usage)
  const read = choices.map((choice, position) => readChoice(choice, position, identity))

  const edits: Record<string, string | undefined> = {}
  edits.id = JSON.stringify(identity.id)
  edits.model = JSON.stringify(identity.model)
  if (reply.object !== 'chat.completion') edits.object = '"chat.completion"'
  if (!isUnixSeconds(reply.created)) edits.created = String(identity.createdS)
  if (read.some((choice) => choice.changed))
    edits.choices = JSON.stringify(read.map((choice) => choice.value))
  // A report that is no count must not reach a client that adds it up.
  if (usage === undefined) edits.usage = undefined
  else if (!addsUp(reply.usage as JsonObject, usage)) edits.usage = JSON.stringify(toOpenAiUsage(usage))
  return {
    get json() {
      return editMembers(body, scanMembers(body), edits)
    },
    jsonWith: (billed) => editMembers(body, scanMembers(body), { ...edits, usage: billed }),
    usage,
    text: read.length === 1 ? (read[0] as ReadChoice).text : read.map((choice) => choice.text).join(''),
    hasToolCalls: read.some((choice) => choice.hasToolCalls),
    toolNames: read.flatMap((choice) => choice.toolNames),
    finishReason: read[0]?.finishReason ?? 'stop',
    answeredBy: typeof reply.model === 'string' ? reply.model : undefined,
  }
}

/** True for a time that clients can show. */
export function isUnixSeconds(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < MAX_CREATED_S
}

function parseReply(body: Buffer): JsonObject {
  const ascii = isAscii(body)
  if (!ascii && !isUtf8(body)) throw new MalformedReply('an answer that is not UTF-8')
  let reply: unknown
  try {
    reply = JSON.parse(body.toString(ascii ? 'latin1' : 'utf8'))
  } catch {
    throw new MalformedReply('an answer that is not JSON')
  }
  if (!isObject(reply)) throw new MalformedReply('an answer that is not an object')
  if (reply.error) throw new MalformedReply('an error sent as a success')
  return reply
}

interface ReadChoice {
  value: JsonObject
  changed: boolean
  text: string
  hasToolCalls: boolean
  toolNames: readonly string[]
  finishReason: string
}

function readChoice(choice: unknown, position: number, identity: ReplyIdentity): ReadChoice {
  if (!isObject(choice) || !isObject(choice.message)) throw new MalformedReply('a choice without a message')
  if (choice.error || isFailedFinish(choice.finish_reason))
    throw new MalformedReply('an answer that was broken off')
  const index = Number.isInteger(choice.index) ? (choice.index as number) : position
  const message = isWholeText(choice.message)
    ? {
        value: choice.message,
        changed: false,
        text: choice.message.content,
        hasToolCalls: false,
        toolNames: [],
      }
    : readMessage(choice.message, { identity, index })
  const finishReason = mapFinishReason(choice.finish_reason, message.hasToolCalls)
  const changed =
    message.changed ||
    choice.index !== index ||
    choice.finish_reason !== finishReason ||
    choice.logprobs === undefined
  const { text, hasToolCalls, toolNames } = message
  if (!changed) return { value: choice, changed, text, hasToolCalls, toolNames, finishReason }
  const value = {
    ...choice,
    index,
    message: message.value,
    finish_reason: finishReason,
    logprobs: choice.logprobs ?? null,
  }
  return { value, changed, text, hasToolCalls, toolNames, finishReason }
}

const TEXT_MEMBERS = new Set(['role', 'content', 'refusal', 'annotations'])

/** The commonest message by far, a text that lacks nothing: no member of it needs a second look. */
function isWholeText(message: JsonObject): message is JsonObject & { content: string } {
  for (const key in message) if (!TEXT_MEMBERS.has(key)) return false
  const { role, content, refusal, annotations } = message
  return role === 'assistant' && typeof content === 'string' && refusal === null && annotations !== null
}

/** What OpenAI requires of a message, made true by filling in; nothing that says something is taken away. */
function readMessage(message: JsonObject, place: { identity: ReplyIdentity; index: number }) {
  const value: JsonObject = { ...message }
  const { text, reasoning: thought } = contentOf(message.content)
  const toolCalls = readToolCalls(message.tool_calls, place)
  const functionCall =
    isObject(message.function_call) && message.function_call.name ? message.function_call : undefined
  const hasToolCalls = toolCalls.calls.length > 0 || functionCall !== undefined

  value.role = 'assistant'
  value.content = text === '' && (hasToolCalls || message.content === null) ? null : text
  if (thought !== '' && reasoningOf(message) === '') value.reasoning_content = thought
  value.refusal = message.refusal === '' ? null : (message.refusal ?? null)
  if (toolCalls.calls.length > 0) value.tool_calls = toolCalls.calls
  else delete value.tool_calls
  // Snowflake sends these as empty husks that clients would take for a call and for sound.
  if (!functionCall) delete value.function_call
  if (isObject(message.audio) && !message.audio.data && !message.audio.id) delete value.audio
  if (message.annotations === null) delete value.annotations

  const refusal = typeof message.refusal === 'string' ? message.refusal : ''
  const called = functionCall ? `${functionCall.name}${functionCall.arguments ?? ''}` : ''
  return {
    value,
    changed: toolCalls.changed || !sameMembers(message, value),
    text: (reasoningOf(message) || thought) + text + refusal + toolCalls.text + called,
    hasToolCalls,
    toolNames: functionCall ? [...toolCalls.names, String(functionCall.name)] : toolCalls.names,
  }
}

function readToolCalls(calls: unknown, { identity, index }: { identity: ReplyIdentity; index: number }) {
  if (calls === undefined || calls === null) return { calls: [], changed: false, text: '', names: [] }
  if (!Array.isArray(calls)) throw new MalformedReply('tool calls that are no list')
  let changed = false
  let text = ''
  const names: string[] = []
  const read = calls.map((call: unknown, position) => {
    if (!isObject(call)) throw new MalformedReply('a tool call that is no object')
    if (call.type === 'custom') {
      const custom = isObject(call.custom) ? call.custom : {}
      names.push(String(custom.name ?? ''))
      text += `${custom.name ?? ''}${custom.input ?? ''}`
      return call
    }
    if (!isObject(call.function) || typeof call.function.name !== 'string' || call.function.name === '') {
      throw new MalformedReply('a tool call without a function')
    }
    const given = call.function.arguments
    // OpenRouter leaves them out of calls without arguments; Ollama's older versions send an object.
    const args = typeof given === 'string' && given !== '' ? given : JSON.stringify(given || {})
    const id =
      typeof call.id === 'string' && call.id !== ''
        ? call.id
        : synthesisedCallId(identity.id, index, position)
    names.push(call.function.name)
    text += call.function.name + args
    if (args === given && id === call.id && call.type === 'function') return call
    changed = true
    return { ...call, id, type: 'function', function: { ...call.function, arguments: args } }
  })
  return { calls: read, changed, text, names }
}

/** Same members with the same values; the lists and objects that were not rebuilt are the same ones. */
function sameMembers(before: JsonObject, after: JsonObject): boolean {
  const keys = Object.keys(after)
  if (keys.length !== Object.keys(before).length) return false
  return keys.every(
    (key) => key === 'tool_calls' || (Object.hasOwn(before, key) && before[key] === after[key]),
  )
}

function addsUp(report: JsonObject, usage: Usage): boolean {
  const details = isObject(report.completion_tokens_details) ? report.completion_tokens_details : {}
  return (
    report.prompt_tokens === inputTokens(usage) &&
    report.completion_tokens === outputTokens(usage) &&
    report.total_tokens === inputTokens(usage) + outputTokens(usage) &&
    (details.reasoning_tokens ?? usage.reasoning) === usage.reasoning
  )
}
