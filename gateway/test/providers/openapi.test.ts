/** What goes to clients, held against OpenAI's own document. Where a recording and the document disagree, it is named. */
import type { ValidateFunction } from 'ajv'
import { describe, expect, test } from 'vitest'
import { faultsOf, hasDocument, schemaOf } from './openai-document.ts'
import { formatFor, frame, identity, loadRecordings, readEvents } from './read-recording.ts'

const recordings = loadRecordings('openai.chat', 'anthropic.messages').filter(({ status }) => status === 200)
if (hasDocument && recordings.length === 0)
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
  test('every whole answer is a CreateChatCompletionResponse', () => {
    const validate = schemaOf('CreateChatCompletionResponse')
    const faults: Record<string, string[]> = {}
    for (const { id, api, body, stream } of recordings) {
      if (stream) continue
      const { json } = formatFor(api).readReply(Buffer.from(body), identity)
      note(faults, id, validate, JSON.parse(json.toString()))
    }
    expect(faults).toEqual(exceptions({ stream: false }))
  })

  test('every chunk is a CreateChatCompletionStreamResponse', () => {
    const validate = schemaOf('CreateChatCompletionStreamResponse')
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
  const found = faultsOf(validate, value)
  if (found.length === 0) return
  faults[id] = [...new Set([...(faults[id] ?? []), ...found])].sort()
}

function exceptions({ stream }: { stream: boolean }): Record<string, string[]> {
  return Object.fromEntries(Object.entries(EXCEPTIONS).filter(([id]) => id.includes('-sse-') === stream))
}
