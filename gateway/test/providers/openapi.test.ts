/** What goes to clients, held against OpenAI's own document. Where a recording and the document disagree, it is named. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { formatFor, frame, identity, type Json, loadRecordings, readEvents } from './read-recording.ts'

const file = process.env.SPEC_DIR && join(process.env.SPEC_DIR, 'openai-openapi.json')
const hasDocument = file !== undefined && existsSync(file)
const recordings = loadRecordings('openai.chat', 'anthropic.messages').filter(({ status }) => status === 200)
if (!hasDocument) console.log('checks against the OpenAPI document skipped: SPEC_DIR is not set')
else if (recordings.length === 0)
  console.log('checks against the OpenAPI document skipped: RECORDINGS_DIR is not set')

// The document's word against a recorded answer of the vendor: the answer stands.
const NO_FINGERPRINT = ['/system_fingerprint type'] // null, which OpenAI itself sends for its newer models
const OWN_TIER = ['/service_tier anyOf', '/service_tier enum', '/service_tier type'] // Groq's "on_demand", Snowflake's ""
const FILE_ANNOTATION = [
  '/choices/*/message/annotations/* required',
  '/choices/*/message/annotations/*/type enum',
]
const EXCEPTIONS: Record<string, string[]> = {
  'crusoe-chat-004': NO_FINGERPRINT,
  'dashscope-chat-003': NO_FINGERPRINT,
  'dashscope-chat-sse-003': NO_FINGERPRINT,
  'groq-chat-001': OWN_TIER,
  'groq-chat-006': OWN_TIER,
  'groq-chat-008': OWN_TIER,
  'groq-chat-013': OWN_TIER,
  'groq-chat-017': OWN_TIER,
  'openai-chat-001': NO_FINGERPRINT,
  'openai-chat-013': NO_FINGERPRINT,
  'openai-chat-027': NO_FINGERPRINT,
  'openai-chat-032': NO_FINGERPRINT,
  'openai-chat-036': NO_FINGERPRINT,
  'openai-chat-045': NO_FINGERPRINT,
  'openai-chat-048': NO_FINGERPRINT,
  'openrouter-chat-005': NO_FINGERPRINT,
  'openrouter-chat-006': NO_FINGERPRINT,
  'openrouter-chat-010': NO_FINGERPRINT,
  'openrouter-chat-014': NO_FINGERPRINT,
  'openrouter-chat-016': FILE_ANNOTATION,
  'openrouter-chat-030': NO_FINGERPRINT,
  'snowflake-chat-002': OWN_TIER,
  'snowflake-chat-004': OWN_TIER,
  'snowflake-chat-sse-002': OWN_TIER,
}

describe.runIf(hasDocument && recordings.length > 0)("answers and OpenAI's document", () => {
  const document = hasDocument ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { unixtime: true, uri: true } })
  const compile = (name: string): ValidateFunction =>
    ajv.compile({
      $ref: `#/components/schemas/${name}`,
      components: { schemas: withNull(document.components.schemas) },
    })

  test('every whole answer is a CreateChatCompletionResponse', () => {
    const validate = compile('CreateChatCompletionResponse')
    const faults: Record<string, string[]> = {}
    for (const { id, api, body, stream } of recordings) {
      if (stream) continue
      const { json } = formatFor(api).readReply(Buffer.from(body), identity)
      note(faults, id, validate, JSON.parse(json.toString()))
    }
    expect(faults).toEqual(exceptions({ stream: false }))
  })

  test('every chunk is a CreateChatCompletionStreamResponse', () => {
    const validate = compile('CreateChatCompletionStreamResponse')
    const faults: Record<string, string[]> = {}
    for (const { id, api, body, stream } of recordings) {
      if (!stream) continue
      for (const chunk of readEvents(formatFor(api), frame([Buffer.from(body)])).chunks)
        note(faults, id, validate, JSON.parse(chunk))
    }
    expect(faults).toEqual(exceptions({ stream: true }))
  })
})

function note(
  faults: Record<string, string[]>,
  id: string,
  validate: ValidateFunction,
  value: unknown,
): void {
  if (validate(value)) return
  const found = (validate.errors ?? []).map(
    ({ instancePath, keyword }) => `${instancePath.replace(/\d+/g, '*')} ${keyword}`,
  )
  faults[id] = [...new Set([...(faults[id] ?? []), ...found])].sort()
}

function exceptions({ stream }: { stream: boolean }): Record<string, string[]> {
  return Object.fromEntries(Object.entries(EXCEPTIONS).filter(([id]) => id.includes('-sse-') === stream))
}

/** The document says `nullable` as OpenAPI 3.0 did; JSON Schema knows only a union with null. */
function withNull(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(withNull)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, withNull(value)]),
  )
  return nullable === true ? { anyOf: [rest, { type: 'null' }] } : rest
}
