import { countText } from '../metering/count-tokens.ts'
import { tokenPieces } from '../metering/tokenizers.ts'
import type { ChatRequest } from '../providers/chat.ts'
import { schemaInstance } from './schema-instance.ts'
import { hashText, seededRandom } from './seeded-random.ts'

/** One choice of the demo upstream's answer. */
export interface Answer {
  /** What arrives one by one in a stream; joined it is the text, or the tool call's arguments. */
  pieces: string[]
  toolCall: { id: string; name: string } | undefined
  finishReason: 'stop' | 'length' | 'tool_calls'
  completionTokens: number
}

interface AnswerOptions {
  seed: number
  words: number
  empty: boolean
}

const TOKENIZER = 'o200k'
const MAX_ECHO_CHARS = 400

/** The same answer for the same request, seed and choice. Honours tools, JSON modes, `stop` and the maximum. */
export function composeAnswer(request: ChatRequest, choice: number, options: AnswerOptions): Answer {
  const question = lastUserText(request)
  const random = seededRandom(hashText(`${options.seed}/${choice}/${question}`))
  const tool = options.empty ? undefined : chosenTool(request, question)
  if (tool) {
    const text = JSON.stringify(schemaInstance(tool.parameters ?? { type: 'object' }, hintFrom(question)))
    const call = {
      id: `call_demo_${hashText(`${choice}/${question}/${random()}`).toString(36)}`,
      name: tool.name,
    }
    return bounded(text, request, { toolCall: call, finishReason: 'tool_calls' })
  }
  if (options.empty) return bounded('', request, { toolCall: undefined, finishReason: 'stop' })
  const text = beforeStop(textFor(request, question, random, options.words), request.stop)
  return bounded(text, request, { toolCall: undefined, finishReason: 'stop' })
}

function bounded(
  text: string,
  request: ChatRequest,
  answer: Pick<Answer, 'toolCall' | 'finishReason'>,
): Answer {
  const most = request.max_completion_tokens ?? request.max_tokens ?? Number.MAX_SAFE_INTEGER
  const pieces = text === '' ? [] : tokenPieces(TOKENIZER, text)
  const countOf = (kept: string[]) =>
    countText(kept.join(''), TOKENIZER) + (answer.toolCall ? countText(answer.toolCall.name, TOKENIZER) : 0)
  if (countOf(pieces) <= most) return { ...answer, pieces, completionTokens: countOf(pieces) }
  const kept = pieces.slice(0, most)
  while (kept.length > 0 && countOf(kept) > most) kept.pop()
  return { ...answer, pieces: kept, finishReason: 'length', completionTokens: Math.min(most, countOf(kept)) }
}

function textFor(request: ChatRequest, question: string, random: () => number, words: number): string {
  const text = prose(request, question, random, words)
  const format = request.response_format
  if (format?.type === 'json_object') return JSON.stringify({ answer: text, demo: true })
  if (format?.type !== 'json_schema') return text
  const { schema } = (format.json_schema ?? {}) as { schema?: unknown }
  return JSON.stringify(schemaInstance(schema ?? { type: 'object' }, hintFrom(question)))
}

const fillers = [
  'The answer is the same every time, so that you can compare what you see with what you are billed.',
  'No model was asked and no data left this machine.',
  'Tokens, prices and holds around this text are real; only the text is not.',
  'Add a provider key as a listing and the same request goes to a real model.',
  'Stream it, cut it, retry it: the books stay balanced.',
  'Every listing of the demo can be slowed down or broken on purpose.',
]

function prose(request: ChatRequest, question: string, random: () => number, words: number): string {
  const opening = "This is Bourse's built-in demo upstream."
  const last = request.messages.at(-1)
  const heard =
    last?.role === 'tool' || last?.role === 'function'
      ? ` The tool answered: ${shorten(textOf(last.content))}`
      : ` You asked: ${shorten(question) || '(nothing)'}`
  let text = opening + heard
  do text += ` ${fillers[Math.floor(random() * fillers.length)]}`
  while (text.split(' ').length < words)
  return text
}

interface DemoTool {
  name: string
  parameters: unknown
}

/** The tool to call: the one named, any when one is required, else one whose name the question speaks of. */
function chosenTool(request: ChatRequest, question: string): DemoTool | undefined {
  const tools = (request.tools ?? []).flatMap((tool) =>
    tool.function ? [{ name: tool.function.name, parameters: tool.function.parameters }] : [],
  )
  const choice = request.tool_choice
  if (tools.length === 0 || choice === 'none') return undefined
  if (typeof choice === 'object' && choice !== null) {
    const { name } = (choice.function ?? {}) as { name?: string }
    return tools.find((tool) => tool.name === name)
  }
  if (choice === 'required') return tools[0]
  if (request.messages.at(-1)?.role === 'tool') return undefined
  const asked = question.toLowerCase()
  return tools.find((tool) => wordsOf(tool.name).some((word) => asked.includes(word)))
}

/** `get_weather` and `getWeather` speak of `weather`. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word.length > 3)
}

function beforeStop(text: string, stop: ChatRequest['stop']): string {
  const stops = typeof stop === 'string' ? [stop] : (stop ?? [])
  const ends = stops.filter((end) => end !== '').map((end) => text.indexOf(end))
  return text.slice(0, Math.min(text.length, ...ends.filter((at) => at >= 0)))
}

function lastUserText(request: ChatRequest): string {
  return textOf(request.messages.findLast((message) => message.role === 'user')?.content)
}

function textOf(content: ChatRequest['messages'][number]['content']): string {
  if (typeof content === 'string') return content
  return (content ?? [])
    .map((part) => (typeof part.text === 'string' ? part.text : `[${part.type}]`))
    .join(' ')
}

/** A word of the question that looks like a name (`Paris`), for arguments of tools. */
function hintFrom(question: string): string {
  return /(?<=\S\s)\p{Lu}[\p{L}-]+/u.exec(question.slice(0, MAX_ECHO_CHARS))?.[0] ?? 'demo'
}

function shorten(text: string): string {
  const shown = text.slice(0, MAX_ECHO_CHARS).replace(/[\ud800-\udbff]$/, '')
  return text.length > MAX_ECHO_CHARS ? `${shown}…` : shown
}
