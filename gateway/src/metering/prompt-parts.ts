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
// A file or image that is only named by id or address.
const REMOTE_FILE_TOKENS = 2_000

/** Takes `request` apart. Unknown kinds of content count as their JSON text. */
export function promptParts(request: ChatRequest): PromptParts {
  const parts: PromptParts = {
    texts: [],
    json: [],
    messages: 0,
    names: 0,
    mediaTokens: 0,
    mediaTokensMax: 0,
    mediaBytes: 0,
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
    if (typeof message.reasoning_content === 'string') addText(parts, message.reasoning_content)
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
  if (typeof part.text === 'string') addText(parts, part.text)
  else if (typeof part.refusal === 'string') addText(parts, part.refusal)
  else if (part.type === 'image_url') addImage(parts, record(part.image_url), image)
  else if (part.type === 'input_audio') addInline(parts, record(part.input_audio).data, AUDIO_CHARS_PER_TOKEN)
  else if (part.type === 'file') addInline(parts, record(part.file).file_data, FILE_CHARS_PER_TOKEN)
  else parts.json.push(part)
}

function addImage(parts: PromptParts, { url, detail }: Record<string, unknown>, image: ImagePrice): void {
  if (typeof url === 'string') parts.mediaBytes += url.length
  if (detail === 'low') addMedia(parts, image.low, image.low)
  else addMedia(parts, image.usual, image.most)
}

function addInline(parts: PromptParts, data: unknown, charsPerToken: number): void {
  const inline = typeof data === 'string' ? data.length : 0
  const tokens = inline > 0 ? Math.ceil(inline / charsPerToken) : REMOTE_FILE_TOKENS
  parts.mediaBytes += inline
  addMedia(parts, tokens, tokens)
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
