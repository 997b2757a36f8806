/**
 * What an upstream of a story answers when the gateway asks whether a listing's key works: all models that are
 * catalogued, and the one token that is asked for. Not shown among what the story's buyers asked.
 */
import { fileURLToPath } from 'node:url'
import { loadCatalog } from '../../src/catalog/catalog.ts'
import { PROBE_TEXT } from '../../src/marketplace/verify-listing.ts'

const overridesPath = fileURLToPath(new URL('../../../config/models.json', import.meta.url))
let modelsText: string | undefined

/** The answer's JSON text; `undefined` when this is not the gateway's own question. */
export function answerToVerification(path: string, body: string): string | undefined {
  const [asked = ''] = path.split('?')
  if (asked.endsWith('/models') && body === '') return allModels()
  if (body.length > 1_000 || !body.includes(JSON.stringify(PROBE_TEXT).slice(1, -1))) return undefined
  return JSON.stringify(asked.endsWith('/messages') ? message : completion)
}

function allModels(): string {
  modelsText ??= JSON.stringify({
    object: 'list',
    data: loadCatalog({ overridesPath, nowMs: Date.now() })
      .list()
      .map(({ name }) => ({ id: name, object: 'model' })),
  })
  return modelsText
}

const completion = {
  id: 'chatcmpl-probe',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'probed',
  choices: [{ index: 0, message: { role: 'assistant', content: 'OK' }, finish_reason: 'length' }],
  usage: { prompt_tokens: 12, completion_tokens: 1, total_tokens: 13 },
}

const message = {
  id: 'msg_probe',
  type: 'message',
  role: 'assistant',
  model: 'probed',
  content: [{ type: 'text', text: 'OK' }],
  stop_reason: 'max_tokens',
  stop_sequence: null,
  usage: { input_tokens: 12, output_tokens: 1 },
}
