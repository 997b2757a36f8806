import type { JsonMembers } from '../http/json-members.ts'
import { parseJsonObject } from '../http/parse-json.ts'
import { validate } from '../http/validate.ts'
import { type ChatRequest, chatRequest } from '../providers/chat.ts'

export interface ParsedChat {
  request: ChatRequest
  members: JsonMembers
}

/** A chat request from the bytes of its body. Throws `invalid_json` or `invalid_value`. */
export function parseChat(bytes: Buffer): ParsedChat {
  const { value, members } = parseJsonObject(bytes)
  return { request: validate(chatRequest, withModel(value)), members }
}

/** OpenRouter's clients may name `models` alone: the first is the one that is asked for. */
function withModel(value: Record<string, unknown>): Record<string, unknown> {
  const { model, models } = value
  return model === undefined && Array.isArray(models) ? { ...value, model: models[0] } : value
}
