import type { ChatRequest } from '../providers/chat.ts'

/** A prompt taken apart: what is text, and what costs tokens without being text. */
export interface PromptParts {
  /** Every text the model reads. */
  texts: string[]
  /** What it reads as JSON: tools, formats, calls. Turned into text only where that is needed. */
  json: unknown[]
  messages: number
  names: number
  /** Tokens of images, audio and files, as usual for their kind. */
  mediaTokens: number
  /** The most they can come to by what vendors publish. */
  mediaTokensMax: number
  /** Bytes of the body that carry media in place and are no text. */
  mediaBytes: number
  /** Something is in it whose tokens nobody can tell from here: a file by address or id, a video, an unknown kind. */
  hasUnmeasured: boolean
}

interface ImagePrice {
  low: number
  usual: number
  most: number
}

// OpenAI's published arithmetic: a base and a price per 512 px tile, 4 tiles for a square image, at most 8
// (768 x 2048). gpt-4o-mini's tiles cost 33 times as many tokens. Claude (w x h / 750, capped) and Gemini stay below.
const IMAGE: ImagePrice = { low: 85, usual: 765, most: 1_600 }
const IMAGE_GPT_4O_MINI: ImagePrice = { low: 2_833, usual: 25_501, most: 48_169 }

// Audio costs at most 32 tokens a second (Gemini; OpenAI 10); at 8 kbit/s a second is 1,333 base-64 characters.
const AUDIO_CHARS_PER_TOKEN = 40
// A file's text and page images; its base-64 is longer than either.
const FILE_CHARS_PER_TOKEN = 4
// What is billed for something unmeasured when its vendor reports no usage.
const UNMEASURED_TOKENS = 2_000

// Kinds of content that are text, whatever else stands in them.
const TEXT_TYPES = new Set(['text', 'input_text', 'output_text', 'refusal', 'thinking'])

/** Takes `request` apart. What a content part is, its `type` says, as it does to the vendor. */
export function promptParts(request: ChatRequest): PromptParts {
  const parts: PromptParts = {
    texts: [],
    json: [],
    messages: 0,
    names: 0,
    mediaTokens: 0,
    mediaTokensMax: 0,
    mediaBytes: 0,
    hasUnmeasured: false,
  }
  const image = /(^|\/)gpt-4o-mini/.test(request.model) ? IMAGE_GPT_4O_MINI : IMAGE
  for (const message of request.messages) {
    parts.messages += 1
    addText(parts, message.role)
    if (message.name) {
      parts.names += 1
      addText(parts, message.name)
    }
    if (typeof message.content === 'string') addText(parts, message.content)
    else for (const part of message.content ?? []) addContent(parts, part, image)
    if (message.tool_calls?.length) parts.json.push(message.tool_calls)
    if (message.function_call) parts.json.push(message.function_call)
    if (typeof message.refusal === 'string') addText(parts, message.refusal)
    if (typeof message.reasoning_content === 'string') addText(parts, message.reasoning_content)
    // An earlier answer that was spoken, named by its id.
    if (message.audio) addUnmeasured(parts)
  }
  if (request.tools?.length) parts.json.push(request.tools)
  if (Array.isArray(request.functions)) parts.json.push(request.functions)
  if (request.response_format && request.response_format.type !== 'text') {
    parts.json.push(request.response_format)
  }
  return parts
}

type ContentPart = Exclude<NonNullable<ChatRequest['messages'][number]['content']>, string>[number]

function addContent(parts: PromptParts, part: ContentPart, image: ImagePrice): void {
  if (TEXT_TYPES.has(part.type)) {
    if (typeof part.text === 'string') addText(parts, part.text)
    else if (typeof part.refusal === 'string') addText(parts, part.refusal)
    else parts.json.push(part)
  } else if (part.type === 'image_url') addImage(parts, part.image_url, image)
  else if (part.type === 'input_audio') addAudio(parts, part, record(part.input_audio))
  else if (part.type === 'file') addFile(parts, part, record(part.file))
  else addUnmeasured(parts, part)
}

/** An image has a most whatever its size, so one that is only named costs no more than one in place. */
function addImage(parts: PromptParts, given: unknown, image: ImagePrice): void {
  const { url, detail } = typeof given === 'string' ? { url: given } : record(given)
  if (typeof url === 'string') parts.mediaBytes += url.length
  if (detail === 'low') addMedia(parts, image.low, image.low)
  else addMedia(parts, image.usual, image.most)
}

function addAudio(parts: PromptParts, part: ContentPart, { data }: Record<string, unknown>): void {
  if (isInline(data)) addInline(parts, data, AUDIO_CHARS_PER_TOKEN)
  else addUnmeasured(parts, part)
}

function addFile(parts: PromptParts, part: ContentPart, file: Record<string, unknown>): void {
  const isNamed = [file.file_id, file.file_url, file.url].some((name) => name !== undefined && name !== null)
  if (isInline(file.file_data) && !isNamed) addInline(parts, file.file_data, FILE_CHARS_PER_TOKEN)
  else addUnmeasured(parts, part)
}

/** Base-64, bare or as a data URL. Every other address has a colon too. */
function isInline(data: unknown): data is string {
  return typeof data === 'string' && data !== '' && (/^data:/i.test(data) || !data.slice(0, 64).includes(':'))
}

function addInline(parts: PromptParts, data: string, charsPerToken: number): void {
  const tokens = Math.ceil(data.length / charsPerToken)
  parts.mediaBytes += data.length
  addMedia(parts, tokens, tokens)
}

function addUnmeasured(parts: PromptParts, part: Record<string, unknown> = {}): void {
  parts.hasUnmeasured = true
  parts.mediaTokens += UNMEASURED_TOKENS
  // The bytes of a video in place are no text.
  for (const member of Object.values(part)) {
    for (const value of [member, ...Object.values(record(member))]) {
      if (typeof value === 'string' && /^data:/i.test(value)) parts.mediaBytes += value.length
    }
  }
}

function addMedia(parts: PromptParts, usual: number, most: number): void {
  parts.mediaTokens += usual
  parts.mediaTokensMax += most
}

function addText(parts: PromptParts, text: string): void {
  if (text !== '') parts.texts.push(text)
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
